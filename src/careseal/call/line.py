"""What a call needs of a session: who is here, signals, keys (docs/protocol.md §7.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from careseal.client import Event, Session
from careseal.e2ee.epoch import Member
from careseal.e2ee.errors import SealError
from careseal.e2ee.identifiers import CallId, MemberId
from careseal.e2ee.payload import Call, CallEvent
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import SignalPayload

from .frames import KeyRing

Listener = Callable[[Event], None]


class CallLine(Protocol):
    """The part of a session that calls use; tests have one without a server."""

    @property
    def leaf(self) -> int: ...

    @property
    def relay_only(self) -> bool: ...

    @property
    def peers(self) -> dict[Peer, MemberId]:
        """Pages and processes of others that are here."""

    @property
    def keys(self) -> KeyRing | None:
        """Frame keys of the present epoch and, for 10 s, of the one before."""

    def member(self, member: MemberId) -> Member | None: ...

    def is_own(self, member: MemberId) -> bool:
        """A device of the same participant as this one."""

    def siblings(self, member: MemberId) -> frozenset[MemberId]:
        """All devices of the participant that this device is one of."""

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tells of what happens; what is returned ends that."""

    async def send(self, to: Peer, payload: SignalPayload) -> None: ...

    async def announce(self, call: CallId, event: CallEvent, seconds: int | None) -> None:
        """Writes it in the log."""

    async def renew(self) -> None:
        """Begins a new epoch."""

    async def ice_servers(self) -> list[dict[str, object]]: ...


class SessionLine:
    """The line over a session that is being followed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def leaf(self) -> int:
        return self._session.me.leaf

    @property
    def relay_only(self) -> bool:
        return self._session.policy.settings.relay_only

    @property
    def peers(self) -> dict[Peer, MemberId]:
        return self._session.peers

    @property
    def keys(self) -> KeyRing | None:
        try:
            present, leaf = self._session.state.present, self.leaf
        except SealError:
            return None
        before = self._session.previous_epoch
        epochs = (present,) if before is None else (present, before)
        return KeyRing(leaf, tuple((each.number, each.keys.frame) for each in epochs))

    def member(self, member: MemberId) -> Member | None:
        return next((each for each in self._session.members if each.id == member), None)

    def is_own(self, member: MemberId) -> bool:
        found = self.member(member)
        return found is not None and found.invite == self._session.me.invite

    def siblings(self, member: MemberId) -> frozenset[MemberId]:
        found = self.member(member)
        if found is None:
            return frozenset({member})
        return frozenset(each.id for each in self._session.members if each.invite == found.invite)

    def listen(self, listener: Listener) -> Callable[[], None]:
        return self._session.listen(listener)

    async def send(self, to: Peer, payload: SignalPayload) -> None:
        await self._session.send_signal(to, payload)

    async def announce(self, call: CallId, event: CallEvent, seconds: int | None) -> None:
        await self._session.send_payload(Call(call, event, seconds))

    async def renew(self) -> None:
        await self._session.renew()

    async def ice_servers(self) -> list[dict[str, object]]:
        return await self._session.ice_servers()
