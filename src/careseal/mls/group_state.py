"""Everything a member holds about a group in one epoch, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .credential import Credential
from .errors import OtherEpoch, UsageError
from .extension import Extensions
from .group_context import GroupContext
from .key_schedule import EpochKeys, NewEpoch
from .leaf_node import Capabilities, LeafNode
from .proposal import ReInit, Update
from .proposal_list import SentProposal
from .psk import PskId, ResumptionPskId
from .ratchet_tree import RatchetTree
from .secret import HpkePrivateKey, Psk
from .secret_tree import SecretTree
from .signer import Signer
from .suite import CipherSuite
from .transcript_hash import interim_hash
from .treekem import PrivateKeys

PAST_EPOCHS = 64
"""Past epochs whose resumption PSK is kept (RFC 9420 §8.4 leaves the number open)."""


@dataclass(frozen=True, slots=True)
class LeafChange:
    """What a member's next leaf node has that its present one has not; None leaves it."""

    credential: Credential | None = None
    signer: Signer | None = None
    capabilities: Capabilities | None = None
    extensions: Extensions | None = None

    def applied_to(self, leaf: LeafNode) -> LeafNode:
        """An unsigned template; its keys are still the old ones."""
        return replace(
            leaf,
            credential=self.credential or leaf.credential,
            capabilities=self.capabilities or leaf.capabilities,
            extensions=leaf.extensions if self.extensions is None else self.extensions,
        )


@dataclass(frozen=True, slots=True)
class OwnUpdate:
    """Private keys of an Update that this member has proposed."""

    encryption_key: HpkePrivateKey
    signer: Signer


@dataclass(frozen=True, slots=True)
class GroupState:
    suite: CipherSuite
    context: GroupContext
    tree: RatchetTree
    keys: EpochKeys
    secret_tree: SecretTree
    confirmation_tag: bytes
    own_leaf: int
    signer: Signer
    private_keys: PrivateKeys
    past_psks: Mapping[int, Psk] = field(default_factory=dict)  # by epoch
    proposals: Mapping[bytes, SentProposal] = field(default_factory=dict)  # by reference
    updates: Mapping[bytes, OwnUpdate] = field(default_factory=dict)  # by encryption key
    reinit: ReInit | None = None

    @classmethod
    def begin(
        cls,
        tree: RatchetTree,
        context: GroupContext,
        epoch: NewEpoch,
        confirmation_tag: bytes,
        own_leaf: int,
        signer: Signer,
        private_keys: PrivateKeys,
    ) -> GroupState:
        """The first epoch in which this member takes part."""
        secret_tree = SecretTree.of(tree.suite, tree.size, epoch.encryption_secret)
        return cls(
            tree.suite,
            context,
            tree,
            epoch.keys,
            secret_tree,
            confirmation_tag,
            own_leaf,
            signer,
            private_keys,
        )

    def next(
        self,
        tree: RatchetTree,
        context: GroupContext,
        epoch: NewEpoch,
        confirmation_tag: bytes,
        signer: Signer,
        private_keys: PrivateKeys,
        reinit: ReInit | None,
    ) -> GroupState:
        """The epoch after this one; of the present one only the resumption PSK remains."""
        begun = GroupState.begin(
            tree, context, epoch, confirmation_tag, self.own_leaf, signer, private_keys
        )
        past = {**self.past_psks, self.context.epoch: self.keys.resumption_psk}
        kept = dict(sorted(past.items())[-PAST_EPOCHS:])
        return replace(begun, past_psks=kept, reinit=reinit)

    @property
    def own_leaf_node(self) -> LeafNode:
        return self.tree.member(self.own_leaf)

    @property
    def interim_transcript_hash(self) -> bytes:
        confirmed = self.context.confirmed_transcript_hash
        return interim_hash(self.suite, confirmed, self.confirmation_tag)

    def resumption_psk(self, psk_id: PskId) -> Psk | None:
        """This group's own resumption PSKs, as a source of keys (§8.4)."""
        if not isinstance(psk_id, ResumptionPskId) or psk_id.group_id != self.context.group_id:
            return None
        if psk_id.epoch == self.context.epoch:
            return self.keys.resumption_psk
        return self.past_psks.get(psk_id.epoch)

    def sent_proposal(self, reference: bytes) -> SentProposal:
        """A proposal received or sent before. Raises `UsageError` if there is none."""
        try:
            return self.proposals[reference]
        except KeyError:
            raise UsageError("no proposal with this reference is known here") from None

    def committable_proposals(self) -> tuple[bytes, ...]:
        """References of all proposals but own Updates, whose place a path takes (§12.4)."""
        return tuple(
            reference
            for reference, sent in self.proposals.items()
            if not (isinstance(sent.proposal, Update) and sent.sender.leaf_index == self.own_leaf)
        )

    def check_active(self) -> None:
        """Raises `UsageError` once a ReInit has been committed (§12.1.5)."""
        if self.reinit is not None:
            raise UsageError("the group has ended by a ReInit; go on in its successor")

    def check_epoch(self, group_id: bytes, epoch: int) -> None:
        """Raises `OtherEpoch` unless both are this group's."""
        if group_id != self.context.group_id:
            raise OtherEpoch("the message is for another group")
        if epoch != self.context.epoch:
            raise OtherEpoch(
                f"the message is for epoch {epoch}, the group is in {self.context.epoch}"
            )
