"""Messaging Layer Security (RFC 9420), sans I/O and immutable.

A `Group` is one member's view of one epoch. Whatever changes it returns a new `Group` or raises an
`MLSError` and has changed nothing. Bytes go in and out; randomness is passed in as `rng`, a
function like `os.urandom` (only ML-KEM, in the X-Wing suite, draws its own inside `cryptography`).
Nothing here reads a clock or believes a credential: both are for the caller to judge, who sees
every proposal and leaf before applying a commit.

    suite = cipher_suite(XWING_SUITE)
    alice = Group.create(suite, b"id", Credential.basic(b"Alice"), Signer.generate(suite, rng), rng)
    bob, commit = Group.external_commit(
        alice.group_info(), Credential.basic(b"Bob"), Signer.generate(suite, rng), rng
    )
    alice, received = alice.receive(commit)
    alice = alice.apply(received)
    assert alice.epoch_authenticator == bob.epoch_authenticator
"""

from .credential import Credential
from .errors import (
    DecodeError,
    InvalidMessage,
    MissingPsk,
    MLSError,
    NotAuthentic,
    OtherEpoch,
    RemovedFromGroup,
    UsageError,
)
from .extension import Extension, ExternalSender, RequiredCapabilities
from .external_joining import propose_from_outside
from .framing import Sender, SenderType
from .group import Committed, Group
from .group_context import GroupContext
from .group_info import GroupInfo
from .group_state import LeafChange
from .kem import Rng
from .key_package import KeyPackage, OwnKeyPackage
from .leaf_node import Capabilities, LeafNode, LeafNodeSource, Lifetime
from .message import Message, decode_message, encode_message
from .proposal import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    Update,
)
from .proposal_list import SentProposal
from .psk import (
    ExternalPskId,
    PskId,
    PskSource,
    ResumptionPskId,
    ResumptionUsage,
    external_psk_id,
)
from .public_message import PublicMessage
from .ratchet_tree import RatchetTree
from .receiving import Received, ReceivedApplication, ReceivedCommit, ReceivedProposal
from .secret import ExporterSecret, HpkePrivateKey, Psk, Secret, SignaturePrivateKey
from .signer import Signer
from .suite import SUITES, XWING_SUITE, CipherSuite, cipher_suite

__all__ = [
    "SUITES",
    "XWING_SUITE",
    "Add",
    "Capabilities",
    "CipherSuite",
    "Committed",
    "Credential",
    "DecodeError",
    "ExporterSecret",
    "Extension",
    "ExternalInit",
    "ExternalPskId",
    "ExternalSender",
    "Group",
    "GroupContext",
    "GroupContextExtensions",
    "GroupInfo",
    "HpkePrivateKey",
    "InvalidMessage",
    "KeyPackage",
    "LeafChange",
    "LeafNode",
    "LeafNodeSource",
    "Lifetime",
    "MLSError",
    "Message",
    "MissingPsk",
    "NotAuthentic",
    "OtherEpoch",
    "OwnKeyPackage",
    "PreSharedKey",
    "Proposal",
    "Psk",
    "PskId",
    "PskSource",
    "PublicMessage",
    "RatchetTree",
    "ReInit",
    "Received",
    "ReceivedApplication",
    "ReceivedCommit",
    "ReceivedProposal",
    "Remove",
    "RemovedFromGroup",
    "RequiredCapabilities",
    "ResumptionPskId",
    "ResumptionUsage",
    "Rng",
    "Secret",
    "Sender",
    "SenderType",
    "SentProposal",
    "SignaturePrivateKey",
    "Signer",
    "Update",
    "UsageError",
    "cipher_suite",
    "decode_message",
    "encode_message",
    "external_psk_id",
    "propose_from_outside",
]
