"""Calls that go on without this process (docs/protocol.md §7.2)."""

from __future__ import annotations

from collections.abc import Container

from careseal.e2ee.identifiers import CallId
from careseal.e2ee.signal import Peer


class Ongoing:
    """The call that was told of last, and who takes part in it."""

    def __init__(self) -> None:
        self._calls: dict[CallId, set[Peer]] = {}

    @property
    def call(self) -> CallId | None:
        return next(iter(self._calls), None)

    def note(self, peer: Peer, call: CallId) -> bool:
        """A peer told that it takes part in a call; True when the call was not known."""
        news = call not in self._calls
        if news:
            self._calls = {call: set()}
        self._calls[call].add(peer)
        return news

    def left(self, peer: Peer) -> None:
        for call, peers in list(self._calls.items()):
            peers.discard(peer)
            if not peers:
                del self._calls[call]

    def keep_only(self, here: Container[Peer]) -> None:
        """Those who are gone have left."""
        for peer in {each for peers in self._calls.values() for each in peers}:
            if peer not in here:
                self.left(peer)

    def forget(self, call: CallId) -> set[Peer]:
        """The call is over, or this process takes part in it; returns who took part."""
        return self._calls.pop(call, set())
