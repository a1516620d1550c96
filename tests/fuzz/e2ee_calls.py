"""Signals, frames and parts of files that somebody made up."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from careseal.e2ee.errors import SealError
from careseal.e2ee.file import FileSeal, part_count, sealed_size
from careseal.e2ee.frame import SUITE as FRAME_SUITE
from careseal.e2ee.frame import Codec, FrameOpener, FrameSealer
from careseal.e2ee.identifiers import FileId
from careseal.e2ee.sealing import SALT_SIZE, seal
from careseal.e2ee.secret import FileKey
from careseal.e2ee.sframe import FrameCipher, decode_header, encode_header
from careseal.e2ee.signal import Counters, Peer, epoch_of
from careseal.e2ee.suite import sign
from careseal.e2ee.wire import Fields, u32, u64, vec32
from tests.fuzz.e2ee_claims import signal_payloads
from tests.fuzz.e2ee_scene import (
    RNG,
    scene,
)
from tests.fuzz.target import Target

INSTANCE = bytes(range(8))


def _signal_told(payload_: bytes) -> bytes:
    host, guest = scene().host.me.leaf, scene().guest.me.leaf
    ends = u32(host) + INSTANCE + u32(guest) + INSTANCE
    return ends + u64(7) + vec32(payload_)


def told_signals() -> list[bytes]:
    everybody = u32(0) + INSTANCE + u32(0xFFFFFFFF) + bytes(8) + u64(1)
    hello = everybody + vec32(signal_payloads()[0])
    return [*map(_signal_told, signal_payloads()), hello]


def sealed_signal(data: bytes) -> bytes:
    """A signal, with whatever in it, that the host signed and sealed."""
    host = scene().host
    keys, aad = host.present.keys, b"careseal/1 signal" + host.session + u64(host.present.number)
    signature = sign(host.signature_key, "signal", aad + keys.context + data)
    salt = bytes(SALT_SIZE)
    sealed = seal(keys.signal, "signal", salt, aad, data + signature)
    return u64(keys.epoch) + salt + sealed


def _signal_said(data: bytes) -> None:
    _signal(sealed_signal(data))


def _signal(data: bytes) -> None:
    epoch_of(data)
    signal = scene().guest.present.signals.open(data)
    counters = Counters(Peer(scene().guest.me.leaf, INSTANCE))
    after = counters.take(signal)
    try:
        after.take(signal)
    except SealError:
        return
    raise AssertionError("a signal was taken twice")


def _sealed_signals() -> list[bytes]:
    host, guest = scene().host, scene().guest
    ends = Peer(host.me.leaf, INSTANCE), Peer(guest.me.leaf, INSTANCE)
    epoch = host.present.signals
    return [epoch.seal(host.signature_key, *ends, 3, each, RNG) for each in signal_payloads()[3:6]]


FILE = FileSeal(FileId(bytes(16)), FileKey(bytes(32)), 300)


def _part(data: bytes) -> None:
    assert len(FILE.open_part(0, data)) == FILE.size


def _filled_part(data: bytes) -> None:
    """A part that somebody sealed with whatever in it: size and number, then the plain bytes."""
    fields = Fields(data)
    file = replace(FILE, size=fields.integer(8))
    number, plain = fields.integer(4), fields.rest()
    salt = bytes(SALT_SIZE)
    key, nonce = file._key(salt, number, number == file.parts - 1)
    file.open_part(number, salt + AESGCM(key).encrypt(nonce, plain, b""))
    assert sealed_size(file.size) > file.size
    assert part_count(file.size) == file.parts


def _filled_parts() -> list[bytes]:
    plain = bytes(300)
    filled = u64(300) + u32(0) + plain + b"\1" * 4
    return [
        filled,
        u64(300) + u32(0) + plain + bytes(4),
        u64(0) + u32(0),
        u64(256) + u32(0) + bytes(256),
    ]


def _frame_header(data: bytes) -> None:
    kid, counter, size = decode_header(data)
    assert encode_header(kid, counter) == data[:size]


def _frame_headers() -> list[bytes]:
    numbers = (0, 7, 8, 255, 256, (1 << 24) - 1, (1 << 64) - 1)
    return [encode_header(kid, counter) for kid in numbers for counter in numbers]


def _opener(codec: Codec) -> FrameOpener:
    host, guest = scene().host, scene().guest
    keys = {guest.present.number: guest.present.keys.frame}
    return FrameOpener(codec, host.me.leaf, keys, b"12345" if codec is Codec.VP8 else None)


def _frame(data: bytes) -> None:
    for codec in Codec:
        opener = _opener(codec)
        try:
            opener.open(data)
        except SealError:
            continue
        try:
            opener.open(data)
        except SealError:
            continue
        raise AssertionError("a frame opened twice")


def _frames() -> list[bytes]:
    state = scene().host
    frames = []
    for codec in Codec:
        sealer = FrameSealer(
            codec, b"12345", state.me.leaf, state.present.number, state.present.keys.frame
        )
        frames += [sealer.seal(bytes((first,)) + bytes(40)) for first in (0, 1)]
    return frames


def _sealed_frame(data: bytes) -> None:
    """Frames that the sender sealed under whatever KID and counters."""
    fields, host = Fields(data), scene().host
    kid = int.from_bytes(fields.take(8), "big")
    cipher = FrameCipher(FRAME_SUITE, host.present.keys.frame, kid)
    opener, readable = _opener(Codec.VP8), bytes(10)
    for _ in range(4):
        counter = int.from_bytes(fields.take(8), "big")
        try:
            opener.open(readable + cipher.encrypt(counter, readable, b"frame"))
        except SealError:
            continue


def _sealed_frames() -> list[bytes]:
    host = scene().host
    start = b"12345" + bytes((host.me.leaf,)) + host.present.number.to_bytes(2, "big")
    runs = ((0, 1, 2, 3), (0, 2000, 1, 1999), (5, 5, 4, (1 << 64) - 1))
    return [start + b"".join(map(u64, run)) for run in runs]


_SEALED = (SealError,)

TARGETS = (
    Target("e2ee.signal", _signal, _SEALED, _sealed_signals),
    Target("e2ee.signed signal", _signal_said, _SEALED, told_signals),
    Target("e2ee.file part", _part, _SEALED, lambda: [FILE.seal_part(0, bytes(300), RNG)]),
    Target("e2ee.sealed file part", _filled_part, _SEALED, _filled_parts),
    Target("e2ee.frame header", _frame_header, _SEALED, _frame_headers),
    Target("e2ee.frame", _frame, _SEALED, _frames),
    Target("e2ee.sealed frame", _sealed_frame, _SEALED, _sealed_frames),
)
