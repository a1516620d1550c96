"""Welcome: an invitation into an epoch, sealed for each new member (RFC 9420 §12.4.3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .codec import Reader, decode, opaque, optional, u16, vector
from .commit import HpkeCiphertext
from .errors import InvalidMessage
from .group_info import GroupInfo
from .kem import Rng
from .key_package import KeyPackage, OwnKeyPackage
from .key_schedule import welcome_secret
from .psk import PskId, read_psk_id
from .secret import JoinerSecret, PathSecret, PskSecret
from .suite import SUITES, CipherSuite

_LABEL = b"Welcome"


@dataclass(frozen=True, slots=True)
class GroupSecrets:
    """What only one new member may read."""

    joiner_secret: JoinerSecret
    path_secret: PathSecret | None
    psks: tuple[PskId, ...]

    def encode(self) -> bytes:
        path_secret = None if self.path_secret is None else opaque(self.path_secret)
        psks = vector(psk.encode() for psk in self.psks)
        return opaque(self.joiner_secret) + optional(path_secret) + psks

    @classmethod
    def read(cls, reader: Reader) -> GroupSecrets:
        joiner_secret = JoinerSecret(reader.opaque())
        path_secret = reader.optional(Reader.opaque)
        return cls(
            joiner_secret,
            None if path_secret is None else PathSecret(path_secret),
            reader.vector(read_psk_id),
        )


@dataclass(frozen=True, slots=True)
class EncryptedGroupSecrets:
    new_member: bytes  # KeyPackageRef
    encrypted_group_secrets: HpkeCiphertext

    def encode(self) -> bytes:
        return opaque(self.new_member) + self.encrypted_group_secrets.encode()

    @classmethod
    def read(cls, reader: Reader) -> EncryptedGroupSecrets:
        return cls(reader.opaque(), HpkeCiphertext.read(reader))


@dataclass(frozen=True, slots=True)
class Welcome:
    cipher_suite: int
    secrets: tuple[EncryptedGroupSecrets, ...]
    encrypted_group_info: bytes

    def encode(self) -> bytes:
        secrets = vector(each.encode() for each in self.secrets)
        return u16(self.cipher_suite) + secrets + opaque(self.encrypted_group_info)

    @classmethod
    def read(cls, reader: Reader) -> Welcome:
        return cls(reader.u16(), reader.vector(EncryptedGroupSecrets.read), reader.opaque())

    @classmethod
    def seal(
        cls,
        suite: CipherSuite,
        group_info: GroupInfo,
        psk: PskSecret,
        new_members: Sequence[tuple[KeyPackage, GroupSecrets]],
        rng: Rng,
    ) -> Welcome:
        """One Welcome for all new members, each with its own secrets."""
        joiner = new_members[0][1].joiner_secret
        key, nonce = _key_and_nonce(suite, joiner, psk)
        encrypted = suite.aead.seal(key, nonce, b"", group_info.encode())
        secrets = (
            EncryptedGroupSecrets(
                key_package.reference(suite),
                HpkeCiphertext(
                    *suite.encrypt_with_label(
                        key_package.init_key, _LABEL, encrypted, each.encode(), rng
                    )
                ),
            )
            for key_package, each in new_members
        )
        return cls(suite.number, tuple(secrets), encrypted)

    @property
    def suite(self) -> CipherSuite:
        """Raises `InvalidMessage` for a suite that is not supported."""
        if (suite := SUITES.get(self.cipher_suite)) is None:
            raise InvalidMessage("the Welcome is for a cipher suite that is not supported")
        return suite

    def open_secrets(self, suite: CipherSuite, own: OwnKeyPackage) -> GroupSecrets:
        """The secrets for the holder of a key package.

        Raises `InvalidMessage` if there are none for it or they do not open.
        """
        if self.cipher_suite != own.key_package.cipher_suite:
            raise InvalidMessage("the Welcome is for another cipher suite than the key package")
        reference = own.key_package.reference(suite)
        mine = [each for each in self.secrets if each.new_member == reference]
        if not mine:
            raise InvalidMessage("the Welcome is not for this key package")
        sealed = mine[0].encrypted_group_secrets
        opened = suite.decrypt_with_label(
            own.init_key, _LABEL, self.encrypted_group_info, sealed.kem_output, sealed.ciphertext
        )
        return decode(GroupSecrets.read, opened)

    def open_group_info(
        self, suite: CipherSuite, joiner: JoinerSecret, psk: PskSecret
    ) -> GroupInfo:
        """The GroupInfo, not validated yet. Raises `NotAuthentic` or `DecodeError`."""
        key, nonce = _key_and_nonce(suite, joiner, psk)
        return decode(GroupInfo.read, suite.aead.open(key, nonce, b"", self.encrypted_group_info))


def _key_and_nonce(suite: CipherSuite, joiner: JoinerSecret, psk: PskSecret) -> tuple[bytes, bytes]:
    secret = welcome_secret(suite, joiner, psk)
    key = suite.expand_with_label(secret, b"key", b"", suite.aead.key_size)
    return key, suite.expand_with_label(secret, b"nonce", b"", suite.aead.nonce_size)
