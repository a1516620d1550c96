"""The secret tree and its ratchets: a key for every message of an epoch (RFC 9420 §9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from . import tree_math
from .codec import Reader, opaque, u8, u32, vector
from .errors import DecodeError, InvalidMessage
from .secret import EncryptionSecret, MessageKey, RatchetSecret
from .suite import CipherSuite

MAX_FORWARD = 1024
"""Generations a receiver is willing to skip at once."""

MAX_SKIPPED = 256
"""Keys of skipped generations that are kept per ratchet, the latest ones."""

MAX_GENERATION = (1 << 32) - 1


class RatchetKind(IntEnum):
    HANDSHAKE = 1
    APPLICATION = 2


@dataclass(frozen=True, slots=True)
class KeyAndNonce:
    key: MessageKey  # Nk
    nonce: MessageKey  # 12


@dataclass(frozen=True, slots=True)
class Ratchet:
    """One sender's keys of one kind from `generation` on, and those skipped before it."""

    secret: RatchetSecret
    generation: int = 0
    skipped: Mapping[int, KeyAndNonce] = field(default_factory=dict)

    def step(self, suite: CipherSuite) -> tuple[Ratchet, KeyAndNonce]:
        """The key of `generation`, and the ratchet that has forgotten it."""
        if self.generation >= MAX_GENERATION:
            raise InvalidMessage("the ratchet has run out of generations")

        def derive(label: bytes, length: int) -> MessageKey:
            secret = suite.derive_tree_secret(self.secret, label, self.generation, length)
            return MessageKey(secret)

        key = KeyAndNonce(
            derive(b"key", suite.aead.key_size), derive(b"nonce", suite.aead.nonce_size)
        )
        after = RatchetSecret(derive(b"secret", suite.secret_size))
        return replace(self, secret=after, generation=self.generation + 1), key

    def take(self, suite: CipherSuite, generation: int) -> tuple[Ratchet, KeyAndNonce]:
        """The key of any generation once. Raises `InvalidMessage` if it is spent or too far."""
        skipped = dict(self.skipped)
        if generation < self.generation:
            if (key := skipped.pop(generation, None)) is None:
                raise InvalidMessage("the key of this generation is spent")
            return replace(self, skipped=skipped), key
        if generation - self.generation > MAX_FORWARD:
            raise InvalidMessage("the message is too many generations ahead")
        ratchet = self
        while ratchet.generation < generation:
            at = ratchet.generation
            ratchet, skipped[at] = ratchet.step(suite)
        ratchet, key = ratchet.step(suite)
        kept = dict(sorted(skipped.items())[-MAX_SKIPPED:])
        return replace(ratchet, skipped=kept), key


@dataclass(frozen=True, slots=True)
class SecretTree:
    """Secrets of an epoch that are still needed; whatever was used is gone from it."""

    suite: CipherSuite
    size: int  # leaves
    nodes: Mapping[int, RatchetSecret]  # by node index
    ratchets: Mapping[tuple[int, RatchetKind], Ratchet]  # by leaf index and kind

    @classmethod
    def of(cls, suite: CipherSuite, size: int, secret: EncryptionSecret) -> SecretTree:
        return cls(suite, size, {tree_math.root(size): RatchetSecret(secret)}, {})

    def next_key(self, leaf: int, kind: RatchetKind) -> tuple[SecretTree, int, KeyAndNonce]:
        """For sending: generation and key, and the tree without them."""
        tree, ratchet = self._ratchet(leaf, kind)
        after, key = ratchet.step(self.suite)
        return tree._with(leaf, kind, after), ratchet.generation, key

    def key_at(
        self, leaf: int, kind: RatchetKind, generation: int
    ) -> tuple[SecretTree, KeyAndNonce]:
        """For receiving: the key of that generation, and the tree without it.

        Raises `InvalidMessage` if the key is spent or too many generations ahead.
        """
        tree, ratchet = self._ratchet(leaf, kind)
        after, key = ratchet.take(self.suite, generation)
        return tree._with(leaf, kind, after), key

    def _with(self, leaf: int, kind: RatchetKind, ratchet: Ratchet) -> SecretTree:
        return replace(self, ratchets={**self.ratchets, (leaf, kind): ratchet})

    def _ratchet(self, leaf: int, kind: RatchetKind) -> tuple[SecretTree, Ratchet]:
        """A leaf's ratchet; the first time, the path down to the leaf is unfolded (§9)."""
        if (known := self.ratchets.get((leaf, kind))) is not None:
            return self, known
        path = [2 * leaf, *tree_math.direct_path(leaf, self.size)]
        depth = next(i for i, node in enumerate(path) if node in self.nodes)
        nodes = dict(self.nodes)
        for node in reversed(path[1 : depth + 1]):
            secret = nodes.pop(node)
            nodes[tree_math.left(node)] = self._child(secret, b"left")
            nodes[tree_math.right(node)] = self._child(secret, b"right")
        secret = nodes.pop(2 * leaf)
        ratchets = {
            **self.ratchets,
            (leaf, RatchetKind.HANDSHAKE): Ratchet(self._root(secret, b"handshake")),
            (leaf, RatchetKind.APPLICATION): Ratchet(self._root(secret, b"application")),
        }
        return replace(self, nodes=nodes, ratchets=ratchets), ratchets[leaf, kind]

    def _child(self, secret: RatchetSecret, side: bytes) -> RatchetSecret:
        size = self.suite.secret_size
        return RatchetSecret(self.suite.expand_with_label(secret, b"tree", side, size))

    def _root(self, secret: RatchetSecret, label: bytes) -> RatchetSecret:
        size = self.suite.secret_size
        return RatchetSecret(self.suite.expand_with_label(secret, label, b"", size))

    def encode(self) -> bytes:
        nodes = (u32(node) + opaque(secret) for node, secret in self.nodes.items())
        ratchets = (
            u32(leaf) + u8(kind) + _encode_ratchet(ratchet)
            for (leaf, kind), ratchet in self.ratchets.items()
        )
        return vector(nodes) + vector(ratchets)

    @classmethod
    def read(cls, reader: Reader, suite: CipherSuite, size: int) -> SecretTree:
        """A secret tree of `size` leaves, each of which has its ratchets or a secret above."""
        nodes = reader.vector(_read_node)
        ratchets = reader.vector(_read_ratchet)
        covered = [(leaf, leaf) for (leaf, kind), _ in ratchets if kind is RatchetKind.HANDSHAKE]
        covered += [tree_math.leaf_range(node) for node, _ in nodes]
        tree = cls(suite, size, dict(nodes), dict(ratchets))
        if len(tree.ratchets) != 2 * (len(covered) - len(nodes)):
            raise DecodeError("a leaf of the secret tree has one ratchet only")
        start = 0
        for first, last in sorted(covered):
            if first != start:
                raise DecodeError("the secret tree has a gap")
            start = last + 1
        if start != size:
            raise DecodeError("the secret tree has another size than the group")
        return tree


def _read_node(reader: Reader) -> tuple[int, RatchetSecret]:
    return reader.u32(), RatchetSecret(reader.opaque())


def _encode_ratchet(ratchet: Ratchet) -> bytes:
    skipped = (
        u32(generation) + opaque(key.key) + opaque(key.nonce)
        for generation, key in ratchet.skipped.items()
    )
    return opaque(ratchet.secret) + u32(ratchet.generation) + vector(skipped)


def _read_ratchet(reader: Reader) -> tuple[tuple[int, RatchetKind], Ratchet]:
    leaf = reader.u32()
    try:
        kind = RatchetKind(reader.u8())
    except ValueError:
        raise DecodeError("unknown ratchet kind") from None
    secret, generation = RatchetSecret(reader.opaque()), reader.u32()
    return (leaf, kind), Ratchet(secret, generation, dict(reader.vector(_read_skipped)))


def _read_skipped(reader: Reader) -> tuple[int, KeyAndNonce]:
    generation = reader.u32()
    return generation, KeyAndNonce(MessageKey(reader.opaque()), MessageKey(reader.opaque()))
