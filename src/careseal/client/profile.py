"""What a device keeps of a session beside its state: where it is, its token, its own name."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from careseal.e2ee.joining import Introduction
from careseal.e2ee.secret import IdentityKey, MemberToken

from .errors import StorageError


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    origin: str
    token: bytes
    name: str
    device: str
    identity_key: bytes | None


@dataclass(frozen=True, slots=True)
class Profile:
    origin: str
    token: MemberToken
    introduction: Introduction

    def encode(self) -> bytes:
        mine = self.introduction
        key = None if mine.identity_key is None else bytes(mine.identity_key)
        stored = _Stored(self.origin, bytes(self.token), mine.name, mine.device, key)
        return msgspec.msgpack.encode(stored)

    @classmethod
    def decode(cls, data: bytes | None) -> Profile:
        """Raises `StorageError`."""
        if data is None:
            raise StorageError("This session is not in the store.")
        stored = msgspec.msgpack.decode(data, type=_Stored)
        key = None if stored.identity_key is None else IdentityKey(stored.identity_key)
        introduction = Introduction(stored.name, stored.device, key)
        return cls(stored.origin, MemberToken(stored.token), introduction)
