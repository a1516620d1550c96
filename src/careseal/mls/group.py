"""A group as one of its members sees it: the way into this package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from . import committing, founding, joining, sending
from .codec import decode
from .committing import CommitOptions, CommitResult
from .credential import Credential
from .errors import InvalidMessage, OtherEpoch, UsageError
from .extension import Extension, Extensions, external_pub_extension
from .external_joining import commit_externally
from .following import follow
from .framing import Sender
from .group_context import GroupContext
from .group_info import GroupInfo, ratchet_tree_extension
from .group_state import GroupState, LeafChange, OwnUpdate
from .group_state_codec import decode_state, encode_state
from .kem import Rng
from .key_package import KeyPackage, OwnKeyPackage
from .leaf_node import Capabilities, LeafNode, LeafNodeSource
from .message import decode_message
from .proposal import Proposal, ReInit, Update
from .proposal_list import SentProposal, check_proposal
from .psk import PskId, PskSource, no_psks
from .ratchet_tree import RatchetTree
from .receiving import Received, ReceivedCommit, ReceivedProposal, receive
from .secret import Secret
from .signer import Signer
from .suite import CipherSuite
from .welcome import Welcome


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit that its maker has not applied yet.

    Send `message`; when it is accepted, go on with `group`, else with `current`, which differs
    from the group before only in the key that a private message has used up.
    """

    group: Group
    message: bytes
    welcome: bytes | None  # MLSMessage for those whom the commit adds
    current: Group

    @classmethod
    def of(cls, result: CommitResult) -> Committed:
        return cls(Group(result.state), result.message, result.welcome, Group(result.current))


@dataclass(frozen=True, slots=True)
class Group:
    """One epoch of a group, immutable. Whatever changes it returns a new group or raises an
    `MLSError` and has changed nothing.

    Forget the old group then, for it holds the old secrets; keep it only for as long as late
    private messages of its epoch are still to be read.
    """

    _state: GroupState

    def __repr__(self) -> str:
        return f"<Group {self.group_id.hex()} of {len(self.roster)}, epoch {self.epoch}>"

    # How to come by a group

    @classmethod
    def create(
        cls,
        suite: CipherSuite,
        group_id: bytes,
        credential: Credential,
        signer: Signer,
        rng: Rng,
        *,
        extensions: Extensions = (),
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - immutable
        leaf_extensions: Extensions = (),
    ) -> Group:
        """A group of one, in epoch 0 (RFC 9420 §11).

        Raises `InvalidMessage` if the member does not support what `extensions` ask for.
        """
        own = OwnKeyPackage.generate(
            suite,
            credential,
            signer,
            rng,
            capabilities=capabilities,
            leaf_extensions=leaf_extensions,
        )
        return cls(founding.found(suite, group_id, own, extensions, rng))

    @classmethod
    def join(
        cls,
        welcome: bytes,
        own: OwnKeyPackage,
        *,
        psks: PskSource = no_psks,
        tree: bytes | None = None,
        old: Group | None = None,
    ) -> Group:
        """Joins by a Welcome, an MLSMessage (§12.4.3.1).

        `tree` is the encoded ratchet tree, if the Welcome does not hold it; `old` the group
        that this one continues by ReInit or branching. Delete the key package's private keys
        afterwards. Raises `DecodeError`, `InvalidMessage`, `MissingPsk` or, without a tree,
        `UsageError`.
        """
        message = decode_message(welcome)
        if not isinstance(message, Welcome):
            raise InvalidMessage("not a Welcome")
        given = _read_tree(message.suite, tree)
        state = joining.join(message, own, psks, given, None if old is None else old._state)
        return cls(state)

    @classmethod
    def external_commit(
        cls,
        group_info: GroupInfo,
        credential: Credential,
        signer: Signer,
        rng: Rng,
        *,
        authenticated_data: bytes = b"",
        resync: int | None = None,
        tree: bytes | None = None,
        psk_ids: Sequence[PskId] = (),
        psks: PskSource = no_psks,
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - immutable
        leaf_extensions: Extensions = (),
    ) -> tuple[Group, bytes]:
        """Joins from outside (§12.4.3.2): the group in the next epoch, and the commit, an
        MLSMessage with a PublicMessage, which the members must accept.

        The GroupInfo is validated first, with the ratchet tree in it or the encoded `tree`.
        `resync` is the leaf index of an old leaf of the same client, which is removed. Raises
        `InvalidMessage`, `DecodeError`, `MissingPsk`, or `UsageError` if the GroupInfo has no
        `external_pub`.
        """
        template = LeafNode(
            b"",
            signer.public,
            credential,
            capabilities,
            LeafNodeSource.COMMIT,
            None,
            b"",
            leaf_extensions,
            b"",
        )
        state, message = commit_externally(
            group_info,
            group_info.validate(_read_tree(group_info.suite, tree)),
            template,
            signer,
            authenticated_data,
            resync,
            tuple(psk_ids),
            psks,
            rng,
        )
        return cls(state), message

    # What there is to see

    @property
    def suite(self) -> CipherSuite:
        return self._state.suite

    @property
    def context(self) -> GroupContext:
        """Group id, epoch, transcript hash, extensions (§8.1)."""
        return self._state.context

    @property
    def group_id(self) -> bytes:
        return self._state.context.group_id

    @property
    def epoch(self) -> int:
        return self._state.context.epoch

    @property
    def own_leaf(self) -> int:
        """Leaf index of this member."""
        return self._state.own_leaf

    @property
    def signer(self) -> Signer:
        return self._state.signer

    @property
    def tree(self) -> RatchetTree:
        return self._state.tree

    @property
    def roster(self) -> Mapping[int, LeafNode]:
        """All members by leaf index."""
        return dict(self._state.tree.members())

    @property
    def reinit(self) -> ReInit | None:
        """The ReInit that has ended this group, if one has (§12.1.5)."""
        return self._state.reinit

    @property
    def proposals(self) -> Mapping[bytes, SentProposal]:
        """Proposals by reference that wait for a commit."""
        return dict(self._state.proposals)

    @property
    def epoch_authenticator(self) -> bytes:
        """Equal for members who agree on everything so far; Nh bytes (§8.7)."""
        return self._state.keys.epoch_authenticator

    def export(self, label: str, context: bytes, length: int) -> Secret:
        """MLS-Exporter (§8.5): `length` bytes. Raises `UsageError` for more than 255 Nh."""
        return self._state.keys.export(self.suite, label.encode(), context, length)

    def group_info(
        self, *, tree: bool = True, external: bool = True, extensions: Iterable[Extension] = ()
    ) -> GroupInfo:
        """A signed GroupInfo of this epoch (§12.4.3), with ratchet tree and external_pub unless
        they are not wanted. Raises `UsageError` if a ReInit has ended the group."""
        self._state.check_active()
        chosen = list(extensions)
        if tree:
            chosen.append(ratchet_tree_extension(self._state.tree))
        if external:
            _, public = self._state.keys.external_key_pair(self.suite)
            chosen.append(external_pub_extension(public))
        return sending.group_info(self._state, tuple(chosen))

    # What others sent

    def receive(self, message: bytes) -> tuple[Group, Received]:
        """Reads and authenticates an MLSMessage of this epoch, without any effect yet.

        The group returned lacks the key that opened a PrivateMessage, so nobody can replay it.
        What to do with the rest is the caller's decision: `apply` a commit, `remember` a
        proposal. Raises `DecodeError` or `InvalidMessage`, among these `OtherEpoch` and
        `NotAuthentic`.
        """
        state, received = receive(self._state, message)
        return Group(state), received

    def apply(self, commit: ReceivedCommit, *, psks: PskSource = no_psks) -> Group:
        """The group in the next epoch (§12.4.2).

        Raises `InvalidMessage` (`NotAuthentic`, `OtherEpoch`), `MissingPsk`,
        `RemovedFromGroup`, or `UsageError` for a commit of this member's own.
        """
        return Group(follow(self._state, commit, psks))

    def remember(self, proposal: ReceivedProposal) -> Group:
        """With a proposal that a later commit may refer to. Raises `OtherEpoch`."""
        if proposal.context != self._state.context:
            raise OtherEpoch("the proposal was received in another epoch than this one")
        sent = SentProposal(proposal.proposal, proposal.sender)
        known = {**self._state.proposals, proposal.reference: sent}
        return Group(replace(self._state, proposals=known))

    def forget(self, references: Iterable[bytes]) -> Group:
        """Without these proposals, so that `commit` does not include them."""
        kept = dict(self._state.proposals)
        for reference in references:
            kept.pop(reference, None)
        return Group(replace(self._state, proposals=kept))

    # What this member sends

    def commit(
        self,
        rng: Rng,
        proposals: Sequence[Proposal] = (),
        *,
        authenticated_data: bytes = b"",
        leaf: LeafChange = LeafChange(),  # noqa: B008 - immutable
        force_path: bool = True,
        private: bool = False,
        padding: int = 0,
        references: Iterable[bytes] | None = None,
        tree_in_welcome: bool = True,
        psks: PskSource = no_psks,
    ) -> Committed:
        """A commit of remembered proposals and of `proposals` by value (§12.4.1).

        `references` chooses among the remembered ones, by default all but own Updates. There is
        a path if one is required, `leaf` changes something, or `force_path` is true. Raises
        `InvalidMessage` if the proposals do not go together, `MissingPsk`, or `UsageError`.
        """
        options = CommitOptions(
            authenticated_data,
            leaf,
            force_path,
            private,
            padding,
            None if references is None else tuple(references),
            tree_in_welcome,
        )
        return Committed.of(committing.commit(self._state, proposals, psks, rng, options))

    def propose(
        self,
        proposal: Proposal,
        rng: Rng,
        *,
        authenticated_data: bytes = b"",
        private: bool = False,
        padding: int = 0,
    ) -> tuple[Group, bytes]:
        """A proposal as an MLSMessage, and the group that remembers it (§12.1).

        For an Update use `propose_update`. Raises `InvalidMessage`.
        """
        self._state.check_active()
        own = SentProposal(proposal, Sender.member(self.own_leaf))
        check_proposal(self.tree, self.context, own)
        authenticated = sending.sign(self._state, proposal, authenticated_data, private)
        state, message = sending.protect(self._state, authenticated, rng, padding)
        known = {**state.proposals, authenticated.reference(self.suite): own}
        return Group(replace(state, proposals=known)), message

    def propose_update(
        self,
        rng: Rng,
        leaf: LeafChange = LeafChange(),  # noqa: B008 - immutable
        *,
        authenticated_data: bytes = b"",
        private: bool = False,
        padding: int = 0,
    ) -> tuple[Group, bytes]:
        """A proposal of new keys for this member's leaf, for others to commit (§12.1.2)."""
        private_key, public = self.suite.generate_hpke_key(rng)
        signer = leaf.signer or self.signer
        node = replace(
            leaf.applied_to(self._state.own_leaf_node),
            encryption_key=public,
            signature_key=signer.public,
            source=LeafNodeSource.UPDATE,
            lifetime=None,
            parent_hash=None,
        ).signed(self.suite, signer.private, self.group_id, self.own_leaf)
        group, message = self.propose(
            Update(node),
            rng,
            authenticated_data=authenticated_data,
            private=private,
            padding=padding,
        )
        updates = {**self._state.updates, public: OwnUpdate(private_key, signer)}
        return Group(replace(group._state, updates=updates)), message

    def encrypt(
        self, data: bytes, rng: Rng, *, authenticated_data: bytes = b"", padding: int = 0
    ) -> tuple[Group, bytes]:
        """Application data as an MLSMessage (§15), and the group without the key used for it.

        Raises `UsageError` if a ReInit has ended the group, or while proposals wait: they are
        to be committed first (§12.4), so that nobody reads on who is to be removed.
        """
        self._state.check_active()
        if self._state.proposals:
            raise UsageError("commit or forget the remembered proposals first")
        authenticated = sending.sign(self._state, data, authenticated_data, private=True)
        state, message = sending.protect(self._state, authenticated, rng, padding)
        return Group(state), message

    # What comes after this group

    def branch(
        self,
        group_id: bytes,
        own: OwnKeyPackage,
        others: Sequence[KeyPackage],
        rng: Rng,
        *,
        extensions: Extensions = (),
    ) -> Committed:
        """A new group of some of the members (§11.3); its first commit is for nobody, the
        Welcome for `others`. That these are members is for the caller to know."""
        return Committed.of(founding.branch(self._state, group_id, own, others, extensions, rng))

    def successor(
        self,
        suite: CipherSuite,
        own: OwnKeyPackage,
        others: Sequence[KeyPackage],
        rng: Rng,
    ) -> Committed:
        """The group that `reinit` announced (§11.2), with a Welcome for all other members.

        Raises `UsageError` if no ReInit was committed or for another suite than announced.
        """
        return Committed.of(founding.reinit(self._state, suite, own, others, rng))

    # Storage

    def to_bytes(self) -> bytes:
        """The whole state with all secrets, for storage that is kept secret."""
        return encode_state(self._state)

    @classmethod
    def from_bytes(cls, data: bytes) -> Group:
        """The group that `to_bytes` wrote. Raises `DecodeError` for anything else."""
        return cls(decode_state(data))


def _read_tree(suite: CipherSuite, encoded: bytes | None) -> RatchetTree | None:
    if encoded is None:
        return None
    return decode(lambda reader: RatchetTree.read(reader, suite), encoded)
