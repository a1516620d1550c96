"""The waiting room: which guests no host has admitted yet (docs/protocol.md §5.5)."""

from __future__ import annotations

from collections.abc import Iterable

from careseal.e2ee.epoch import Member
from careseal.e2ee.events import EntryEvent, GroupChanged, MessageReceived
from careseal.e2ee.identifiers import InviteId, MemberId, SessionId
from careseal.e2ee.payload import Admit, Call
from careseal.e2ee.policy import Role
from careseal.e2ee.state import Epoch

from .storage import Store

_ADMITTED = "admitted"


def note(store: Store, session: SessionId, event: EntryEvent, members: Iterable[Member]) -> None:
    """Notes who is admitted by an entry; `members` are those who are in after it."""
    before = admitted(store, session)
    after = before
    match event:
        case MessageReceived(payload=Admit(named)):
            after |= {each.invite for each in members if each.id == named}
        case MessageReceived(payload=Call(event="started"), sender=Member(role=Role.HOST)):
            after |= {each.invite for each in members}
        case GroupChanged():
            after &= {each.invite for each in members}
    if after != before:
        store.put(session, _ADMITTED, b"".join(sorted(after)))


def admitted(store: Store, session: SessionId) -> frozenset[InviteId]:
    """Invites whose guests were admitted, and are in."""
    kept = store.get(session, _ADMITTED) or b""
    return frozenset(InviteId(kept[at : at + 16]) for at in range(0, len(kept), 16))


def is_waiting(invite: InviteId, epoch: Epoch, let_in: frozenset[InviteId]) -> bool:
    """Whether those who came by that invite wait. Who knocked was admitted by that."""
    rule = epoch.policy.find(invite)
    return (
        rule is not None
        and rule.role is Role.GUEST
        and not rule.knock
        and invite not in let_in
        and any(each.invite == invite for each in epoch.members)
    )


def admitted_for(
    newcomer: MemberId, epoch: Epoch, let_in: frozenset[InviteId]
) -> tuple[MemberId, ...]:
    """Members to name in `admit` so that a newcomer knows who was admitted before it came."""
    who = epoch.find(newcomer)
    if who is None:
        return ()
    if who.role is Role.GUEST:
        return (newcomer,) if who.invite in let_in else ()
    first = {each.invite: each for each in reversed(epoch.members) if each.role is Role.GUEST}
    return tuple(each.id for invite, each in first.items() if invite in let_in)
