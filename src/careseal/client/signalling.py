"""Signals of this process: sealed, counted, and checked against replay (docs/protocol.md §7.1)."""

from __future__ import annotations

import os

from careseal.e2ee import signal_payload
from careseal.e2ee.epoch import Member
from careseal.e2ee.errors import NotOurs, SealError
from careseal.e2ee.identifiers import MemberId
from careseal.e2ee.signal import EVERYBODY, Counters, Peer, epoch_of
from careseal.e2ee.signal_payload import SignalPayload, UnsupportedSignal
from careseal.e2ee.state import Epoch

from .events import SignalReceived
from .keeper import Keeper


class Signalling:
    """The instance of this process, and what it has taken from others."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._instance = os.urandom(8)
        self._counter = 0
        self._taken: Counters | None = None
        self.peers: dict[Peer, MemberId] = {}

    @property
    def me(self) -> Peer:
        return Peer(self._keeper.state.me.leaf, self._instance)

    def seal(self, to: Peer | None, payload: SignalPayload) -> bytes:
        """To one peer, or to everybody. Raises `SealError`."""
        state = self._keeper.state
        epoch = state.check_sending()
        self._counter += 1
        return epoch.signals.seal(
            state.signature_key,
            self.me,
            to or EVERYBODY,
            self._counter,
            signal_payload.encode(payload),
            os.urandom,
        )

    def open(self, sealed: bytes) -> SignalReceived | None:
        """What the signal says; None if it is not to be taken."""
        try:
            epoch = self._epoch(epoch_of(sealed))
            signal = epoch.signals.open(sealed)
            counters = self._taken or Counters(self.me)
            if counters.me != self.me:
                counters = Counters(self.me, counters.taken)
            self._taken = counters.take(signal)
            payload = signal_payload.decode(signal.payload)
        except SealError:
            return None
        if isinstance(payload, UnsupportedSignal):
            return None
        sender: Member = epoch.member(signal.sender.leaf)
        if payload.type == "bye":
            self.peers.pop(signal.sender, None)
        else:
            self.peers[signal.sender] = sender.id
        return SignalReceived(signal.sender, sender, payload)

    def _epoch(self, number: int) -> Epoch:
        for epoch in (self._keeper.state.epoch, self._keeper.previous):
            if epoch is not None and epoch.number == number:
                return epoch
        raise NotOurs("a signal of another epoch")
