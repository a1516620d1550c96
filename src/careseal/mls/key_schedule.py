"""The key schedule: from one epoch's init secret to all secrets of the next (RFC 9420 §8)."""

from __future__ import annotations

from dataclasses import dataclass

from .codec import Reader, opaque
from .group_context import GroupContext
from .kem import Rng
from .secret import (
    CommitSecret,
    ConfirmationKey,
    EncryptionSecret,
    EpochSecret,
    ExporterSecret,
    ExternalSecret,
    HpkePrivateKey,
    InitSecret,
    JoinerSecret,
    MembershipKey,
    Psk,
    PskSecret,
    Secret,
    SenderDataSecret,
    WelcomeSecret,
)
from .suite import CipherSuite

_EXTERNAL_INIT = b"MLS 1.0 external init secret"


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """The secrets a member keeps for the length of an epoch, each Nh bytes."""

    init_secret: InitSecret
    sender_data_secret: SenderDataSecret
    exporter_secret: ExporterSecret
    external_secret: ExternalSecret
    membership_key: MembershipKey
    resumption_psk: Psk
    epoch_authenticator: bytes

    def export(self, suite: CipherSuite, label: bytes, context: bytes, length: int) -> Secret:
        """MLS-Exporter (§8.5). Raises `UsageError` for more than 255 Nh bytes."""
        secret = suite.derive_secret(self.exporter_secret, label)
        return suite.expand_with_label(secret, b"exported", suite.hash(context), length)

    def external_key_pair(self, suite: CipherSuite) -> tuple[HpkePrivateKey, bytes]:
        """The key pair that a joiner from outside encapsulates to (§8.3)."""
        return suite.kem.derive_key_pair(self.external_secret)

    def encode(self) -> bytes:
        return b"".join(
            opaque(secret)
            for secret in (
                self.init_secret,
                self.sender_data_secret,
                self.exporter_secret,
                self.external_secret,
                self.membership_key,
                self.resumption_psk,
                self.epoch_authenticator,
            )
        )

    @classmethod
    def read(cls, reader: Reader) -> EpochKeys:
        return cls(
            InitSecret(reader.opaque()),
            SenderDataSecret(reader.opaque()),
            ExporterSecret(reader.opaque()),
            ExternalSecret(reader.opaque()),
            MembershipKey(reader.opaque()),
            Psk(reader.opaque()),
            reader.opaque(),
        )


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """All that comes out when an epoch begins; only `keys` outlives the beginning."""

    keys: EpochKeys
    encryption_secret: EncryptionSecret
    confirmation_key: ConfirmationKey

    @classmethod
    def from_epoch_secret(cls, suite: CipherSuite, secret: EpochSecret) -> NewEpoch:
        """Table 4 of §8; a new group begins with a random epoch secret (§11)."""

        def derive(label: bytes) -> Secret:
            return suite.derive_secret(secret, label)

        keys = EpochKeys(
            InitSecret(derive(b"init")),
            SenderDataSecret(derive(b"sender data")),
            ExporterSecret(derive(b"exporter")),
            ExternalSecret(derive(b"external")),
            MembershipKey(derive(b"membership")),
            Psk(derive(b"resumption")),
            bytes(derive(b"authentication")),
        )
        encryption_secret = EncryptionSecret(derive(b"encryption"))
        return cls(keys, encryption_secret, ConfirmationKey(derive(b"confirm")))

    @classmethod
    def from_joiner(
        cls, suite: CipherSuite, joiner: JoinerSecret, psk: PskSecret, context: GroupContext
    ) -> NewEpoch:
        secret = suite.expand_with_label(
            suite.extract(joiner, psk), b"epoch", context.encode(), suite.secret_size
        )
        return cls.from_epoch_secret(suite, EpochSecret(secret))


def joiner_secret(
    suite: CipherSuite, init: InitSecret, commit: CommitSecret, context: GroupContext
) -> JoinerSecret:
    """joiner_secret of the epoch whose GroupContext is `context`, Nh bytes."""
    extracted = suite.extract(init, commit)
    size = suite.secret_size
    return JoinerSecret(suite.expand_with_label(extracted, b"joiner", context.encode(), size))


def welcome_secret(suite: CipherSuite, joiner: JoinerSecret, psk: PskSecret) -> WelcomeSecret:
    """welcome_secret, Nh bytes."""
    return WelcomeSecret(suite.derive_secret(suite.extract(joiner, psk), b"welcome"))


def send_external_init(suite: CipherSuite, public: bytes, rng: Rng) -> tuple[bytes, InitSecret]:
    """kem_output and init secret of a joiner from outside (§8.3)."""
    kem_output, context = suite.hpke.send(public, b"", rng)
    return kem_output, InitSecret(context.export(_EXTERNAL_INIT, suite.secret_size))


def receive_external_init(suite: CipherSuite, keys: EpochKeys, kem_output: bytes) -> InitSecret:
    """The same init secret for the members. Raises `InvalidMessage`."""
    private, _ = keys.external_key_pair(suite)
    context = suite.hpke.receive(private, kem_output, b"")
    return InitSecret(context.export(_EXTERNAL_INIT, suite.secret_size))
