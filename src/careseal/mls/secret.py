"""Secrets as types of their own: usable as bytes, never printed, never confused with each other."""

from __future__ import annotations


class Secret(bytes):
    """Secret bytes. `repr`, `str` and formatting show the type only."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


class HpkePrivateKey(Secret):
    """Private key of an HPKE key pair, as RFC 9180 §7.1.2 serialises it."""


class SignaturePrivateKey(Secret):
    """Private signature key: seed (EdDSA) or big-endian scalar (ECDSA)."""


class PathSecret(Secret):
    """path_secret of a ratchet tree node, Nh bytes (RFC 9420 §7.4)."""


class CommitSecret(Secret):
    """commit_secret, Nh bytes (RFC 9420 §7.4)."""


class InitSecret(Secret):
    """init_secret, Nh bytes (RFC 9420 §8)."""


class JoinerSecret(Secret):
    """joiner_secret, Nh bytes (RFC 9420 §8)."""


class WelcomeSecret(Secret):
    """welcome_secret, Nh bytes (RFC 9420 §8)."""


class EpochSecret(Secret):
    """epoch_secret, Nh bytes (RFC 9420 §8)."""


class EncryptionSecret(Secret):
    """encryption_secret, the root of the secret tree, Nh bytes (RFC 9420 §9)."""


class SenderDataSecret(Secret):
    """sender_data_secret, Nh bytes (RFC 9420 §6.3.2)."""


class ExporterSecret(Secret):
    """exporter_secret, Nh bytes (RFC 9420 §8.5)."""


class ExternalSecret(Secret):
    """external_secret, Nh bytes (RFC 9420 §8.3)."""


class ConfirmationKey(Secret):
    """confirmation_key, Nh bytes (RFC 9420 §6.1)."""


class MembershipKey(Secret):
    """membership_key, Nh bytes (RFC 9420 §6.2)."""


class Psk(Secret):
    """A pre-shared key, external or resumption (RFC 9420 §8.4)."""


class PskSecret(Secret):
    """psk_secret, the combination of all pre-shared keys of a commit, Nh bytes (RFC 9420 §8.4)."""


class RatchetSecret(Secret):
    """Secret of a secret tree node or of one generation of a ratchet, Nh bytes (RFC 9420 §9.1)."""


class MessageKey(Secret):
    """AEAD key of one message, Nk bytes (RFC 9420 §9.1)."""
