"""Signals: relayed to connected members, sealed and signed (docs/protocol.md §7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from careseal.mls.secret import SignaturePrivateKey

from .epoch import EpochKeys, Member
from .errors import Malformed, NotOurs, Tampered
from .identifiers import SessionId
from .sealing import SALT_SIZE, seal, unseal
from .signal_payload import FOR_EVERYBODY, decode
from .suite import Rng, sign, verify
from .wire import Fields, u32, u64, vec32

_LABEL = "signal"
EVERYBODY_LEAF = 0xFFFFFFFF
GRACE_MS = 10_000
"""How long signals and frames of the epoch before are still taken after a change."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One page or process of a member: leaf index and instance (8 random bytes)."""

    leaf: int
    instance: bytes


EVERYBODY = Peer(EVERYBODY_LEAF, bytes(8))


@dataclass(frozen=True, slots=True)
class SignalEpoch:
    """What sealing and opening signals of one epoch takes."""

    session: SessionId
    keys: EpochKeys
    members: tuple[Member, ...]

    @property
    def _aad(self) -> bytes:
        return b"careseal/1 signal" + self.session + u64(self.keys.epoch)

    def seal(
        self,
        key: SignaturePrivateKey,
        sender: Peer,
        recipient: Peer,
        counter: int,
        payload: bytes,
        rng: Rng,
    ) -> bytes:
        """`counter` must be above every one this instance has used.

        Raises `Malformed` for a payload out of shape or not for this recipient.
        """
        _check_recipient(recipient, payload)
        told = b"".join(
            (
                u32(sender.leaf),
                sender.instance,
                u32(recipient.leaf),
                recipient.instance,
                u64(counter),
                vec32(payload),
            )
        )
        signature = sign(key, _LABEL, self._aad + self.keys.context + told)
        salt = rng(SALT_SIZE)
        sealed = seal(self.keys.signal, _LABEL, salt, self._aad, told + signature)
        return u64(self.keys.epoch) + salt + sealed

    def open(self, signal: bytes) -> Signal:
        """Raises `Tampered`, `Malformed` or `NotOurs`. Replays are for `Counters` to find."""
        fields = Fields(signal)
        if fields.integer(8) != self.keys.epoch:
            raise NotOurs("a signal of another epoch")
        salt = fields.take(SALT_SIZE)
        inner = Fields(unseal(self.keys.signal, _LABEL, salt, self._aad, fields.rest()))
        sender = Peer(inner.integer(4), inner.take(8))
        recipient = Peer(inner.integer(4), inner.take(8))
        counter, payload = inner.integer(8), inner.vec32()
        told, signature = inner.taken(), inner.take(64)
        inner.finish()
        member = next((each for each in self.members if each.leaf == sender.leaf), None)
        if member is None:
            raise NotOurs("a signal of somebody who is not in")
        verify(member.key, _LABEL, self._aad + self.keys.context + told, signature)
        _check_recipient(recipient, payload)
        return Signal(sender, recipient, counter, payload)


@dataclass(frozen=True, slots=True)
class Signal:
    """An opened signal."""

    sender: Peer
    recipient: Peer
    counter: int
    payload: bytes = field(repr=False)


def epoch_of(signal: bytes) -> int:
    """The epoch that a signal says it is of. Raises `Malformed`."""
    return Fields(signal).integer(8)


@dataclass(frozen=True, slots=True)
class Counters:
    """The last counter taken from each instance, against replay."""

    me: Peer
    taken: Mapping[Peer, int] = field(default_factory=dict)

    def take(self, signal: Signal) -> Counters:
        """The counters after `signal`. Raises `NotOurs` or `Tampered` if it is not to be taken."""
        if signal.recipient not in (self.me, EVERYBODY):
            raise NotOurs("a signal for somebody else")
        if signal.counter <= self.taken.get(signal.sender, -1):
            raise Tampered("a signal that was taken before")
        return Counters(self.me, {**self.taken, signal.sender: signal.counter})


def _check_recipient(recipient: Peer, payload: bytes) -> None:
    kind = decode(payload).type
    if recipient.leaf == EVERYBODY_LEAF and (recipient != EVERYBODY or kind not in FOR_EVERYBODY):
        raise Malformed(f"a {kind!r} signal is not for everybody")
