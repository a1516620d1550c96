"""Files: sealed in parts that open in their own place only (docs/protocol.md §6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import Malformed, Tampered
from .identifiers import FileId
from .sealing import SALT_SIZE, padded
from .secret import FileKey
from .suite import Rng, expand, extract
from .wire import u8, u32

PART_SIZE = 4 * 1024 * 1024
MAX_PARTS = 65536
OVERHEAD = SALT_SIZE + 16
MAX_SEALED = PART_SIZE + OVERHEAD


def part_count(size: int) -> int:
    """Parts of a file of `size` bytes. Raises `Malformed` for one that is too large."""
    parts = max(1, -(-size // PART_SIZE))
    if parts > MAX_PARTS:
        raise Malformed(f"a file has at most {MAX_PARTS * PART_SIZE} bytes")
    return parts


def part_length(size: int, number: int) -> int:
    """Bytes of the file that part `number` holds."""
    return min(PART_SIZE, size - number * PART_SIZE)


def filled_length(length: int) -> int:
    """Bytes that a last part of `length` is filled up to; an empty file's stays empty."""
    return min(padded(length), PART_SIZE) if length else 0


def sealed_size(size: int) -> int:
    """Bytes that the server stores for a file of `size` bytes."""
    parts = part_count(size)
    last = filled_length(part_length(size, parts - 1))
    return (parts - 1) * PART_SIZE + last + parts * OVERHEAD


@dataclass(frozen=True, slots=True)
class FileSeal:
    """Seals and opens the parts of one file of `size` bytes."""

    file: FileId
    key: FileKey
    size: int

    @property
    def parts(self) -> int:
        return part_count(self.size)

    def seal_part(self, number: int, plain: bytes, rng: Rng) -> bytes:
        """Part `number` as it is stored. `plain` must be all that belongs into it."""
        return bytes(self.seal_into(number, plain, rng, memoryview(bytearray(MAX_SEALED))))

    def seal_into(
        self, number: int, plain: bytes | memoryview, rng: Rng, out: memoryview
    ) -> memoryview:
        """As `seal_part`, into the front of `out` (`MAX_SEALED`), of which it is a slice."""
        length, last = self._length(number), number == self.parts - 1
        if len(plain) != length:
            raise Malformed("a part of the wrong length")
        if last:
            plain = bytes(plain).ljust(filled_length(length), b"\0")
        salt = rng(SALT_SIZE)
        key, nonce = self._key(salt, number, last)
        end = OVERHEAD + len(plain)
        out[:SALT_SIZE] = salt
        AESGCM(key).encrypt_into(nonce, plain, b"", out[SALT_SIZE:end])
        return out[:end]

    def open_part(self, number: int, part: bytes) -> bytes:
        """The bytes of the file that part `number` holds. Raises `Tampered` or `Malformed`."""
        return bytes(self.open_into(number, part, memoryview(bytearray(PART_SIZE))))

    def open_into(self, number: int, part: bytes | memoryview, out: memoryview) -> memoryview:
        """As `open_part`, into the front of `out` (`PART_SIZE`), of which it is a slice.

        What `out` has after an error is not to be used.
        """
        length, last = self._length(number), number == self.parts - 1
        filled = self.stored_length(number) - OVERHEAD
        if len(part) != OVERHEAD + filled:
            raise Tampered("a part of the wrong length")
        key, nonce = self._key(bytes(part[:SALT_SIZE]), number, last)
        try:
            AESGCM(key).decrypt_into(nonce, memoryview(part)[SALT_SIZE:], b"", out[:filled])
        except InvalidTag as error:
            raise Tampered(f"part {number} does not open in its place") from error
        if bytes(out[length:filled]).strip(b"\0"):
            raise Malformed("filling that is not zero")
        return out[:length]

    def stored_length(self, number: int) -> int:
        """Bytes of part `number` as it is stored."""
        length = self._length(number)
        return OVERHEAD + (filled_length(length) if number == self.parts - 1 else PART_SIZE)

    def seal_parts(self, plain: Iterable[bytes], rng: Rng) -> Iterator[bytes]:
        """All parts in order, from the parts' plain bytes in order."""
        for number, part in enumerate(plain):
            yield self.seal_part(number, part, rng)

    def open_parts(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """All plain bytes in order. Raises `Tampered` when parts are missing."""
        number = -1
        for number, part in enumerate(parts):
            yield self.open_part(number, part)
        if number != self.parts - 1:
            raise Tampered("parts of the file are missing")

    def _length(self, number: int) -> int:
        if not 0 <= number < self.parts:
            raise Malformed("no such part")
        return part_length(self.size, number)

    def _key(self, salt: bytes, number: int, last: bool) -> tuple[bytes, bytes]:
        info = b"careseal/1 part" + self.file + u32(number) + u8(last)
        okm = expand(extract(salt, self.key), info, 44)
        return okm[:32], okm[32:]
