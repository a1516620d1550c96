"""Proposals (RFC 9420 §12.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .codec import Reader, opaque, u16, u32
from .errors import DecodeError
from .extension import Extensions, encode_extensions, read_extensions
from .key_package import KeyPackage
from .leaf_node import LeafNode
from .psk import PskId, read_psk_id


@dataclass(frozen=True, slots=True)
class Add:
    """Adds a client by its key package (§12.1.1)."""

    key_package: KeyPackage

    def encode(self) -> bytes:
        return self.key_package.encode()


@dataclass(frozen=True, slots=True)
class Update:
    """Replaces the sender's own leaf (§12.1.2)."""

    leaf_node: LeafNode

    def encode(self) -> bytes:
        return self.leaf_node.encode()


@dataclass(frozen=True, slots=True)
class Remove:
    """Removes the member with that leaf index (§12.1.3)."""

    removed: int

    def encode(self) -> bytes:
        return u32(self.removed)


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """Mixes a pre-shared key in (§12.1.4)."""

    psk: PskId

    def encode(self) -> bytes:
        return self.psk.encode()


@dataclass(frozen=True, slots=True)
class ReInit:
    """Ends the group in favour of a new one with these parameters (§12.1.5)."""

    group_id: bytes
    version: int
    cipher_suite: int
    extensions: Extensions

    def encode(self) -> bytes:
        numbers = u16(self.version) + u16(self.cipher_suite)
        return opaque(self.group_id) + numbers + encode_extensions(self.extensions)

    @classmethod
    def read(cls, reader: Reader) -> ReInit:
        return cls(reader.opaque(), reader.u16(), reader.u16(), read_extensions(reader))


@dataclass(frozen=True, slots=True)
class ExternalInit:
    """Carries the init secret of a joiner from outside (§12.1.6)."""

    kem_output: bytes

    def encode(self) -> bytes:
        return opaque(self.kem_output)


@dataclass(frozen=True, slots=True)
class GroupContextExtensions:
    """Replaces the extensions of the group (§12.1.7)."""

    extensions: Extensions

    def encode(self) -> bytes:
        return encode_extensions(self.extensions)


Proposal: TypeAlias = (
    Add | Update | Remove | PreSharedKey | ReInit | ExternalInit | GroupContextExtensions
)

_TYPES: dict[type[Proposal], int] = {
    Add: 0x0001,
    Update: 0x0002,
    Remove: 0x0003,
    PreSharedKey: 0x0004,
    ReInit: 0x0005,
    ExternalInit: 0x0006,
    GroupContextExtensions: 0x0007,
}


def encode_proposal(proposal: Proposal) -> bytes:
    return u16(_TYPES[type(proposal)]) + proposal.encode()


def read_proposal(reader: Reader) -> Proposal:
    """A proposal of a known type; others have no length, so nobody can read past them."""
    match reader.u16():
        case 0x0001:
            return Add(KeyPackage.read(reader))
        case 0x0002:
            return Update(LeafNode.read(reader))
        case 0x0003:
            return Remove(reader.u32())
        case 0x0004:
            return PreSharedKey(read_psk_id(reader))
        case 0x0005:
            return ReInit.read(reader)
        case 0x0006:
            return ExternalInit(reader.opaque())
        case 0x0007:
            return GroupContextExtensions(read_extensions(reader))
    raise DecodeError("unknown proposal type")
