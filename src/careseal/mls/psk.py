"""Pre-shared keys: how they are named, and how several become one secret (RFC 9420 §8.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from .codec import Reader, opaque, u8, u16, u64
from .errors import DecodeError, MissingPsk
from .kem import Rng
from .secret import Psk, PskSecret, Secret
from .suite import CipherSuite

_EXTERNAL, _RESUMPTION = 1, 2


class ResumptionUsage(IntEnum):
    APPLICATION = 1
    REINIT = 2
    BRANCH = 3


@dataclass(frozen=True, slots=True)
class ExternalPskId:
    """Names a key that members have by other means."""

    id: bytes
    nonce: bytes  # Nh, fresh for every use

    def encode(self) -> bytes:
        return u8(_EXTERNAL) + opaque(self.id) + opaque(self.nonce)


@dataclass(frozen=True, slots=True)
class ResumptionPskId:
    """Names the resumption key of an epoch of this or another group."""

    usage: ResumptionUsage
    group_id: bytes
    epoch: int
    nonce: bytes  # Nh, fresh for every use

    def encode(self) -> bytes:
        key = u8(self.usage) + opaque(self.group_id) + u64(self.epoch)
        return u8(_RESUMPTION) + key + opaque(self.nonce)


PskId: TypeAlias = ExternalPskId | ResumptionPskId
"""PreSharedKeyID."""

PskSource: TypeAlias = Callable[[PskId], Psk | None]
"""Finds a key by its name, whatever the nonce; None if it is not there."""


def no_psks(_: PskId) -> None:
    """The source that has none."""


def read_psk_id(reader: Reader) -> PskId:
    match reader.u8():
        case 1:
            return ExternalPskId(reader.opaque(), reader.opaque())
        case 2:
            try:
                usage = ResumptionUsage(reader.u8())
            except ValueError:
                raise DecodeError("unknown resumption PSK usage") from None
            return ResumptionPskId(usage, reader.opaque(), reader.u64(), reader.opaque())
    raise DecodeError("unknown PSK type")


def external_psk_id(suite: CipherSuite, psk_id: bytes, rng: Rng) -> ExternalPskId:
    """A name for one use of an external key."""
    return ExternalPskId(psk_id, rng(suite.secret_size))


def find_psks(ids: Sequence[PskId], *sources: PskSource) -> list[tuple[PskId, Psk]]:
    """Every key by its name, from the first source that has it. Raises `MissingPsk`."""
    found = []
    for psk_id in ids:
        psk = next((psk for source in sources if (psk := source(psk_id)) is not None), None)
        if psk is None:
            raise MissingPsk(f"no key for {psk_id}")
        found.append((psk_id, psk))
    return found


def psk_secret(suite: CipherSuite, psks: Sequence[tuple[PskId, Psk]]) -> PskSecret:
    """psk_secret (§8.4), Nh bytes; all zero without any key."""
    zero = bytes(suite.secret_size)
    secret = Secret(zero)
    for index, (psk_id, psk) in enumerate(psks):
        label = psk_id.encode() + u16(index) + u16(len(psks))
        extracted = suite.extract(zero, psk)
        psk_input = suite.expand_with_label(extracted, b"derived psk", label, suite.secret_size)
        secret = suite.extract(psk_input, secret)
    return PskSecret(secret)
