"""GroupContext: what the members of an epoch agree on (RFC 9420 §8.1)."""

from __future__ import annotations

from dataclasses import dataclass

from .codec import Reader, opaque, u16, u64
from .extension import Extensions, encode_extensions, read_extensions


@dataclass(frozen=True, slots=True)
class GroupContext:
    version: int
    cipher_suite: int
    group_id: bytes
    epoch: int
    tree_hash: bytes  # Nh
    confirmed_transcript_hash: bytes  # Nh, empty in epoch 0
    extensions: Extensions

    def encode(self) -> bytes:
        return b"".join(
            (
                u16(self.version),
                u16(self.cipher_suite),
                opaque(self.group_id),
                u64(self.epoch),
                opaque(self.tree_hash),
                opaque(self.confirmed_transcript_hash),
                encode_extensions(self.extensions),
            )
        )

    @classmethod
    def read(cls, reader: Reader) -> GroupContext:
        return cls(
            reader.u16(),
            reader.u16(),
            reader.opaque(),
            reader.u64(),
            reader.opaque(),
            reader.opaque(),
            read_extensions(reader),
        )
