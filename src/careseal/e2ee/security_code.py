"""The code that members compare by voice (docs/protocol.md §7.4)."""

from __future__ import annotations

from dataclasses import dataclass

from . import base64url
from .identifiers import SessionId
from .secret import CodeSecret
from .suite import digest
from .wire import u8


@dataclass(frozen=True, slots=True)
class SecurityCode:
    """Six groups of five digits, the same for all who are in the same group."""

    groups: tuple[str, ...]

    @classmethod
    def derive(cls, secret: CodeSecret) -> SecurityCode:
        return cls(tuple(_group(secret, number) for number in range(6)))

    def qr(self, session: SessionId) -> str:
        """Text of the QR code."""
        return f"careseal:1:{base64url.encode(session)}:{''.join(self.groups)}"

    def __str__(self) -> str:
        return " ".join(self.groups)


def _group(secret: CodeSecret, number: int) -> str:
    hashed = digest(b"careseal/1 code" + u8(number) + secret)
    return f"{int.from_bytes(hashed[:8], 'big') % 100000:05}"
