"""PublicMessage: content that is signed, and for members also tagged, but readable (§6.2)."""

from __future__ import annotations

from dataclasses import dataclass

from .codec import Reader, opaque
from .errors import InvalidMessage
from .framing import (
    AuthenticatedContent,
    FramedContent,
    SenderType,
    WireFormat,
    read_auth,
)
from .secret import MembershipKey
from .suite import CipherSuite


@dataclass(frozen=True, slots=True)
class PublicMessage:
    """`membership_tag` is there exactly if the sender is a member."""

    authenticated: AuthenticatedContent
    membership_tag: bytes | None

    @property
    def content(self) -> FramedContent:
        return self.authenticated.content

    @classmethod
    def protect(
        cls,
        suite: CipherSuite,
        authenticated: AuthenticatedContent,
        context: bytes,
        key: MembershipKey,
    ) -> PublicMessage:
        """Raises `InvalidMessage` for application data, which must not travel in the open."""
        if isinstance(authenticated.content.content, bytes):
            raise InvalidMessage("application data must not be sent as a PublicMessage")
        if authenticated.content.sender.type is not SenderType.MEMBER:
            return cls(authenticated, None)
        return cls(authenticated, suite.mac(key, _tagged_part(authenticated, context)))

    def unprotect(
        self, suite: CipherSuite, context: bytes, key: MembershipKey
    ) -> AuthenticatedContent:
        """The content, its tag checked but not its signature. Raises `InvalidMessage`."""
        if isinstance(self.content.content, bytes):
            raise InvalidMessage("application data must not be sent as a PublicMessage")
        if self.membership_tag is not None:
            part = _tagged_part(self.authenticated, context)
            suite.check_mac(key, part, self.membership_tag, "membership tag")
        return self.authenticated

    def encode(self) -> bytes:
        tag = b"" if self.membership_tag is None else opaque(self.membership_tag)
        return self.content.encode() + self.authenticated.encode_auth() + tag

    @classmethod
    def read(cls, reader: Reader) -> PublicMessage:
        content = FramedContent.read(reader)
        auth = read_auth(reader, content.content)
        is_member = content.sender.type is SenderType.MEMBER
        return cls(
            AuthenticatedContent(WireFormat.PUBLIC_MESSAGE, content, *auth),
            reader.opaque() if is_member else None,
        )


def _tagged_part(authenticated: AuthenticatedContent, context: bytes) -> bytes:
    """AuthenticatedContentTBM (§6.2)."""
    return authenticated.signed_part(context) + authenticated.encode_auth()
