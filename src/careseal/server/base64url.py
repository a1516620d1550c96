"""base64url without padding, in its one canonical form (docs/protocol.md §1.2)."""

from __future__ import annotations

import binascii
from typing import Final

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/!!!")  # what may not be there stays so


def encode(octets: bytes) -> str:
    """The text that stands for ``octets`` in JSON and in URLs."""
    standard = binascii.b2a_base64(octets, newline=False)
    return standard.rstrip(b"=").translate(_TO_URL).decode("ascii")


def decode(text: str) -> bytes:
    """What ``text`` stands for. Raises ``ValueError`` unless it encodes back to itself."""
    try:
        standard = text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4)
        octets = binascii.a2b_base64(standard, strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("not base64url without padding") from None
    if encode(octets[len(octets) // 3 * 3 :]) != text[len(text) // 4 * 4 :]:  # bits to spare
        raise ValueError("not base64url in its canonical form")
    return octets
