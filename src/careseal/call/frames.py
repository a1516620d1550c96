"""Streams of frames in and out: sealed, opened, or nothing (docs/protocol.md §7.3)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from careseal.e2ee.errors import Malformed, SealError
from careseal.e2ee.frame import Codec, FrameOpener, FrameSealer
from careseal.e2ee.secret import FrameKey
from careseal.e2ee.sframe import decode_header


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The base keys in force, newest first, and the leaf that seals with them."""

    leaf: int
    epochs: tuple[tuple[int, FrameKey], ...] = field(repr=False)

    def without_past(self) -> KeyRing:
        return KeyRing(self.leaf, self.epochs[:1])


class Keys:
    """Where the streams of a call find the keys of the moment; None when there are none."""

    def __init__(self, ring: KeyRing | None = None) -> None:
        self.ring = ring


class Outcome(Enum):
    """What became of a frame."""

    SEALED = "sealed"
    UNSENT = "unsent"
    OPENED = "opened"
    UNSEALED = "unsealed"
    """Not sealed for this stream: another context or leaf, or no SFrame at all."""
    UNDECODABLE = "undecodable"
    """Sealed, but no key of ours opens it, or it was seen before, or somebody changed it."""
    EARLY = "early"
    """What the sender seals under has not been announced yet."""


class StreamSealer:
    """Seals the frames of one stream. Its context is its own, so its counters are too."""

    def __init__(self, codec: Codec, context: bytes, keys: Keys) -> None:
        self.context = context
        self.counts: Counter[Outcome] = Counter()
        self._codec = codec
        self._keys = keys
        self._sealers: dict[tuple[int, int], FrameSealer] = {}  # kept: counters never repeat

    def seal(self, frame: bytes) -> bytes | None:
        """None when there is no key, or the frame is too short: then it must not be sent."""
        ring = self._keys.ring
        try:
            sealed = None if ring is None else self._sealer(ring).seal(frame)
        except SealError:
            sealed = None
        self.counts[Outcome.UNSENT if sealed is None else Outcome.SEALED] += 1
        return sealed

    def _sealer(self, ring: KeyRing) -> FrameSealer:
        epoch, key = ring.epochs[0]
        name = ring.leaf, epoch
        if name not in self._sealers:
            self._sealers[name] = FrameSealer(self._codec, self.context, ring.leaf, epoch, key)
        return self._sealers[name]


class StreamOpener:
    """Opens the frames of one stream."""

    def __init__(self, codec: Codec, keys: Keys) -> None:
        self.counts: Counter[Outcome] = Counter()
        self._codec = codec
        self._keys = keys
        self._announced: tuple[int, bytes] | None = None
        self._opener: FrameOpener | None = None
        self._ring: KeyRing | None = None

    def announce(self, leaf: int, context: bytes) -> None:
        """Only frames of this leaf under this context are of this stream."""
        if self._announced == (leaf, context):
            return
        self._announced = leaf, context
        self._opener = FrameOpener(self._codec, leaf, {}, context)
        self._ring = None

    def open(self, frame: bytes) -> bytes | Outcome:
        """The frame, or why there is none."""
        opened = self._open(frame)
        self.counts[opened if isinstance(opened, Outcome) else Outcome.OPENED] += 1
        return opened

    def _open(self, frame: bytes) -> bytes | Outcome:
        if self._announced is None or self._opener is None:
            return Outcome.EARLY
        if not self._is_ours(frame, *self._announced):
            return Outcome.UNSEALED
        if self._ring is not self._keys.ring:
            self._ring = self._keys.ring
            self._opener.use({} if self._ring is None else dict(self._ring.epochs))
        try:
            return self._opener.open(frame)
        except SealError:
            return Outcome.UNDECODABLE

    def _is_ours(self, frame: bytes, leaf: int, context: bytes) -> bool:
        try:
            kid, _, _ = decode_header(frame[self._codec.readable(frame) :])
        except Malformed:
            return False
        return kid >> 24 == int.from_bytes(context, "big") and kid >> 16 & 0xFF == leaf
