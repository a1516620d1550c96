"""base64url without padding, in its one canonical form (docs/protocol.md §1.2)."""

from __future__ import annotations

import base64
import binascii


def encode(octets: bytes) -> str:
    """The text that stands for ``octets`` in JSON and in URLs."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """What ``text`` stands for. Raises ``ValueError`` unless it encodes back to itself."""
    try:
        octets = base64.b64decode(
            text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("not base64url without padding") from None
    if encode(octets) != text:
        raise ValueError("not base64url in its canonical form")
    return octets
