"""docs/protocol.md §1.4, §1.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.e2ee.errors import Malformed, SealError, Tampered
from careseal.e2ee.sealing import pad, padded, seal, unpad, unseal
from careseal.e2ee.secret import ContentSecret, Secret32

SECRET = ContentSecret(bytes(range(32)))
SALT = bytes(16)


def test_padme_has_the_known_lengths() -> None:
    lengths = [0, 256, 257, 300, 512, 1000, 1025, 10_000, 1_000_000]
    assert [padded(n) for n in lengths] == [
        256, 256, 272, 304, 512, 1024, 1088, 10_240, 1_015_808,
    ]  # fmt: skip


@given(st.integers(0, 1 << 24))
def test_a_padded_length_is_its_own(length: int) -> None:
    assert padded(padded(length)) == padded(length) >= length
    assert padded(length) <= max(256, length * 1.12)


@given(st.binary(max_size=2000))
def test_what_was_sealed_opens(data: bytes) -> None:
    assert unpad(pad(data)) == data
    sealed = seal(SECRET, "thing", SALT, b"aad", data)
    assert unseal(SECRET, "thing", SALT, b"aad", sealed) == data


@given(st.binary(max_size=600))
def test_padding_is_refused_or_made_the_same_again(data: bytes) -> None:
    try:
        plain = unpad(data)
    except Malformed:
        return
    assert pad(plain) == data


@pytest.mark.parametrize("at", [0, 1, 2, 7, 255])
def test_padding_with_one_changed_byte_is_refused(at: int) -> None:
    changed = bytearray(pad(b"abc"))
    changed[at] ^= 0x80
    with pytest.raises(Malformed):
        unpad(bytes(changed))


def test_nothing_opens_under_another_label_salt_or_context() -> None:
    sealed = seal(SECRET, "thing", SALT, b"aad", b"data")
    for label, salt, aad in [
        ("other", SALT, b"aad"),
        ("thing", bytes(15) + b"1", b"aad"),
        ("thing", SALT, b""),
    ]:
        with pytest.raises(Tampered):
            unseal(SECRET, label, salt, aad, sealed)
    with pytest.raises(SealError):
        unseal(SECRET, "thing", SALT, b"aad", b"")


def test_secrets_do_not_show_themselves() -> None:
    assert "\\x" not in repr(SECRET)
    assert f"{SECRET} {SECRET!r} {SECRET!s}" == " ".join(["<ContentSecret>"] * 3)


def test_a_secret_of_another_length_is_refused() -> None:
    with pytest.raises(Malformed):
        Secret32(bytes(31))
