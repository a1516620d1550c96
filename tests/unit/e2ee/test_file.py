"""docs/protocol.md §6."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from careseal.e2ee.errors import Malformed, SealError, Tampered
from careseal.e2ee.file import OVERHEAD, PART_SIZE, FileSeal, part_count, sealed_size
from careseal.e2ee.identifiers import FileId
from careseal.e2ee.secret import FileKey
from tests.unit.e2ee.rng import seeded

RNG = seeded("file")
SIZES = [0, 1, 256, 1000, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE + 77]


def sealer(size: int) -> FileSeal:
    return FileSeal(FileId(RNG(16)), FileKey(RNG(32)), size)


def cut(data: bytes) -> Iterator[bytes]:
    for start in range(0, max(1, len(data)), PART_SIZE):
        yield data[start : start + PART_SIZE]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_and_is_as_long_as_foretold(size: int) -> None:
    data, seal = RNG(size), sealer(size)
    parts = list(seal.seal_parts(cut(data), RNG))
    assert len(parts) == part_count(size)
    assert sum(map(len, parts)) == sealed_size(size)
    assert b"".join(seal.open_parts(parts)) == data


def test_the_last_part_hides_its_length() -> None:
    assert sealed_size(1000) == sealed_size(1024) == 1024 + OVERHEAD


@pytest.fixture(scope="module")
def three() -> tuple[FileSeal, list[bytes]]:
    seal = sealer(2 * PART_SIZE + 5)
    return seal, list(seal.seal_parts(cut(RNG(seal.size)), RNG))


def refused(seal: FileSeal, parts: list[bytes]) -> None:
    with pytest.raises(SealError):
        list(seal.open_parts(parts))


def test_parts_moved_dropped_doubled_or_cut_do_not_open(
    three: tuple[FileSeal, list[bytes]],
) -> None:
    seal, (a, b, c) = three
    for wrong in ([b, a, c], [a, b], [a, c], [a, b, c, c], [a, b, c[:-1]], [a, a, c], []):
        refused(seal, wrong)


def test_a_part_of_a_file_believed_to_be_shorter_does_not_open(
    three: tuple[FileSeal, list[bytes]],
) -> None:
    seal, (a, b, _) = three
    refused(FileSeal(seal.file, seal.key, 2 * PART_SIZE), [a, b])
    refused(FileSeal(seal.file, seal.key, 2 * PART_SIZE + 300), three[1])


def test_one_changed_bit_is_found(three: tuple[FileSeal, list[bytes]]) -> None:
    seal, parts = three
    for at in (0, 15, 16, 100, len(parts[2]) - 1):
        changed = bytearray(parts[2])
        changed[at] ^= 1
        with pytest.raises(Tampered):
            seal.open_part(2, bytes(changed))


def test_a_part_of_the_wrong_length_is_not_sealed() -> None:
    with pytest.raises(Malformed):
        sealer(10).seal_part(0, bytes(11), RNG)
    with pytest.raises(Malformed):
        sealer(10).seal_part(1, b"", RNG)
