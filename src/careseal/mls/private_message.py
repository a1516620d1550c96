"""PrivateMessage: content encrypted for the members of an epoch (RFC 9420 §6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from .codec import Reader, decode, opaque, u8, u32, u64
from .errors import DecodeError, InvalidMessage
from .framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    Sender,
    WireFormat,
    content_type,
    encode_content,
    read_auth,
    read_content,
)
from .kem import Rng
from .secret import MessageKey, SenderDataSecret
from .secret_tree import KeyAndNonce, RatchetKind, SecretTree
from .suite import CipherSuite

_REUSE_GUARD = 4


@dataclass(frozen=True, slots=True)
class SenderData:
    """Who sent it, and under which key of theirs (§6.3.2)."""

    leaf_index: int
    generation: int
    reuse_guard: bytes  # 4

    def encode(self) -> bytes:
        return u32(self.leaf_index) + u32(self.generation) + self.reuse_guard

    @classmethod
    def read(cls, reader: Reader) -> SenderData:
        return cls(reader.u32(), reader.u32(), reader.take(_REUSE_GUARD))


@dataclass(frozen=True, slots=True)
class PrivateMessage:
    group_id: bytes
    epoch: int
    content_type: ContentType
    authenticated_data: bytes
    encrypted_sender_data: bytes
    ciphertext: bytes

    @classmethod
    def protect(
        cls,
        suite: CipherSuite,
        authenticated: AuthenticatedContent,
        secret_tree: SecretTree,
        sender_data_secret: SenderDataSecret,
        rng: Rng,
        padding: int = 0,
    ) -> tuple[SecretTree, PrivateMessage]:
        """Encrypted under the sender's next key, with `padding` zero bytes (§6.3.1)."""
        content = authenticated.content
        kind = content_type(content.content)
        leaf = content.sender.index
        secret_tree, generation, key = secret_tree.next_key(leaf, _ratchet_kind(kind))
        sender_data = SenderData(leaf, generation, rng(_REUSE_GUARD))
        plaintext = encode_content(content.content) + authenticated.encode_auth() + bytes(padding)
        aad = _header(content.group_id, content.epoch, kind)
        ciphertext = suite.aead.seal(
            key.key,
            _guarded(key, sender_data.reuse_guard),
            aad + opaque(content.authenticated_data),
            plaintext,
        )
        hidden = sender_data_key(suite, sender_data_secret, ciphertext)
        encrypted = suite.aead.seal(hidden.key, hidden.nonce, aad, sender_data.encode())
        message = cls(
            content.group_id,
            content.epoch,
            kind,
            content.authenticated_data,
            encrypted,
            ciphertext,
        )
        return secret_tree, message

    def unprotect(
        self, suite: CipherSuite, secret_tree: SecretTree, sender_data_secret: SenderDataSecret
    ) -> tuple[SecretTree, AuthenticatedContent]:
        """The content, whose signature is not checked yet, and the tree without its key.

        Raises `InvalidMessage` or `DecodeError`.
        """
        aad = _header(self.group_id, self.epoch, self.content_type)
        hidden = sender_data_key(suite, sender_data_secret, self.ciphertext)
        opened = suite.aead.open(hidden.key, hidden.nonce, aad, self.encrypted_sender_data)
        sender_data = decode(SenderData.read, opened)
        if sender_data.leaf_index >= secret_tree.size:
            raise InvalidMessage("the sender is outside the tree")
        secret_tree, key = secret_tree.key_at(
            sender_data.leaf_index, _ratchet_kind(self.content_type), sender_data.generation
        )
        plaintext = suite.aead.open(
            key.key,
            _guarded(key, sender_data.reuse_guard),
            aad + opaque(self.authenticated_data),
            self.ciphertext,
        )
        return secret_tree, self._content(sender_data.leaf_index, plaintext)

    def _content(self, leaf_index: int, plaintext: bytes) -> AuthenticatedContent:
        reader = Reader(plaintext)
        content = read_content(reader, self.content_type)
        auth = read_auth(reader, content)
        if any(reader.rest()):
            raise DecodeError("the padding holds something other than zeros")
        framed = FramedContent(
            self.group_id,
            self.epoch,
            Sender.member(leaf_index),
            self.authenticated_data,
            content,
        )
        return AuthenticatedContent(WireFormat.PRIVATE_MESSAGE, framed, *auth)

    def encode(self) -> bytes:
        return b"".join(
            (
                _header(self.group_id, self.epoch, self.content_type),
                opaque(self.authenticated_data),
                opaque(self.encrypted_sender_data),
                opaque(self.ciphertext),
            )
        )

    @classmethod
    def read(cls, reader: Reader) -> PrivateMessage:
        return cls(
            reader.opaque(),
            reader.u64(),
            ContentType.read(reader),
            reader.opaque(),
            reader.opaque(),
            reader.opaque(),
        )


def sender_data_key(suite: CipherSuite, secret: SenderDataSecret, ciphertext: bytes) -> KeyAndNonce:
    """Key and nonce that hide the sender, from a sample of the ciphertext (§6.3.2)."""
    sample = ciphertext[: suite.secret_size]
    key = suite.expand_with_label(secret, b"key", sample, suite.aead.key_size)
    nonce = suite.expand_with_label(secret, b"nonce", sample, suite.aead.nonce_size)
    return KeyAndNonce(MessageKey(key), MessageKey(nonce))


def _header(group_id: bytes, epoch: int, kind: ContentType) -> bytes:
    """SenderDataAAD, and the start of PrivateContentAAD."""
    return opaque(group_id) + u64(epoch) + u8(kind)


def _ratchet_kind(kind: ContentType) -> RatchetKind:
    application = kind is ContentType.APPLICATION
    return RatchetKind.APPLICATION if application else RatchetKind.HANDSHAKE


def _guarded(key: KeyAndNonce, guard: bytes) -> bytes:
    """The nonce with the reuse guard over its first bytes (§6.3.1)."""
    start = bytes(a ^ b for a, b in zip(key.nonce, guard, strict=False))
    return start + key.nonce[_REUSE_GUARD:]
