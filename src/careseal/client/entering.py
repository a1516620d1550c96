"""Joining a session by a link, and coming back by a re-sync (docs/protocol.md §3.7)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from careseal.e2ee.errors import DoorDoesNotFit, Malformed, NotAllowed, NotOurs, Tampered
from careseal.e2ee.identifiers import SessionId
from careseal.e2ee.invite import Invite, Link
from careseal.e2ee.joining import Introduction, OpenedDoor, join, open_door, rejoin
from careseal.e2ee.secret import MemberToken
from careseal.e2ee.state import Phase, SessionState

from .errors import (
    DoorNotReady,
    LinkRefused,
    LinkUsedUp,
    NotAuthorised,
    NotInSession,
    PasscodeNeeded,
    ServerContradicts,
    StaleParent,
)
from .keeper import Keeper
from .kept import Shelf
from .knocking import Admitted, Asking
from .profile import Profile
from .storage import Store
from .transport import Bearer, CommitExtras, FetchedDoor, Transport

Waiting = Callable[[], None]
"""Called once when a host must come online first."""

ATTEMPTS = 100
_LOOK_AGAIN = 2.0  # s


def derive(link: Link, passcode: str | None) -> Invite:
    """Raises `PasscodeNeeded`."""
    if link.needs_passcode and not passcode:
        raise PasscodeNeeded("This link needs a passcode, which its sender tells you.")
    return Invite.derive(link.session, link.secret, passcode if link.needs_passcode else None)


async def look(transport: Transport, invite: Invite) -> OpenedDoor:
    """What a link leads to, without joining. Raises `LinkRefused` or `DoorNotReady`."""
    opened, _ = await _open(transport, invite, invite.access_token)
    return opened


async def enter(
    store: Store,
    transport: Transport,
    invite: Invite,
    introduction: Introduction,
    patience: float,
    waiting: Waiting,
    *,
    knocks: bool = False,
) -> None:
    """Joins, and returns when the server has acknowledged it.

    `patience` is how many seconds to wait for a host to mend the door or, where the link
    `knocks`, to admit. Raises `LinkRefused`, `LinkUsedUp`, `NotAdmitted` or `DoorNotReady`.
    """
    deadline, told = asyncio.get_running_loop().time() + patience, False
    lost: int | None = None
    asking = Asking(store, transport, invite, introduction.name) if knocks else None
    for _ in range(ATTEMPTS):
        try:
            admitted = await asking.wait(deadline, waiting) if asking else None
            before, lost = lost, await _try(store, transport, invite, introduction, admitted)
            if lost is None:
                if asking is not None:
                    await asking.over()
                return
            if lost == before:
                raise ServerContradicts(
                    "The server says that somebody else came first, and does not show it."
                )
        except DoorNotReady:
            if asyncio.get_running_loop().time() + _LOOK_AGAIN > deadline:
                raise
            if not told:
                waiting()
                told = True
            await asyncio.sleep(_LOOK_AGAIN)
    raise DoorNotReady("Others kept changing the session; try again in a moment.")


async def _try(
    store: Store,
    transport: Transport,
    invite: Invite,
    introduction: Introduction,
    admitted: Admitted | None,
) -> int | None:
    """The commit after which it joined in vain, for somebody else's came first."""
    opened, fetched = await _open(transport, invite, invite.access_token, admitted)
    digests, head, last_commit = await transport.digests(
        invite.session, invite.access_token, opened.position.seq
    )
    try:
        state = join(opened, digests, head, last_commit, introduction, os.urandom)
    except DoorDoesNotFit as error:
        raise DoorNotReady(_WAIT) from error
    except NotAllowed as error:
        raise LinkUsedUp("This link has been used by as many devices as it lets in.") from error
    profile = Profile(transport.origin, MemberToken(os.urandom(32)), introduction)
    with store.transaction():
        Keeper(store, invite.session).begin(state)
        store.put(invite.session, "profile", profile.encode())
        if fetched.letter is not None:
            store.put(invite.session, "letter", fetched.letter)
    shelf = Shelf(store, invite.session)
    return None if await post_join(transport, shelf, state, profile) else last_commit


async def post_join(
    transport: Transport, shelf: Shelf, state: SessionState, profile: Profile
) -> bool:
    """Posts a join that is kept; safe to repeat. False when another commit came first."""
    if state.pending is None or state.phase is not Phase.JOINING:
        return False
    extras = CommitExtras(token=profile.token)
    request = transport.commit_request(state.member_id, state.pending, extras)
    shelf.posting(state.pending.entry, request, joins=True)
    try:
        await transport.post_commit(state.session, state.invite.access_token, request)
    except StaleParent:
        return False
    except NotAuthorised as error:
        raise LinkRefused(_REFUSED) from error
    return True


async def come_back(keeper: Keeper, transport: Transport, profile: Profile) -> bool:
    """A re-sync of a device that cannot follow the log any more.

    False if the door leads into no later epoch, so there is nothing to come back to. Raises
    `NotInSession` if the old leaf was removed, `DoorNotReady` if nobody can tell yet, and
    `DoorDoesNotFit` if others went on, but a host must mend the door first.
    """
    state = keeper.state
    opened, _ = await _open(transport, state.invite, profile.token)
    if state.epoch is not None and opened.epoch <= state.epoch.number:
        return False
    start = min(opened.position.seq, state.chain.head.seq)
    digests, head, last_commit = await transport.digests(state.session, profile.token, start)
    try:
        back = rejoin(state, opened, digests, head, last_commit, profile.introduction, os.urandom)
    except NotAllowed as error:
        raise NotInSession("This device was removed from the session.") from error
    keeper.begin_again(back)
    return True


async def _open(
    transport: Transport, invite: Invite, token: Bearer, admitted: Admitted | None = None
) -> tuple[OpenedDoor, FetchedDoor]:
    try:
        fetched = await transport.door(invite.session, token)
    except NotAuthorised as error:
        raise LinkRefused(_REFUSED) from error
    key_box = admitted.key_box if admitted else fetched.key_box
    if key_box is None:
        raise DoorNotReady(_WAIT)
    try:
        key = admitted.key if admitted else None
        return open_door(invite, fetched.door, key_box, key), fetched
    except NotAllowed as error:
        raise LinkRefused(_REFUSED) from error
    except (Malformed, NotOurs, Tampered) as error:
        raise DoorNotReady(_WAIT) from error


def in_store(store: Store, session: SessionId) -> bool:
    return store.version(session, "state") > 0 and not store.version(session, "founding")


_WAIT = "A host must come online before you can join; try again in a moment."
_REFUSED = "This link does not work: it is wrong, has expired, or was closed."
