"""Vectors of encoding and framing: deserialization, messages, message-protection, welcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..codec import Reader, decode
from ..commit import Commit
from ..errors import InvalidMessage
from ..framing import (
    AuthenticatedContent,
    Content,
    FramedContent,
    Sender,
    WireFormat,
    encode_content,
)
from ..group_context import GroupContext
from ..key_package import KeyPackage, OwnKeyPackage
from ..key_schedule import NewEpoch
from ..leaf_node import MLS10
from ..message import decode_message, encode_message
from ..private_message import PrivateMessage
from ..proposal import read_proposal
from ..psk import psk_secret
from ..public_message import PublicMessage
from ..ratchet_tree import RatchetTree
from ..secret import (
    EncryptionSecret,
    HpkePrivateKey,
    MembershipKey,
    SenderDataSecret,
    SignaturePrivateKey,
)
from ..secret_tree import SecretTree
from ..signer import Signer
from ..suite import SUITES
from ..transcript_hash import confirmation_tag
from ..welcome import GroupSecrets, Welcome
from .case import Case, Mismatch, fresh, raw, same, suite_of


def deserialization(case: Case) -> None:
    header = raw(case["vlbytes_header"])
    same("length", decode(Reader.length, header), case["length"])


def messages(case: Case) -> None:
    for name, encoded in case.items():
        data = raw(encoded)
        if name.startswith(("mls_", "public_", "private_")):
            found = encode_message(decode_message(data))
        else:
            found = _STRUCTURES[name](data)
        same(name, found, data)


def _proposal(number: int) -> Callable[[bytes], bytes]:
    """Reads the body of a proposal, to which its type is not prefixed in the file."""
    prefix = number.to_bytes(2, "big")
    return lambda data: decode(read_proposal, prefix + data).encode()


def _ratchet_tree(data: bytes) -> bytes:
    any_suite = next(iter(SUITES.values()))
    return decode(lambda reader: RatchetTree.read(reader, any_suite), data).encode()


_STRUCTURES: dict[str, Callable[[bytes], bytes]] = {
    "ratchet_tree": _ratchet_tree,
    "group_secrets": lambda data: decode(GroupSecrets.read, data).encode(),
    "add_proposal": _proposal(1),
    "update_proposal": _proposal(2),
    "remove_proposal": _proposal(3),
    "pre_shared_key_proposal": _proposal(4),
    "re_init_proposal": _proposal(5),
    "external_init_proposal": _proposal(6),
    "group_context_extensions_proposal": _proposal(7),
    "commit": lambda data: decode(Commit.read, data).encode(),
}


class _Protection:
    """The group of two that a message-protection vector describes; leaf 1 sends."""

    def __init__(self, case: Case) -> None:
        self.suite = suite_of(case)
        self.group_id, self.epoch = raw(case["group_id"]), case["epoch"]
        self.context = GroupContext(
            MLS10,
            self.suite.number,
            self.group_id,
            self.epoch,
            raw(case["tree_hash"]),
            raw(case["confirmed_transcript_hash"]),
            (),
        ).encode()
        self.signer = Signer(
            SignaturePrivateKey(raw(case["signature_priv"])), raw(case["signature_pub"])
        )
        self.membership_key = MembershipKey(raw(case["membership_key"]))
        self.sender_data = SenderDataSecret(raw(case["sender_data_secret"]))
        secret = EncryptionSecret(raw(case["encryption_secret"]))
        self.secret_tree = SecretTree.of(self.suite, 2, secret)

    def open(self, data: bytes) -> bytes:
        """The encoded content of a message, its authentication verified."""
        message = decode_message(data)
        if isinstance(message, PublicMessage):
            opened = message.unprotect(self.suite, self.context, self.membership_key)
        elif isinstance(message, PrivateMessage):
            _, opened = message.unprotect(self.suite, self.secret_tree, self.sender_data)
        else:
            raise Mismatch("neither a public nor a private message")
        opened.verify(self.suite, self.context, self.signer.public)
        same("sender", opened.content.sender, Sender.member(1))
        return encode_content(opened.content.content)

    def sign(self, content: Content, wire_format: WireFormat) -> AuthenticatedContent:
        framed = FramedContent(self.group_id, self.epoch, Sender.member(1), b"", content)
        signed = AuthenticatedContent.sign(
            self.suite, wire_format, framed, self.context, self.signer.private
        )
        tag = bytes(self.suite.secret_size) if isinstance(content, Commit) else None
        return replace(signed, confirmation_tag=tag)

    def seal_public(self, content: Content) -> bytes:
        signed = self.sign(content, WireFormat.PUBLIC_MESSAGE)
        return encode_message(
            PublicMessage.protect(self.suite, signed, self.context, self.membership_key)
        )

    def seal_private(self, content: Content) -> bytes:
        signed = self.sign(content, WireFormat.PRIVATE_MESSAGE)
        _, message = PrivateMessage.protect(
            self.suite, signed, self.secret_tree, self.sender_data, fresh, padding=7
        )
        return encode_message(message)


def message_protection(case: Case) -> None:
    group = _Protection(case)
    contents: dict[str, Content] = {
        "proposal": decode(read_proposal, raw(case["proposal"])),
        "commit": decode(Commit.read, raw(case["commit"])),
        "application": raw(case["application"]),
    }
    for name, content in contents.items():
        expected = encode_content(content)
        same(f"{name}_priv", group.open(raw(case[f"{name}_priv"])), expected)
        same(f"{name} sealed privately", group.open(group.seal_private(content)), expected)
        if name != "application":
            same(f"{name}_pub", group.open(raw(case[f"{name}_pub"])), expected)
            same(f"{name} sealed publicly", group.open(group.seal_public(content)), expected)
    try:
        group.seal_public(contents["application"])
    except InvalidMessage:
        return
    raise Mismatch("application data was sealed publicly")


def welcome(case: Case) -> None:
    suite = suite_of(case)
    message, key_package = map(decode_message, (raw(case["welcome"]), raw(case["key_package"])))
    if not (isinstance(message, Welcome) and isinstance(key_package, KeyPackage)):
        raise Mismatch("not a Welcome for a key package")
    nothing = SignaturePrivateKey()
    own = OwnKeyPackage(
        key_package,
        HpkePrivateKey(raw(case["init_priv"])),
        HpkePrivateKey(),
        Signer(nothing, b""),
    )
    secrets = message.open_secrets(suite, own)
    psk = psk_secret(suite, [])
    info = message.open_group_info(suite, secrets.joiner_secret, psk)
    info.verify(suite, raw(case["signer_pub"]))
    epoch = NewEpoch.from_joiner(suite, secrets.joiner_secret, psk, info.context)
    confirmed = info.context.confirmed_transcript_hash
    tag = confirmation_tag(suite, epoch.confirmation_key, confirmed)
    same("confirmation tag", info.confirmation_tag, tag)
