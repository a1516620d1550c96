"""Founding a session, and joining one with nothing but a link (docs/protocol.md §3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from careseal.mls.codec import decode
from careseal.mls.credential import Credential
from careseal.mls.errors import MLSError
from careseal.mls.group import Group
from careseal.mls.group_info import GroupInfo
from careseal.mls.signer import Signer
from careseal.mls.suite import XWING_SUITE

from .boxes import open_key_box
from .commit import CommitData, JoinProof, seal_commit
from .door import NO_COMMIT, Door
from .epoch import Member
from .errors import DoorDoesNotFit, ForkDetected, Malformed, NotAllowed, NotOurs
from .identifiers import EntryId, SessionId
from .identity import Identity, Known
from .invite import Invite
from .log import Chain, Digested, Position
from .policy import Policy, PolicyInvite, Settings
from .secret import BoxKey, DoorKey, IdentityKey
from .sending import door_after, door_now
from .state import (
    CAPABILITIES,
    DoorUpload,
    Epoch,
    KeptRecord,
    Pending,
    Phase,
    SessionState,
    members_of,
)
from .suite import SUITE, Rng


@dataclass(frozen=True, slots=True)
class Introduction:
    """How a device introduces itself: claims, and a clinician's identity key if there is one."""

    name: str
    device: str
    identity_key: IdentityKey | None = None

    def identity(self, session: SessionId, invite: Invite, leaf_key: bytes) -> Identity:
        known = None
        if self.identity_key is not None:
            known = Known.make(self.identity_key, session, leaf_key)
        return Identity.make(self.name, self.device, invite.id, known)


def found(
    own: Invite,
    invites: Iterable[PolicyInvite],
    settings: Settings,
    introduction: Introduction,
    rng: Rng,
) -> tuple[SessionState, DoorUpload]:
    """A new session in epoch 0. The first of `invites` must be `own`, a host's.

    Raises `Malformed` for a policy or a name out of shape.
    """
    policy, session = Policy.make(invites, settings), own.session
    if policy.invites[0].id != own.id or policy.role(own.id) != "host":
        raise Malformed("the founder's own invite comes first and is a host's")
    signer = Signer.generate(SUITE, rng)
    identity = introduction.identity(session, own, signer.public)
    credential = Credential.basic(identity.text)
    group = Group.create(SUITE, session, credential, signer, rng, capabilities=CAPABILITIES)
    chain = Chain.start(session)
    epoch = Epoch.begin(group, policy, 0, 0, NO_COMMIT)
    state = SessionState(
        session,
        Phase.IN,
        own,
        signer.private,
        signer.public,
        epoch,
        chain,
        chain.head,
        records=(KeptRecord(epoch.record, chain.head.hash),),
        used=frozenset({own.id}),
    )
    return state, door_now(state, rng)


@dataclass(frozen=True, slots=True)
class OpenedDoor:
    """A door that opened: who is in, and what the link is. Whether it fits is not known yet."""

    invite: Invite
    key: DoorKey
    door: Door
    group_info: GroupInfo = field(repr=False)
    members: tuple[Member, ...]
    rule: PolicyInvite  # the invite as the policy has it

    @property
    def epoch(self) -> int:
        return self.group_info.context.epoch

    @property
    def position(self) -> Position:
        """Digests of the log are needed from here on."""
        return self.door.position


def open_door(invite: Invite, door: bytes, key_box: bytes, key: BoxKey | None = None) -> OpenedDoor:
    """`key` is that of a knock, else the invite's own opens.

    Raises `Tampered`, `Malformed`, `NotOurs`, or `NotAllowed` if the invite is gone.

    All but the last mean: wait for a host to heal the door.
    """
    epoch, door_key = open_key_box(key or invite.box_key, invite.session, invite.id, key_box)
    opened = Door.open(invite.session, door_key, door)
    try:
        info = decode(GroupInfo.read, opened.group_info)
        context = info.context
        if (context.group_id, context.epoch, context.cipher_suite, context.extensions) != (
            invite.session,
            epoch,
            XWING_SUITE,
            (),
        ):
            raise NotOurs("the door leads into another group")
        tree = info.validate()
    except MLSError as error:
        raise Malformed(f"the door's group is not right: {error}") from error
    rule = opened.policy.find(invite.id)
    if rule is None or not rule.same_invite(invite.policy_entry(rule.role, rule.since)):
        raise NotAllowed("the session does not have this invite")
    if (epoch == 0) != (opened.commit == NO_COMMIT):
        raise Malformed("the door names a commit that cannot have begun its epoch")
    members = members_of(tree, opened.policy)
    for member in members:
        member.identity.verify(invite.session, member.key)
    return OpenedDoor(invite, door_key, opened, info, members, rule)


def join(
    opened: OpenedDoor,
    entries: Sequence[Digested],
    head: int,
    last_commit: int,
    introduction: Introduction,
    rng: Rng,
) -> SessionState:
    """The state of a newcomer, with its join pending: keep it durably, then post it.

    `entries` are all after `opened.position`; `head` and `last_commit` are what the server
    named with the door. Raises `DoorDoesNotFit`, `ForkDetected`, or `NotAllowed` when the
    invite is closed or full.
    """
    invite = opened.invite
    if not opened.rule.open:
        raise NotAllowed("the invite is closed")
    inside = sum(member.invite == invite.id for member in opened.members)
    if inside >= opened.rule.devices:
        raise NotAllowed("the invite is used up")
    chain = opened.door.fit(invite.session, entries, head, last_commit)
    signer = Signer.generate(SUITE, rng)
    joining = SessionState(
        invite.session,
        Phase.JOINING,
        invite,
        signer.private,
        signer.public,
        None,
        chain,
        chain.head,
        used=opened.door.used,
    )
    return _with_join(joining, opened, introduction, signer, None, rng)


def rejoin(
    state: SessionState,
    opened: OpenedDoor,
    entries: Sequence[Digested],
    head: int,
    last_commit: int,
    introduction: Introduction,
    rng: Rng,
) -> SessionState:
    """A re-sync: the same leaf key, the old leaf removed in the same commit.

    `entries` are all after the earlier of `opened.position` and the state's own head. Raises
    `NotAllowed` if the old leaf is gone, else as `join`.
    """
    old = next((each for each in opened.members if each.key == state.leaf_key), None)
    if old is None or old.invite != state.invite.id:
        raise NotAllowed("this device was removed from the session")
    behind = [entry for entry in entries if entry.seq > opened.position.seq]
    chain = opened.door.fit(state.session, behind, head, last_commit)
    verified = state.chain
    for entry in entries:
        if entry.seq > verified.head.seq:
            verified = verified.extend(entry)
    if verified.head != chain.head:
        raise ForkDetected(chain.head.seq, "the log is not the one that was verified before")
    signer = Signer(state.signature_key, state.leaf_key)
    joining = replace(
        state, phase=Phase.JOINING, chain=replace(verified, last_commit=chain.last_commit)
    )
    joining = replace(joining, used=state.used | opened.door.used)
    return _with_join(joining, opened, introduction, signer, old.leaf, rng)


def _with_join(
    state: SessionState,
    opened: OpenedDoor,
    introduction: Introduction,
    signer: Signer,
    resync: int | None,
    rng: Rng,
) -> SessionState:
    invite, session = opened.invite, state.session
    identity = introduction.identity(session, invite, signer.public)
    proof = JoinProof.make(invite.id, invite.join_key, session, opened.epoch, signer.public)
    data = CommitData(state.chain.head, join=proof)
    try:
        group, message = Group.external_commit(
            opened.group_info,
            Credential.basic(identity.text),
            signer,
            rng,
            authenticated_data=data.encode(),
            resync=resync,
            capabilities=CAPABILITIES,
        )
    except MLSError as error:
        raise DoorDoesNotFit(f"the door's group cannot be joined: {error}") from error
    policy, used = opened.door.policy, state.used | {invite.id}
    entry, parent = EntryId(rng(16)), state.chain.last_commit
    body = seal_commit(session, opened.key, parent, entry, message)
    upload = door_after(group, policy, entry, parent, state.chain.head, used, rng)
    pending = Pending(entry, body, upload, group, policy, joins=True)
    return replace(state, pending=pending)
