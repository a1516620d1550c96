"""One call: its links to up to three others, and who takes part (docs/protocol.md §7.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamTrack

from careseal.e2ee.identifiers import CallId, MemberId
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import CallSignal, Candidate, Description, Media, SignalPayload

from .description import SECTIONS
from .events import AlarmKind
from .frames import Keys
from .line import CallLine
from .link import Link, LinkOptions, LinkState, Sent, Slot
from .tracks import Outlet

MOST_OTHERS = 3
"""Others in a mesh of four."""

ICE_SERVERS_FRESH = 300.0  # s


@dataclass(frozen=True, slots=True)
class Starter:
    """Who called."""

    member: MemberId
    leaf: int


class ConversationEvents(Protocol):
    """Whom a conversation tells."""

    def say(self, to: Peer, payload: SignalPayload) -> None: ...

    def joined(self, peer: Peer) -> None: ...

    def left(self, peer: Peer) -> None: ...

    def connected(self, peer: Peer) -> None: ...

    def sends(self, peer: Peer, sent: Sent) -> None: ...

    def alarmed(self, peer: Peer, alarm: AlarmKind) -> None: ...

    def changed(self) -> None:
        """Somebody came, left, connected or lost the connection."""


class Conversation:
    """`starter` is None for who started it, and for who came late and was not told."""

    def __init__(
        self,
        call: CallId,
        starter: Starter | None,
        line: CallLine,
        keys: Keys,
        events: ConversationEvents,
        *,
        started_here: bool = False,
    ) -> None:
        self.id = call
        self.starter = starter
        self.started_here = started_here
        self.accepted = False
        self.links: dict[Peer, Link] = {}
        self.present: set[Peer] = set()
        self.met: set[Peer] = set()  # all to whom there ever was a link
        self.alone_since: float | None = time.monotonic()
        self.outlets = tuple(map(Outlet, SECTIONS))
        self._line = line
        self._keys = keys
        self._events = events
        self._relay = MediaRelay()
        self._closing: set[asyncio.Future[None]] = set()
        self._ice_servers: tuple[float, list[dict[str, object]]] | None = None

    @property
    def connected(self) -> bool:
        return any(
            link.state is LinkState.CONNECTED and peer in self.present
            for peer, link in self.links.items()
        )

    @property
    def sent(self) -> Sent:
        return Sent(*(outlet.source is not None for outlet in self.outlets))

    def is_starter(self, member: MemberId) -> bool:
        return self.starter is not None and self.starter.member == member

    def put(self, slot: Slot, source: MediaStreamTrack | None) -> None:
        """Sends a track on a slot; None stops at once."""
        before = self.sent
        self.outlets[slot].put(source)
        if before != self.sent:
            for link in self.links.values():
                link.announce()

    # Comings and goings --------------------------------------------------------------------

    def ring(self, peer: Peer) -> None:
        """Offers to a peer; it rings there unless the peer takes part already."""
        if peer not in self.links:
            self._new_link(peer).offer()
            self._events.changed()

    def admit(self, peer: Peer, *, offering: bool) -> bool:
        """A peer takes part; False when the call is full."""
        if peer not in self.present:
            if len(self.present) >= MOST_OTHERS:
                return False
            self.present.add(peer)
            self._events.joined(peer)
        if offering:
            self.ring(peer)
        self._release_both()
        self._events.changed()
        return True

    def accept(self) -> None:
        """This side takes part from now on."""
        self.accepted = True
        self.alone_since = time.monotonic()
        self._release_both()

    def drop(self, peer: Peer) -> None:
        took_part = peer in self.present
        self.present.discard(peer)
        link = self.links.pop(peer, None)
        if link is not None:
            self._await(link.close())
        if took_part:
            self._events.left(peer)
        self._events.changed()

    async def close(self) -> None:
        for link in self.links.values():
            self._await(link.close())
        self.links.clear()
        self.present.clear()
        for outlet in self.outlets:
            outlet.stop()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def take(
        self, peer: Peer, signal: Description | Candidate | Media | CallSignal, own_leaf: int
    ) -> None:
        """Signals of a peer about its link."""
        link = self.links.get(peer)
        match signal:
            case Description(type="offer"):
                # Who offers in a call that this side takes part in takes part too.
                if self.accepted and not self.admit(peer, offering=False):
                    return
                link = self._link_for_offer(peer, signal.round, own_leaf)
                if link is not None:
                    link.take(signal)
            case CallSignal(type="unsealed"):
                if link is not None:
                    self.betrayed(link, "unsealed-media")
            case CallSignal(type="restart"):
                if link is not None and link.offerer:
                    link.restart()
            case Description() | Candidate() | Media():
                if link is not None:
                    link.take(signal)

    # What links tell -----------------------------------------------------------------------

    def say(self, to: Peer, payload: SignalPayload) -> None:
        self._events.say(to, payload)

    def connected_to(self, link: Link) -> None:
        self.alone_since = None
        if link.peer in self.present:
            self._events.connected(link.peer)
        self._events.changed()

    def interrupted(self) -> None:
        self._events.changed()

    def sends(self, link: Link) -> None:
        self._events.sends(link.peer, link.remote)

    def betrayed(self, link: Link, alarm: AlarmKind) -> None:
        if self.links.get(link.peer) is link:
            self.drop(link.peer)
            self._events.alarmed(link.peer, alarm)

    def failed(self, link: Link) -> None:
        if self.links.get(link.peer) is link:
            self.drop(link.peer)

    # Links ---------------------------------------------------------------------------------

    def _new_link(self, peer: Peer) -> Link:
        microphone, camera, screen = (
            self._relay.subscribe(outlet, buffered=outlet.kind == "audio")
            for outlet in self.outlets
        )
        link = Link(
            LinkOptions(
                call=self.id,
                peer=peer,
                keys=self._keys,
                sources=(microphone, camera, screen),
                ice_servers=self._fresh_ice_servers,
                relay_only=self._line.relay_only,
                sent=lambda: self.sent,
                events=_LinkListener(self),
            )
        )
        self.links[peer] = link
        self.met.add(peer)
        if self.accepted and peer in self.present:
            link.release()
        return link

    def _link_for_offer(self, peer: Peer, round_: int, own_leaf: int) -> Link | None:
        """Where both offered, the offer of the lower leaf stands (docs/protocol.md §7.2)."""
        link = self.links.get(peer)
        if link is not None and not link.offerer:
            return link
        if round_ > 0 or (link is not None and peer.leaf > own_leaf):
            return None
        if link is None and len(self.links) >= 2 * MOST_OTHERS:
            return None
        if link is not None:
            self._await(link.close())
        return self._new_link(peer)

    def _release_both(self) -> None:
        if not self.accepted:
            return
        for peer, link in self.links.items():
            if peer in self.present and not link.released:
                link.release()
                if link.state is LinkState.CONNECTED:
                    self._events.connected(peer)

    def _await(self, closing: Awaitable[None]) -> None:
        task = asyncio.ensure_future(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _fresh_ice_servers(self) -> list[dict[str, object]]:
        now = time.monotonic()
        if self._ice_servers is None or now - self._ice_servers[0] > ICE_SERVERS_FRESH:
            try:
                self._ice_servers = now, await self._line.ice_servers()
            except Exception:  # without servers a direct path may still be found
                self._ice_servers = now, []
        return self._ice_servers[1]


class _LinkListener:
    """What a link tells, for its conversation."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.say: Callable[[Peer, SignalPayload], None] = conversation.say

    def connected(self, link: Link) -> None:
        self._conversation.connected_to(link)

    def interrupted(self, link: Link) -> None:
        self._conversation.interrupted()

    def sends(self, link: Link) -> None:
        self._conversation.sends(link)

    def betrayed(self, link: Link, alarm: AlarmKind) -> None:
        self._conversation.betrayed(link, alarm)

    def failed(self, link: Link) -> None:
        self._conversation.failed(link)
