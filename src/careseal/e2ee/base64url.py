"""Byte strings as text: base64url without padding (docs/protocol.md §1.2)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from .errors import Malformed

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str, size: int | None = None) -> bytes:
    """The bytes, `size` of them if given. Raises `Malformed` for text that is not canonical."""
    if not _ALPHABET.fullmatch(text) or len(text) % 4 == 1:
        raise Malformed("not base64url text")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise Malformed("base64url text with stray bits")
    if size is not None and len(data) != size:
        raise Malformed(f"{size} bytes were expected here")
    return data
