"""Content, its sender and its authentication, before it is wrapped for the wire (RFC 9420 §6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypeAlias

from .codec import Reader, opaque, u8, u16, u32, u64
from .commit import Commit
from .errors import DecodeError
from .leaf_node import MLS10
from .proposal import Proposal, encode_proposal, read_proposal
from .secret import SignaturePrivateKey
from .suite import CipherSuite


class WireFormat(IntEnum):
    PUBLIC_MESSAGE = 1
    PRIVATE_MESSAGE = 2
    WELCOME = 3
    GROUP_INFO = 4
    KEY_PACKAGE = 5


class ContentType(IntEnum):
    APPLICATION = 1
    PROPOSAL = 2
    COMMIT = 3

    @classmethod
    def read(cls, reader: Reader) -> ContentType:
        try:
            return cls(reader.u8())
        except ValueError:
            raise DecodeError("unknown content type") from None


class SenderType(IntEnum):
    MEMBER = 1
    EXTERNAL = 2
    NEW_MEMBER_PROPOSAL = 3
    NEW_MEMBER_COMMIT = 4


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent something: `index` is a leaf index (MEMBER) or a place in the group's
    external_senders extension (EXTERNAL), else 0."""

    type: SenderType
    index: int = 0

    @classmethod
    def member(cls, leaf_index: int) -> Sender:
        return cls(SenderType.MEMBER, leaf_index)

    @property
    def leaf_index(self) -> int | None:
        """The member's leaf index; None for anybody else."""
        return self.index if self.type is SenderType.MEMBER else None

    def encode(self) -> bytes:
        indexed = self.type in (SenderType.MEMBER, SenderType.EXTERNAL)
        return u8(self.type) + (u32(self.index) if indexed else b"")

    @classmethod
    def read(cls, reader: Reader) -> Sender:
        try:
            type_ = SenderType(reader.u8())
        except ValueError:
            raise DecodeError("unknown sender type") from None
        indexed = type_ in (SenderType.MEMBER, SenderType.EXTERNAL)
        return cls(type_, reader.u32() if indexed else 0)


Content: TypeAlias = bytes | Proposal | Commit
"""Application data, a proposal or a commit."""


def content_type(content: Content) -> ContentType:
    if isinstance(content, Commit):
        return ContentType.COMMIT
    return ContentType.APPLICATION if isinstance(content, bytes) else ContentType.PROPOSAL


def encode_content(content: Content) -> bytes:
    if isinstance(content, Commit):
        return content.encode()
    return opaque(content) if isinstance(content, bytes) else encode_proposal(content)


def read_content(reader: Reader, type_: ContentType) -> Content:
    match type_:
        case ContentType.APPLICATION:
            return reader.opaque()
        case ContentType.PROPOSAL:
            return read_proposal(reader)
        case ContentType.COMMIT:
            return Commit.read(reader)


@dataclass(frozen=True, slots=True)
class FramedContent:
    """What is signed (§6)."""

    group_id: bytes
    epoch: int
    sender: Sender
    authenticated_data: bytes
    content: Content

    def encode(self) -> bytes:
        return b"".join(
            (
                opaque(self.group_id),
                u64(self.epoch),
                self.sender.encode(),
                opaque(self.authenticated_data),
                u8(content_type(self.content)),
                encode_content(self.content),
            )
        )

    @classmethod
    def read(cls, reader: Reader) -> FramedContent:
        return cls(
            reader.opaque(),
            reader.u64(),
            Sender.read(reader),
            reader.opaque(),
            read_content(reader, ContentType.read(reader)),
        )


@dataclass(frozen=True, slots=True)
class AuthenticatedContent:
    """Content with its signature, and the confirmation tag if it is a commit (§6.1)."""

    wire_format: WireFormat
    content: FramedContent
    signature: bytes
    confirmation_tag: bytes | None = None

    @classmethod
    def sign(
        cls,
        suite: CipherSuite,
        wire_format: WireFormat,
        content: FramedContent,
        context: bytes,
        key: SignaturePrivateKey,
    ) -> AuthenticatedContent:
        """Signed for the group whose encoded GroupContext is `context`; without a tag yet."""
        unsigned = cls(wire_format, content, b"")
        signature = suite.sign_with_label(key, b"FramedContentTBS", unsigned.signed_part(context))
        return replace(unsigned, signature=signature)

    def verify(self, suite: CipherSuite, context: bytes, public: bytes) -> None:
        """Raises `NotAuthentic`."""
        part = self.signed_part(context)
        suite.verify_with_label(public, b"FramedContentTBS", part, self.signature)

    def signed_part(self, context: bytes) -> bytes:
        """FramedContentTBS (§6.1); outsiders other than joiners do not sign the context."""
        inside = self.content.sender.type in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT)
        return b"".join(
            (
                u16(MLS10),
                u16(self.wire_format),
                self.content.encode(),
                context if inside else b"",
            )
        )

    def encode_auth(self) -> bytes:
        """FramedContentAuthData."""
        tag = b"" if self.confirmation_tag is None else opaque(self.confirmation_tag)
        return opaque(self.signature) + tag

    def encode(self) -> bytes:
        return u16(self.wire_format) + self.content.encode() + self.encode_auth()

    @classmethod
    def read(cls, reader: Reader) -> AuthenticatedContent:
        try:
            wire_format = WireFormat(reader.u16())
        except ValueError:
            raise DecodeError("unknown wire format") from None
        content = FramedContent.read(reader)
        return cls(wire_format, content, *read_auth(reader, content.content))

    def reference(self, suite: CipherSuite) -> bytes:
        """ProposalRef of the proposal in it (§5.2), Nh bytes."""
        return suite.ref_hash(b"MLS 1.0 Proposal Reference", self.encode())


def read_auth(reader: Reader, content: Content) -> tuple[bytes, bytes | None]:
    """FramedContentAuthData: signature and, for a commit, confirmation tag."""
    return reader.opaque(), reader.opaque() if isinstance(content, Commit) else None
