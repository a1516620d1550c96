"""docs/protocol.md §7.3 and RFC 9605."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.e2ee.errors import Malformed, NotOurs, SealError, Tampered
from careseal.e2ee.frame import Codec, FrameOpener, FrameSealer, ReplayWindow, key_id
from careseal.e2ee.secret import FrameKey
from careseal.e2ee.sframe import (
    AES_128_GCM_SHA256_128,
    AES_256_GCM_SHA512_128,
    FrameCipher,
    decode_header,
    encode_header,
)

KEY, OTHER = FrameKey(bytes(32)), FrameKey(bytes([1] * 32))
CONTEXT = b"abcde"
OUR_SUITES = {suite.number: suite for suite in (AES_128_GCM_SHA256_128, AES_256_GCM_SHA512_128)}


def published() -> dict[str, Any]:
    beside = Path(__file__).parents[3].parent / "shared" / "vectors"
    path = Path(os.environ.get("CARESEAL_VECTORS", beside), "sframe", "rfc9605.json")
    if not path.exists():
        pytest.skip("the published SFrame vectors are not here")
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def test_headers_are_as_published() -> None:
    vectors = published()["header"]
    assert vectors
    for case in vectors:
        encoded = bytes.fromhex(case["encoded"])
        assert encode_header(case["kid"], case["ctr"]) == encoded
        assert decode_header(encoded + b"rest") == (case["kid"], case["ctr"], len(encoded))


def test_frames_are_as_published() -> None:
    cases = [case for case in published()["sframe"] if case["cipher_suite"] in OUR_SUITES]
    assert {case["cipher_suite"] for case in cases} == set(OUR_SUITES)
    for case in cases:
        suite = OUR_SUITES[case["cipher_suite"]]
        cipher = FrameCipher(suite, bytes.fromhex(case["base_key"]), case["kid"])
        metadata, plain = bytes.fromhex(case["metadata"]), bytes.fromhex(case["pt"])
        sealed = bytes.fromhex(case["ct"])
        assert cipher.encrypt(case["ctr"], metadata, plain) == sealed
        kid, counter, size = decode_header(sealed)
        assert kid == case["kid"]
        assert cipher.decrypt(counter, sealed[:size], metadata, sealed[size:]) == plain


@given(st.binary(max_size=20))
def test_a_header_is_refused_or_made_the_same_again(data: bytes) -> None:
    try:
        kid, counter, size = decode_header(data)
    except Malformed:
        return
    assert encode_header(kid, counter) == data[:size]


def pair(codec: Codec) -> tuple[FrameSealer, FrameOpener]:
    return FrameSealer(codec, CONTEXT, 3, 70000, KEY), FrameOpener(codec, 3, {70000: KEY})


KEY_FRAME = b"\x10" + bytes(40)
DELTA_FRAME = b"\x11" + bytes(40)


@pytest.mark.parametrize(
    ("codec", "frame", "readable"),
    [(Codec.VP8, KEY_FRAME, 10), (Codec.VP8, DELTA_FRAME, 3), (Codec.OPUS, b"opus", 0)],
)
def test_a_frame_opens_and_keeps_its_front_readable(
    codec: Codec, frame: bytes, readable: int
) -> None:
    sealer, opener = pair(codec)
    sealed = sealer.seal(frame)
    assert sealed[:readable] == frame[:readable]
    assert frame[readable:] not in sealed
    assert opener.open(sealed) == frame


@pytest.mark.parametrize("frame", [b"", b"\x10" + bytes(8), b"\x11\x00"])
def test_a_frame_shorter_than_its_readable_part_is_dropped(frame: bytes) -> None:
    sealer, opener = pair(Codec.VP8)
    with pytest.raises(Malformed):
        sealer.seal(frame)
    with pytest.raises(Malformed):
        opener.open(frame)


def test_the_readable_part_is_authenticated() -> None:
    sealer, opener = pair(Codec.VP8)
    sealed = bytearray(sealer.seal(DELTA_FRAME))
    sealed[1] ^= 1
    with pytest.raises(Tampered):
        opener.open(bytes(sealed))


def test_a_frame_is_taken_once_in_any_order() -> None:
    sealer, opener = pair(Codec.OPUS)
    first, second, third = (sealer.seal(b"x") for _ in range(3))
    for frame in (third, first, second):
        opener.open(frame)
    for frame in (first, second, third):
        with pytest.raises(Tampered):
            opener.open(frame)


def test_a_forged_frame_does_not_move_the_window() -> None:
    sealer, opener = pair(Codec.OPUS)
    real = sealer.seal(b"x")
    forger = FrameSealer(Codec.OPUS, CONTEXT, 3, 70000, OTHER)
    for _ in range(3):
        with pytest.raises(Tampered):
            opener.open(forger.seal(b"x"))
    assert opener.open(real) == b"x"


def test_frames_of_another_sender_stream_or_epoch_are_refused() -> None:
    opener = FrameOpener(Codec.OPUS, 3, {70000: KEY}, CONTEXT)
    for context, leaf, epoch in [(CONTEXT, 4, 70000), (b"other", 3, 70000), (CONTEXT, 3, 70001)]:
        with pytest.raises(NotOurs):
            opener.open(FrameSealer(Codec.OPUS, context, leaf, epoch, KEY).seal(b"x"))


def test_a_dropped_epoch_opens_nothing_more() -> None:
    sealer, opener = pair(Codec.OPUS)
    opener.open(sealer.seal(b"x"))
    opener.use({70000: KEY, 70001: OTHER})
    opener.open(sealer.seal(b"x"))
    opener.use({70001: OTHER})
    with pytest.raises(NotOurs):
        opener.open(sealer.seal(b"x"))


def test_a_returning_epoch_remembers_what_was_seen() -> None:
    sealer, opener = pair(Codec.OPUS)
    frame = sealer.seal(b"x")
    opener.open(frame)
    opener.use({})
    opener.use({70000: KEY})
    with pytest.raises(Tampered):
        opener.open(frame)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_with_a_documented_error(data: bytes) -> None:
    with pytest.raises(SealError):
        FrameOpener(Codec.VP8, 3, {0: KEY}).open(data)


def test_the_key_id_has_context_leaf_and_epoch() -> None:
    assert key_id(CONTEXT, 3, 0x12345) == int.from_bytes(CONTEXT + b"\x03\x23\x45", "big")


def test_the_window_reaches_back_1024() -> None:
    window = ReplayWindow()
    window.mark(2000)
    window.check(2000 - 1023)
    with pytest.raises(Tampered):
        window.check(2000 - 1024)
