"""The Commit structure with its UpdatePath (RFC 9420 §7.6, §12.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .codec import Reader, opaque, optional, u8, vector
from .errors import DecodeError
from .leaf_node import LeafNode
from .proposal import Proposal, encode_proposal, read_proposal

_PROPOSAL, _REFERENCE = 1, 2


@dataclass(frozen=True, slots=True)
class HpkeCiphertext:
    kem_output: bytes
    ciphertext: bytes

    def encode(self) -> bytes:
        return opaque(self.kem_output) + opaque(self.ciphertext)

    @classmethod
    def read(cls, reader: Reader) -> HpkeCiphertext:
        return cls(reader.opaque(), reader.opaque())


@dataclass(frozen=True, slots=True)
class UpdatePathNode:
    """New key of one node, and its path secret for each node its copath child resolves to."""

    encryption_key: bytes
    encrypted_path_secret: tuple[HpkeCiphertext, ...]

    def encode(self) -> bytes:
        secrets = vector(each.encode() for each in self.encrypted_path_secret)
        return opaque(self.encryption_key) + secrets

    @classmethod
    def read(cls, reader: Reader) -> UpdatePathNode:
        return cls(reader.opaque(), reader.vector(HpkeCiphertext.read))


@dataclass(frozen=True, slots=True)
class UpdatePath:
    """The committer's new leaf and the nodes of its filtered direct path, leaf to root."""

    leaf_node: LeafNode
    nodes: tuple[UpdatePathNode, ...]

    def encode(self) -> bytes:
        return self.leaf_node.encode() + vector(node.encode() for node in self.nodes)

    @classmethod
    def read(cls, reader: Reader) -> UpdatePath:
        return cls(LeafNode.read(reader), reader.vector(UpdatePathNode.read))


@dataclass(frozen=True, slots=True)
class ProposalRef:
    """Names a proposal sent before (§5.2)."""

    hash: bytes


ProposalOrRef: TypeAlias = Proposal | ProposalRef


@dataclass(frozen=True, slots=True)
class Commit:
    proposals: tuple[ProposalOrRef, ...]
    path: UpdatePath | None

    def encode(self) -> bytes:
        path = None if self.path is None else self.path.encode()
        return vector(map(_encode_proposal_or_ref, self.proposals)) + optional(path)

    @classmethod
    def read(cls, reader: Reader) -> Commit:
        return cls(reader.vector(_read_proposal_or_ref), reader.optional(UpdatePath.read))


def _encode_proposal_or_ref(proposal: ProposalOrRef) -> bytes:
    if isinstance(proposal, ProposalRef):
        return u8(_REFERENCE) + opaque(proposal.hash)
    return u8(_PROPOSAL) + encode_proposal(proposal)


def _read_proposal_or_ref(reader: Reader) -> ProposalOrRef:
    match reader.u8():
        case 1:
            return read_proposal(reader)
        case 2:
            return ProposalRef(reader.opaque())
    raise DecodeError("neither a proposal nor a reference to one")
