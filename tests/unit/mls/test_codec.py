"""Strict decoding: one form for each value, and no error but the documented ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.mls import Add, DecodeError, Group, MLSError, codec, decode_message, encode_message
from careseal.mls.codec import Reader, decode
from careseal.mls.extension import Extension, encode_extensions, read_extensions
from careseal.mls.framing import AuthenticatedContent
from careseal.mls.proposal import read_proposal
from careseal.mls.ratchet_tree import RatchetTree
from careseal.mls.welcome import GroupSecrets
from tests.unit.mls.world import FAST, RNG, World, key_package


@given(st.integers(0, codec.MAX_LENGTH))
def test_a_length_has_one_header(length: int) -> None:
    header = codec.length_header(length)
    assert len(header) == (1 if length < 2**6 else 2 if length < 2**14 else 4)
    assert decode(Reader.length, header) == length


@pytest.mark.parametrize(
    "header", ["4000", "403f", "80000000", "80003fff", "c0", "ff", "40", "8000"]
)
def test_a_header_that_is_long_invalid_or_cut_is_refused(header: str) -> None:
    with pytest.raises(DecodeError):
        decode(Reader.length, bytes.fromhex(header))


def test_a_vector_longer_than_a_header_can_say_is_not_made() -> None:
    with pytest.raises(MLSError):
        codec.length_header(codec.MAX_LENGTH + 1)


def test_a_claimed_length_is_not_believed() -> None:
    for read in (Reader.opaque, lambda reader: reader.vector(Reader.u8)):
        with pytest.raises(DecodeError, match="too early"):
            decode(read, bytes.fromhex("bfffffff00"))


@given(st.binary(max_size=200))
def test_opaque_bytes_come_back(data: bytes) -> None:
    assert decode(Reader.opaque, codec.opaque(data)) == data


@given(st.lists(st.integers(0, 2**16 - 1), max_size=50))
def test_vectors_come_back(numbers: list[int]) -> None:
    encoded = codec.vector(map(codec.u16, numbers))
    assert decode(lambda reader: reader.vector(Reader.u16), encoded) == tuple(numbers)


def test_an_item_does_not_reach_beyond_its_vector() -> None:
    with pytest.raises(DecodeError, match="too early"):
        decode(lambda reader: reader.vector(Reader.u16), b"\x03\x00\x00\x00\x00")


def test_an_optional_value_is_marked_by_0_or_1() -> None:
    assert decode(lambda reader: reader.optional(Reader.u8), b"\x00") is None
    assert decode(lambda reader: reader.optional(Reader.u8), b"\x01\x07") == 7
    with pytest.raises(DecodeError):
        decode(lambda reader: reader.optional(Reader.u8), b"\x02\x07")


def test_nothing_follows_a_value() -> None:
    with pytest.raises(DecodeError, match="1 bytes too many"):
        decode(Reader.u8, b"\x00\x00")


def test_an_extension_type_appears_once() -> None:
    encoded = encode_extensions((Extension(9, b""), Extension(9, b"x")))
    with pytest.raises(DecodeError, match="twice"):
        decode(read_extensions, encoded)


def samples() -> list[bytes]:
    """One message of every kind."""
    world, own = World(3), key_package()
    made = world["m0"].commit(RNG, [Add(own.key_package)])
    assert made.welcome is not None
    return [
        made.message,
        made.welcome,
        encode_message(own.key_package),
        encode_message(world["m0"].group_info()),
        world["m1"].encrypt(b"data", RNG)[1],
        world["m1"].propose_update(RNG)[1],
    ]


SAMPLES = samples()
DECODERS: list[Callable[[bytes], object]] = [
    decode_message,
    Group.from_bytes,
    lambda data: decode(read_proposal, data),
    lambda data: decode(GroupSecrets.read, data),
    lambda data: decode(AuthenticatedContent.read, data),
    lambda data: decode(lambda reader: RatchetTree.read(reader, FAST), data),
]


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    for decoder in DECODERS:
        try:
            decoder(data)
        except DecodeError:
            continue


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A message of some kind, changed in some places."""
    message = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(message) - 1))
        message[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
        message = message or bytearray(1)
    return bytes(message)


@given(mutations())
def test_a_mutated_message_has_one_form_or_is_refused(message: bytes) -> None:
    try:
        decoded = decode_message(message)
    except DecodeError:
        return
    assert encode_message(decoded) == message


RECEIVER = World(2)["m1"]
OWN = key_package()


@given(mutations())
def test_whoever_receives_a_mutated_message_raises_documented_errors_only(message: bytes) -> None:
    for action in (RECEIVER.receive, lambda data: Group.join(data, OWN)):
        with pytest.raises(MLSError):
            action(message)
