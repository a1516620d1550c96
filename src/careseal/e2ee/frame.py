"""Frames of a call: SFrame over what stays readable (docs/protocol.md §7.3).

Unlike the rest of this package a `FrameSealer` and a `FrameOpener` change in place: their state
is one counter and one window, they live as long as one stream, and they are never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from .errors import Malformed, NotOurs, Tampered
from .secret import FrameKey
from .sframe import AES_256_GCM_SHA512_128, FrameCipher, decode_header

SUITE = AES_256_GCM_SHA512_128
WINDOW = 1024
CONTEXT_SIZE = 5


class Codec(Enum):
    """What a stream carries; it decides how many bytes of a frame stay readable."""

    OPUS = "opus"
    VP8 = "vp8"

    def readable(self, frame: bytes) -> int:
        """Bytes in front that stay readable. Raises `Malformed` for a frame shorter than that."""
        if self is Codec.OPUS:
            return 0
        size = 10 if frame and not frame[0] & 1 else 3
        if len(frame) < size:
            raise Malformed("a frame shorter than its readable part")
        return size


def key_id(context: bytes, leaf: int, epoch: int) -> int:
    """KID of one stream (context, 5 bytes) of one leaf in one epoch."""
    if len(context) != CONTEXT_SIZE or not 0 <= leaf <= 0xFF:
        raise Malformed("a context has 5 bytes, and a leaf that calls an index below 256")
    return int.from_bytes(context, "big") << 24 | leaf << 16 | epoch & 0xFFFF


class FrameSealer:
    """Seals one stream's frames under one epoch's key; counters never repeat."""

    __slots__ = ("_cipher", "_codec", "_counter", "epoch")

    def __init__(self, codec: Codec, context: bytes, leaf: int, epoch: int, key: FrameKey) -> None:
        """`context` must be new for this stream; each epoch needs a new sealer."""
        self._codec = codec
        self._cipher = FrameCipher(SUITE, key, key_id(context, leaf, epoch))
        self._counter = 0
        self.epoch = epoch

    def seal(self, frame: bytes) -> bytes:
        readable = self._codec.readable(frame)
        counter, self._counter = self._counter, self._counter + 1
        metadata = frame[:readable]
        return metadata + self._cipher.encrypt(counter, metadata, frame[readable:])


class FrameOpener:
    """Opens one stream's frames; `keys` are the base keys of the present epochs, by epoch."""

    __slots__ = ("_ciphers", "_codec", "_context", "_keys", "_leaf", "_windows")

    def __init__(
        self, codec: Codec, leaf: int, keys: Mapping[int, FrameKey], context: bytes | None = None
    ) -> None:
        """Takes frames of `leaf` only, and of `context` only if it is given."""
        self._codec = codec
        self._leaf = leaf
        self._context = None if context is None else int.from_bytes(context, "big")
        self._ciphers: dict[int, FrameCipher] = {}
        self._windows: dict[int, ReplayWindow] = {}
        self._keys = dict(keys)

    def use(self, keys: Mapping[int, FrameKey]) -> None:
        """The keys have changed: at an epoch's start, and when the one before is dropped."""
        self._keys = dict(keys)
        present = {epoch & 0xFFFF for epoch in keys}
        for kid in [kid for kid in self._ciphers if kid & 0xFFFF not in present]:
            del self._ciphers[kid]

    def open(self, frame: bytes) -> bytes:
        """Raises `Malformed`, `Tampered`, or `NotOurs` for another sender or epoch."""
        readable = self._codec.readable(frame)
        metadata, sealed = frame[:readable], frame[readable:]
        kid, counter, size = decode_header(sealed)
        cipher = self._cipher(kid)
        window = self._windows.get(kid, ReplayWindow())
        window.check(counter)
        plain = cipher.decrypt(counter, sealed[:size], metadata, sealed[size:])
        window.mark(counter)
        self._windows[kid] = window
        self._ciphers[kid] = cipher
        return metadata + plain

    def _cipher(self, kid: int) -> FrameCipher:
        if kid >> 16 & 0xFF != self._leaf:
            raise NotOurs("a frame of another sender")
        if self._context is not None and kid >> 24 != self._context:
            raise NotOurs("a frame of another stream")
        if kid in self._ciphers:
            return self._ciphers[kid]
        for epoch, key in self._keys.items():
            if epoch & 0xFFFF == kid & 0xFFFF:
                return FrameCipher(SUITE, key, kid)
        raise NotOurs("a frame of another epoch")


class ReplayWindow:
    """Counters seen, as far back as `WINDOW` behind the highest."""

    __slots__ = ("_highest", "_seen")

    def __init__(self) -> None:
        self._highest = -1
        self._seen = 0  # bit i: highest - i was seen

    def check(self, counter: int) -> None:
        """Raises `Tampered` for a counter that was seen or is too far back."""
        back = self._highest - counter
        if back >= WINDOW or (back >= 0 and self._seen >> back & 1):
            raise Tampered("a frame that was seen before")

    def mark(self, counter: int) -> None:
        ahead = counter - self._highest
        if ahead > 0:
            kept = self._seen << ahead if ahead < WINDOW else 0
            self._seen = (kept | 1) & (1 << WINDOW) - 1
            self._highest = counter
        else:
            self._seen |= 1 << -ahead
