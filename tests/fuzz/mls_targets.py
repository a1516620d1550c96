"""Every decoder of `careseal.mls`, and what members do with what others sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from careseal.mls import (
    Add,
    Capabilities,
    Credential,
    DecodeError,
    Group,
    GroupInfo,
    KeyPackage,
    LeafNode,
    MLSError,
    RatchetTree,
    Remove,
    ResumptionPskId,
    ResumptionUsage,
    Sender,
    SenderType,
    Signer,
    Update,
    cipher_suite,
    decode_message,
    encode_message,
    external_psk_id,
)
from careseal.mls.codec import Reader, decode, opaque
from careseal.mls.commit import Commit, HpkeCiphertext
from careseal.mls.framing import AuthenticatedContent, FramedContent, WireFormat, encode_content
from careseal.mls.group_info import ratchet_tree_extension
from careseal.mls.private_message import (
    PrivateMessage,
    SenderData,
    _guarded,
    _header,
    _ratchet_kind,
    sender_data_key,
)
from careseal.mls.proposal import encode_proposal, read_proposal
from careseal.mls.psk import read_psk_id
from careseal.mls.public_message import PublicMessage
from careseal.mls.receiving import joining_leaf
from careseal.mls.sending import protect
from careseal.mls.welcome import EncryptedGroupSecrets, GroupSecrets, Welcome, _key_and_nonce
from tests.fuzz.mls_scene import (
    GROUP_ID,
    OPAQUE_EXTENSION,
    PSK_NAME,
    RNG,
    SUITE,
    credulous,
    messages,
    own,
    psks,
    published,
    scene,
    take,
)
from tests.fuzz.target import Structure, Target

Decoder = Callable[[bytes], Any]


def _read_message(data: bytes) -> None:
    assert encode_message(decode_message(data)) == data


MESSAGE_FIELDS: tuple[str, ...] = (
    "mls_welcome",
    "mls_group_info",
    "mls_key_package",
    "public_message_proposal",
)
MESSAGE_FIELDS += ("public_message_commit", "private_message")


def _exactly(read: Callable[[Reader], Any], encode: Callable[[Any], bytes]) -> Decoder:
    """Decodes, and has the same bytes again."""

    def run(data: bytes) -> Any:
        value = decode(read, data)
        assert encode(value) == data, "it encodes to something else"
        return value

    return run


def _structure(read: Callable[[Reader], Any]) -> Structure:
    return Structure(lambda data: decode(read, data), lambda value: bytes(value.encode()))


def _proposals() -> list[bytes]:
    found = []
    for message in map(decode_message, messages()):
        if isinstance(message, PublicMessage):
            content = message.content.content
            proposals = content.proposals if isinstance(content, Commit) else (content,)
            found += [encode_proposal(each) for each in proposals if not hasattr(each, "hash")]  # type: ignore[arg-type]
    return found


def _commits() -> list[bytes]:
    contents = (
        message.content.content
        for message in map(decode_message, messages())
        if isinstance(message, PublicMessage)
    )
    return [each.encode() for each in contents if isinstance(each, Commit)]


def _check_key_package(data: bytes) -> None:
    package = _exactly(KeyPackage.read, KeyPackage.encode)(data)
    package.check(cipher_suite(package.cipher_suite))


def _resigned_key_package(data: bytes) -> None:
    """A key package that its owner signed, whatever it says."""
    package = _signed_package(decode(KeyPackage.read, data))
    package.check(SUITE, scene().alice.context.extensions)


def _signed_package(package: KeyPackage) -> KeyPackage:
    key = scene().dan.signer.private
    package = replace(package, leaf_node=package.leaf_node.signed(SUITE, key, GROUP_ID, 0))
    signature = SUITE.sign_with_label(key, b"KeyPackageTBS", package._content)
    return replace(package, signature=signature)


# Groups to join ----------------------------------------------------------------------------


def _infos() -> list[bytes]:
    alice = scene().alice
    return [
        alice.group_info().encode(),
        alice.group_info(external=False).encode(),
        alice.group_info(tree=False).encode(),
    ]


def _validate(data: bytes) -> None:
    decode(GroupInfo.read, data).validate()


def _signed_info(data: bytes) -> GroupInfo:
    return decode(GroupInfo.read, data).signed(SUITE, scene().alice.signer)


def _join_outside(data: bytes) -> None:
    """A joiner from outside, with a GroupInfo that a member signed, whatever it says."""
    capabilities = Capabilities(extensions=(OPAQUE_EXTENSION,))
    credential, joiner = Credential.basic(b"joiner"), scene().joiner
    info = _signed_info(data)
    Group.external_commit(info, credential, joiner, RNG, capabilities=capabilities)


def _trees() -> list[bytes]:
    return _own_trees() + published("tree-validation.json", "tree")[:6]


def _own_trees() -> list[bytes]:
    """Trees in which Alice can sign; in the larger ones not everybody is merged everywhere."""
    group = scene().alice.forget(scene().alice.proposals)
    grown = [group]
    for count in (1, 4):
        adds = [Add(own(b"%d" % number).key_package) for number in range(count)]
        grown.append(grown[-1].commit(RNG, adds, force_path=False).group)
    grown.append(grown[-1].commit(RNG, [Remove(1), Remove(4)]).group)
    return [each.tree.encode() for each in grown]


def _read_tree(data: bytes) -> None:
    _exactly(lambda reader: RatchetTree.read(reader, SUITE), RatchetTree.encode)(data)


def _validate_tree(data: bytes) -> None:
    """A tree to which a member signed a right GroupInfo."""
    tree, info = decode(lambda reader: RatchetTree.read(reader, SUITE), data), _base_info()
    context = replace(info.context, tree_hash=tree.hash())
    extensions = (ratchet_tree_extension(tree),)
    signed = replace(info, context=context, extensions=extensions)
    signed.signed(SUITE, scene().alice.signer).validate()


@cache
def _base_info() -> GroupInfo:
    return scene().alice.group_info()


@dataclass(frozen=True)
class Invitation:
    """Dan's welcome, open."""

    welcome: Welcome
    secrets: GroupSecrets
    info: GroupInfo

    def sealed(self) -> bytes:
        """As a Welcome to Dan."""
        secret, psk = self.secrets.joiner_secret, _psk_secret(self.secrets)
        key, nonce = _key_and_nonce(SUITE, secret, psk)
        info = SUITE.aead.seal(key, nonce, b"", self.info.encode())
        package = scene().dan.key_package
        return self._with(info, package.reference(SUITE), package.init_key, self.secrets.encode())

    @staticmethod
    def _with(info: bytes, reference: bytes, key: bytes, secrets: bytes) -> bytes:
        boxed = SUITE.encrypt_with_label(key, b"Welcome", info, secrets, RNG)
        entry = EncryptedGroupSecrets(reference, HpkeCiphertext(*boxed))
        return encode_message(Welcome(SUITE.number, (entry,), info))


def _psk_secret(secrets: GroupSecrets) -> Any:
    from careseal.mls.psk import find_psks, psk_secret

    return psk_secret(SUITE, find_psks(secrets.psks, psks))


@cache
def invitation() -> Invitation:
    welcome = decode_message(messages()[1])
    assert isinstance(welcome, Welcome)
    secrets = welcome.open_secrets(SUITE, scene().dan)
    info = welcome.open_group_info(SUITE, secrets.joiner_secret, _psk_secret(secrets))
    return Invitation(welcome, secrets, info)


def _join(welcome: bytes) -> None:
    Group.join(welcome, scene().dan, psks=psks)


def _join_with_info(data: bytes) -> None:
    info = decode(GroupInfo.read, data).signed(SUITE, scene().alice.signer)
    _join(replace(invitation(), info=info).sealed())


def _join_with_secrets(data: bytes) -> None:
    package, sealed = scene().dan.key_package, invitation().welcome.encrypted_group_info
    welcome = Invitation._with(sealed, package.reference(SUITE), package.init_key, data)
    with suppress(MLSError):
        Group.join(welcome, scene().dan, psks=psks, old=scene().bob)
    _join(welcome)


def _group_secrets() -> list[bytes]:
    plain, epoch = invitation().secrets, scene().bob.epoch
    links = [
        ResumptionPskId(usage, GROUP_ID, epoch, bytes(32))
        for usage in (ResumptionUsage.BRANCH, ResumptionUsage.REINIT)
    ]
    secrets = [plain, *(replace(plain, psks=(*plain.psks, link)) for link in links)]
    return [each.encode() for each in secrets]


# Messages that their sender really signed ---------------------------------------------------


def _contents() -> list[bytes]:
    contents = [
        message.content
        for message in map(decode_message, messages())
        if isinstance(message, PublicMessage)
    ]
    by_bob = (
        replace(each, sender=Sender.member(scene().bob.own_leaf))
        for each in contents
        if each.sender.type is SenderType.MEMBER
    )
    return [each.encode() for each in (*contents, *by_bob, *_mixed(contents))]


def _mixed(contents: list[FramedContent]) -> Iterator[FramedContent]:
    """Every commit with each proposal that has no place in it."""
    proposals = [decode(read_proposal, each) for each in _proposals()]
    one_of_each = {type(each): each for each in proposals}.values()
    for content in contents:
        commit = content.content
        if isinstance(commit, Commit):
            for proposal in one_of_each:
                mixed = replace(commit, proposals=(*commit.proposals, proposal))
                yield replace(content, content=mixed)


def _signer(sender: Sender) -> Signer:
    s = scene()
    match sender.type:
        case SenderType.MEMBER:
            members = {each.own_leaf: each.signer for each in (s.alice, s.bob, s.carol)}
            return members.get(sender.index, s.alice.signer)
        case SenderType.EXTERNAL:
            return s.eve
        case SenderType.NEW_MEMBER_PROPOSAL:
            return s.dan.signer
        case SenderType.NEW_MEMBER_COMMIT:
            return s.joiner


def _signed_parts(content: FramedContent, signer: Signer) -> FramedContent:
    """With signatures that are right for the leaves and key packages in it."""
    inner, index = content.content, content.sender.index
    if isinstance(inner, bytes):
        return content
    if not isinstance(inner, Commit):
        return replace(content, content=_signed_proposal(inner, signer, index))
    proposals = tuple(_signed_proposal(each, signer, index) for each in inner.proposals)
    commit = replace(inner, proposals=proposals)
    if commit.path is None:
        return replace(content, content=commit)
    leaf = commit.path.leaf_node
    if content.sender.type is SenderType.NEW_MEMBER_COMMIT:
        sent = tuple(_Sent(each) for each in commit.proposals)
        index = joining_leaf(scene().alice.tree, sent)  # type: ignore[arg-type]
        leaf = replace(leaf, signature_key=signer.public)
    leaf = leaf.signed(SUITE, signer.private, GROUP_ID, index)
    return replace(content, content=replace(commit, path=replace(commit.path, leaf_node=leaf)))


def _signed_proposal(proposal: Any, signer: Signer, index: int) -> Any:
    if isinstance(proposal, Update):
        return Update(proposal.leaf_node.signed(SUITE, signer.private, GROUP_ID, index))
    return Add(_signed_package(proposal.key_package)) if isinstance(proposal, Add) else proposal


@dataclass(frozen=True)
class _Sent:
    proposal: object


def _take_signed(data: bytes) -> None:
    content = decode(FramedContent.read, data)
    signer, alice = _signer(content.sender), scene().alice
    content = _signed_parts(content, signer)
    signed = AuthenticatedContent.sign(
        SUITE, WireFormat.PUBLIC_MESSAGE, content, alice.context.encode(), signer.private
    )
    if isinstance(content.content, Commit):
        signed = replace(signed, confirmation_tag=bytes(32))
    message = protect(alice._state, signed, RNG)[1]
    for receiver in (scene().bob, *credulous()):
        with suppress(MLSError):
            take(receiver, message)


def _plaintexts() -> list[bytes]:
    alice = scene().alice
    texts = []
    for octets in _contents():
        content = decode(FramedContent.read, octets)
        if content.sender != Sender.member(alice.own_leaf):
            continue
        signed = AuthenticatedContent.sign(
            SUITE,
            WireFormat.PRIVATE_MESSAGE,
            content,
            alice.context.encode(),
            alice.signer.private,
        )
        if isinstance(content.content, Commit):
            signed = replace(signed, confirmation_tag=bytes(32))
        kind = bytes((3 if isinstance(content.content, Commit) else 2,))
        about = SenderData(alice.own_leaf, 0, b"\1\2\3\4").encode()
        texts.append(kind + about + encode_content(content.content) + signed.encode_auth())
    data = opaque(b"data") + opaque(bytes(64)) + bytes(5)
    return [*texts, b"\1" + SenderData(0, 1024, bytes(4)).encode() + data]


def _take_sealed(data: bytes) -> None:
    """What a member put into a PrivateMessage: content type, sender data, plaintext."""
    from careseal.mls.framing import ContentType

    reader = Reader(data)
    kind, about, plaintext = ContentType.read(reader), reader.take(12), reader.rest()
    state, sender = scene().alice._state, decode(SenderData.read, about)
    if sender.generation <= 1024:  # so far ahead is allowed, but slow
        sender = replace(sender, generation=sender.generation % 16)
        about = sender.encode()
    leaf = min(sender.leaf_index, state.secret_tree.size - 1)
    generation = min(sender.generation, 16)
    _, key = state.secret_tree.key_at(leaf, _ratchet_kind(kind), generation)
    aad = _header(GROUP_ID, state.context.epoch, kind)
    ciphertext = SUITE.aead.seal(
        key.key, _guarded(key, sender.reuse_guard), aad + opaque(b""), plaintext
    )
    hidden = sender_data_key(SUITE, state.keys.sender_data_secret, ciphertext)
    encrypted = SUITE.aead.seal(hidden.key, hidden.nonce, aad, about)
    epoch = state.context.epoch
    message = PrivateMessage(GROUP_ID, epoch, kind, b"", encrypted, ciphertext)
    take(scene().bob, encode_message(message))


# Storage -----------------------------------------------------------------------------------


def _states() -> list[bytes]:
    s = scene()
    carol, _ = s.carol.propose_update(RNG)
    used, _ = s.alice.forget(s.alice.proposals).encrypt(b"x", RNG)
    return [each.to_bytes() for each in (s.alice, s.bob, carol, used)]


def _read_state(data: bytes) -> None:
    group = Group.from_bytes(data)
    assert Group.from_bytes(group.to_bytes()).to_bytes() == group.to_bytes()
    assert group.own_leaf in group.roster


def _target(
    name: str,
    run: Callable[[bytes], object],
    seeds: Callable[[], Sequence[bytes]],
    read: Callable[[Reader], Any] | None = None,
    refusals: type[Exception] = MLSError,
) -> Target:
    structure = None if read is None else _structure(read)
    share = 0.3 if name in SLOW else 1.0
    return Target(f"mls.{name}", run, (refusals,), seeds, structure=structure, share=share)


SLOW = frozenset({"external join", "signed group info", "group secrets"})


_PROPOSAL = Structure(lambda data: decode(read_proposal, data), encode_proposal)
_MESSAGE = Structure(decode_message, encode_message)
_TREE = Structure(
    lambda data: tuple(decode(lambda reader: RatchetTree.read(reader, SUITE), data)._nodes),
    lambda nodes: RatchetTree(SUITE, list(nodes)).encode(),
)


def _psk_ids() -> list[bytes]:
    return [external_psk_id(SUITE, PSK_NAME, RNG).encode(), bytes.fromhex("02010167") + bytes(9)]


TARGETS = (
    Target(
        "mls.message",
        _read_message,
        (DecodeError,),
        lambda: [*messages(), *published("messages.json", *MESSAGE_FIELDS)],
        structure=_MESSAGE,
    ),
    Target(
        "mls.proposal",
        _exactly(read_proposal, encode_proposal),
        (DecodeError,),
        _proposals,
        structure=_PROPOSAL,
    ),
    _target("commit", _exactly(Commit.read, Commit.encode), _commits, Commit.read, DecodeError),
    _target(
        "psk id", _exactly(read_psk_id, lambda each: each.encode()), _psk_ids, None, DecodeError
    ),
    _target(
        "leaf node",
        _exactly(LeafNode.read, LeafNode.encode),
        lambda: [leaf.encode() for leaf in scene().alice.roster.values()],
        LeafNode.read,
        DecodeError,
    ),
    _target(
        "key package",
        _check_key_package,
        lambda: [
            scene().dan.key_package.encode(),
            *(own(b"x", cipher_suite(each)).key_package.encode() for each in (2, 4, 7, 0x53)),
        ],
        KeyPackage.read,
    ),
    _target(
        "signed key package",
        _resigned_key_package,
        lambda: [scene().dan.key_package.encode()],
        KeyPackage.read,
    ),
    _target("ratchet tree", _read_tree, _trees, None, DecodeError),
    Target(
        "mls.signed ratchet tree",
        _validate_tree,
        (MLSError,),
        _own_trees,
        structure=_TREE,
        share=0.4,
    ),
    _target("group info", _validate, _infos, GroupInfo.read),
    _target("external join", _join_outside, _infos, GroupInfo.read),
    _target("welcome", _join, lambda: [messages()[1]]),
    _target(
        "signed group info", _join_with_info, lambda: [invitation().info.encode()], GroupInfo.read
    ),
    _target(
        "group secrets",
        _join_with_secrets,
        _group_secrets,
        GroupSecrets.read,
    ),
    _target("received message", lambda data: take(scene().bob, data), messages),
    _target("signed message", _take_signed, _contents, FramedContent.read),
    _target("sealed message", _take_sealed, _plaintexts),
    _target("group state", _read_state, _states, None, DecodeError),
)
