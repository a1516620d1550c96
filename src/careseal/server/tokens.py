"""Tokens: 32 random bytes, of which the server keeps a hash only (docs/protocol.md §1.2)."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from careseal.server import base64url
from careseal.server.durable import sync_folder

SIZE = 32


def new_token() -> bytes:
    """A fresh token."""
    return secrets.token_bytes(SIZE)


def octets_of(token: str) -> bytes | None:
    """The bytes (32) of a token; None when the text is no token."""
    try:
        octets = base64url.decode(token)
    except ValueError:
        return None
    return octets if len(octets) == SIZE else None


def hash_of(token: str) -> bytes | None:
    """SHA-256 of a device's token; None when the text is no token."""
    octets = octets_of(token)
    return None if octets is None else hash_octets(octets)


def hash_octets(token: bytes) -> bytes:
    """SHA-256 of a device's token."""
    return hashlib.sha256(token).digest()


@dataclass(frozen=True, slots=True)
class ServerSecrets:
    """What ``secrets.json`` holds."""

    credential_key: bytes = field(repr=False)  # 32
    turn_secret: str = field(repr=False)

    def hash_octets(self, token: bytes) -> bytes:
        """Keyed hash of a token that this server made, so that its database alone forges none."""
        return hmac.digest(self.credential_key, hash_octets(token), "sha256")

    def hash_of(self, token: str) -> bytes | None:
        """The same of a token as text; None when the text is no token."""
        octets = octets_of(token)
        return None if octets is None else self.hash_octets(octets)


class _File(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    credential_key: str
    turn_secret: str


def server_secrets(path: Path) -> ServerSecrets:
    """Those of the file, made on the first start with mode 0600."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        kept = _File(base64url.encode(new_token()), secrets.token_urlsafe(32))
        write_private(path, msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
    return ServerSecrets(base64url.decode(kept.credential_key), kept.turn_secret)


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole, readable by its owner only."""
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    sync_folder(path.parent)
