"""Who is who among the peers of a session, and who of them is here."""

from __future__ import annotations

from careseal.e2ee.epoch import Member
from careseal.e2ee.identifiers import MemberId
from careseal.e2ee.signal import Peer

from .conversation import Conversation
from .line import CallLine


class People:
    """`online` are the members that the server last said are here; None before it said so."""

    def __init__(self, line: CallLine) -> None:
        self.online: frozenset[MemberId] | None = None
        self._line = line
        self._seen: set[Peer] = set()

    @property
    def here(self) -> dict[Peer, MemberId]:
        online = self.online
        return {
            peer: member
            for peer, member in self._line.peers.items()
            if online is None or member in online
        }

    @property
    def others(self) -> list[Peer]:
        """Peers of other participants that are here."""
        return [peer for peer, member in self.here.items() if not self.is_own(member)]

    def look(self) -> bool:
        """Whether others are here than at the last look."""
        here = set(self.here)
        changed, self._seen = here != self._seen, here
        return changed

    def is_own(self, member: MemberId) -> bool:
        """A device of the same participant as this one."""
        return self._line.is_own(member)

    def member(self, peer: Peer) -> Member | None:
        member = self._line.peers.get(peer)
        return None if member is None else self._line.member(member)

    def is_removed(self, peer: Peer) -> bool:
        """It is known which member the peer is of, and that is a member no more."""
        member = self._line.peers.get(peer)
        return member is not None and self._line.member(member) is None

    def is_starter(self, current: Conversation, peer: Peer) -> bool:
        member = self._line.peers.get(peer)
        return member is not None and current.is_starter(member)

    def is_device_of(self, peer: Peer, member: MemberId) -> bool:
        """The peer is of the same participant as that member."""
        return self._line.peers.get(peer) in self._line.siblings(member)
