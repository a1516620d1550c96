"""Entries of the log that the server, a member or a joiner made up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import msgspec

from careseal.e2ee import (
    base64url,
    past,
)
from careseal.e2ee.commit import CommitData, JoinProof, open_commit, seal_commit
from careseal.e2ee.errors import Malformed, OutOfOrder, SealError
from careseal.e2ee.following import follow, read_entry
from careseal.e2ee.identifiers import EntryId
from careseal.e2ee.joining import open_door
from careseal.e2ee.log import Chain, Digested, Entry, Kind, header
from careseal.e2ee.policy import Policy
from careseal.e2ee.sealing import seal
from careseal.e2ee.state import CAPABILITIES, SessionState
from careseal.e2ee.state_codec import decode_state, encode_state
from careseal.e2ee.suite import SUITE, sign
from careseal.e2ee.wire import Fields, u32, u64, vec32
from careseal.mls import Credential, Group, MLSError, Remove, Sender, Signer, encode_message
from careseal.mls.codec import decode as decode_exactly
from careseal.mls.commit import Commit, ProposalRef
from careseal.mls.framing import AuthenticatedContent, FramedContent, SenderType, WireFormat
from careseal.mls.receiving import joining_leaf
from careseal.mls.sending import protect
from tests.fuzz.e2ee_claims import commit_datas, payloads, policies
from tests.fuzz.e2ee_scene import (
    RNG,
    content_of,
    history,
    join_entry,
    next_entry,
    scene,
)
from tests.fuzz.target import Form, Structure, Target, Unfit
from tests.unit.e2ee.world import NOW


def _follow(state: SessionState, entry: Entry) -> None:
    """Nothing is raised for what an entry holds, and what follows can be kept."""
    after, events = follow(state, entry)
    assert events, "an entry without an event"
    assert after.chain.head.seq == entry.seq
    if after.epoch is not state.epoch or after.phase is not state.phase:
        assert encode_state(decode_state(encode_state(after))) == encode_state(after)


def _commit_body(data: bytes) -> None:
    state = scene().guest
    _follow(state, next_entry(state, Kind.COMMIT, scene().renewed.id, data))


def _sealed_commit(message: bytes, entry: EntryId) -> Entry:
    state = scene().guest
    key, parent = state.present.keys.door, state.chain.last_commit
    body = seal_commit(state.session, key, parent, entry, message)
    return next_entry(state, Kind.COMMIT, entry, body)


def _commit_message(data: bytes) -> None:
    """Whatever a member seals as a commit."""
    _follow(scene().guest, _sealed_commit(data, EntryId(bytes(16))))


def _commit_messages() -> list[bytes]:
    state = scene().host
    entries = (scene().renewed, scene().removal, join_entry())
    commits = [open_commit(state.session, state.present.keys.door, entry) for entry in entries]
    group = state.present.group
    others = (group.encrypt(b"data", RNG)[1], group.propose_update(RNG)[1])
    return [*commits, *others, encode_message(group.group_info())]


def _signed_commit(data: bytes) -> None:
    """A commit, with whatever content, that its sender signed."""
    try:
        message = _signed_message(decode_exactly(FramedContent.read, data))
    except MLSError as error:
        raise Unfit from error
    entry = _sealed_commit(message, EntryId(bytes(16)))
    for state in (scene().guest, scene().host, *_strict_hosts()):
        _follow(state, entry)


@cache
def _strict_hosts() -> tuple[SessionState, ...]:
    """The host, had it closed the guest's invite, or had that let in one device only."""
    host, invite = scene().host, scene().world.guest_invite.id
    before = host.present.policy
    full = Policy.make((replace(each, devices=1) for each in before.invites), before.settings)
    policies = (before.closing(invite), full)
    return tuple(replace(host, epoch=replace(host.present, policy=each)) for each in policies)


def _signed_message(content: FramedContent) -> bytes:
    group, joiner = scene().host.present.group, scene().waiting.state
    guest = scene().guest.present.group
    signer = guest.signer if content.sender.index == guest.own_leaf else group.signer
    if content.sender.type is SenderType.NEW_MEMBER_COMMIT:
        signer = Signer(joiner.signature_key, joiner.leaf_key)
    content = _signed_leaf(content, signer)
    signed = AuthenticatedContent.sign(
        SUITE, WireFormat.PUBLIC_MESSAGE, content, group.context.encode(), signer.private
    )
    if isinstance(content.content, Commit):
        signed = replace(signed, confirmation_tag=bytes(64))
    return protect(group._state, signed, RNG)[1]


def _signed_leaf(content: FramedContent, signer: Signer) -> FramedContent:
    commit, group = content.content, scene().host.present.group
    if not isinstance(commit, Commit) or commit.path is None:
        return content
    index, leaf = content.sender.index, commit.path.leaf_node
    if content.sender.type is SenderType.NEW_MEMBER_COMMIT:
        index = joining_leaf(group.tree, tuple(map(_Sent, commit.proposals)))  # type: ignore[arg-type]
    leaf = leaf.signed(SUITE, signer.private, group.group_id, index)
    return replace(content, content=replace(commit, path=replace(commit.path, leaf_node=leaf)))


@dataclass(frozen=True)
class _Sent:
    proposal: object


def _signed_commits() -> list[bytes]:
    entries = (scene().renewed, scene().removal, join_entry())
    contents = [content_of(entry) for entry in entries]
    guest = Sender.member(scene().guest.me.leaf)
    by_guest = [replace(each, sender=guest) for each in contents[:2]]
    return [each.encode() for each in (*contents, *by_guest, *_out_of_shape(contents))]


def _out_of_shape(contents: list[FramedContent]) -> Iterator[FramedContent]:
    """Without a path, by reference, and with a Remove more."""
    for content in contents:
        commit = content.content
        assert isinstance(commit, Commit)
        changes = (
            replace(commit, path=None),
            replace(commit, proposals=(*commit.proposals, ProposalRef(bytes(64)))),
            replace(commit, proposals=(*commit.proposals, Remove(0))),
            replace(commit, proposals=(*commit.proposals, Remove(1))),
        )
        for changed in changes:
            yield replace(content, content=changed)


def _commit_with_data(data: bytes) -> None:
    """A commit of the host that authenticates whatever bytes."""
    _signed_commit(replace(_content_of_renewed(), authenticated_data=data).encode())


def _join_with_data(data: bytes) -> None:
    _signed_commit(replace(_content_of_join(), authenticated_data=data).encode())


@cache
def _content_of_renewed() -> FramedContent:
    return content_of(scene().renewed)


@cache
def _content_of_join() -> FramedContent:
    return content_of(join_entry())


def _commit_of_policy(data: bytes) -> None:
    """A right commit of the host that brings whatever policy."""
    host = scene().host
    commit = CommitData(host.chain.head, policy=data).encode()
    made = host.present.group.commit(RNG, authenticated_data=commit, references=())
    _follow(scene().guest, _sealed_commit(made.message, EntryId(bytes(16))))


def _joining() -> list[bytes]:
    leaf = content_of(join_entry()).content
    assert isinstance(leaf, Commit)
    assert leaf.path is not None
    return [leaf.path.leaf_node.credential.content]


def _join_of_identity(data: bytes) -> None:
    """A right join, by the invite that the identity names, of whoever it says."""
    state, host, invite = scene().waiting.state, scene().host, scene().world.guest_invite
    group, signer = host.present.group, Signer(state.signature_key, state.leaf_key)
    proof = JoinProof.make(invite.id, invite.join_key, host.session, group.epoch, state.leaf_key)
    _, message = Group.external_commit(
        group.group_info(),
        Credential.basic(data),
        signer,
        RNG,
        authenticated_data=CommitData(host.chain.head, join=proof).encode(),
        capabilities=CAPABILITIES,
    )
    for receiver in (scene().guest, host):
        _follow(receiver, _sealed_commit(message, EntryId(bytes(16))))


def _chat_body(data: bytes) -> None:
    state = scene().guest
    _follow(state, next_entry(state, Kind.CHAT, scene().said[0].id, data))


def told_chats() -> list[bytes]:
    """What the doctor says, unsigned."""
    state = scene().host
    start = u32(state.me.leaf) + u64(NOW) + u64(state.chain.head.seq) + state.chain.head.hash
    return [start + vec32(each) for each in payloads()]


def sealed_chat(data: bytes) -> Entry:
    """A chat entry, with whatever in it, that the host signed and sealed."""
    host, entry = scene().host, EntryId(bytes(16))
    head = header(host.session, Kind.CHAT, host.chain.last_commit, entry)
    record = host.present.record
    told = head + u64(record.epoch) + record.context + data
    signed = data + sign(host.signature_key, "message", told)
    body = seal(record.secret, "message", entry, head, signed)
    return next_entry(host, Kind.CHAT, entry, body)


def _chat_said(data: bytes) -> None:
    entry = sealed_chat(data)
    for state in (scene().guest, scene().host):
        _follow(state, entry)


def _entries() -> list[bytes]:
    log = scene().world.log.entries
    return [msgspec.json.encode([_listed(entry) for entry in log[start:]]) for start in (0, 1)]


def _listed(entry: Entry) -> list[Any]:
    listed = [entry.seq, entry.kind.value, entry.parent, str(entry.id)]
    return [*listed, base64url.encode(entry.digested().body_hash)]


class _Listed(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    seq: int
    kind: Kind
    parent: int
    id: str
    hash: str


def _log(data: bytes) -> None:
    """A log of whatever entries, within what the transport lets through."""
    session, door = scene().host.session, scene().waiting.state
    try:
        listed = msgspec.json.decode(data, type=list[_Listed])
        fit = all(max(each.seq, each.parent) < 1 << 53 for each in listed)
        fit = fit and all(min(each.seq, each.parent) >= 0 for each in listed)
        entries = [
            Digested(
                each.seq,
                each.kind,
                each.parent,
                EntryId.parse(each.id),
                base64url.decode(each.hash, 64),
            )
            for each in listed
        ]
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Unfit from error
    if not fit:
        raise Unfit
    opened = open_door(scene().world.guest_invite, scene().door, scene().key_box)
    head = entries[-1].seq if entries else 0
    for what in (
        lambda: opened.door.fit(session, entries, head, door.chain.last_commit),
        lambda: Chain.start(session).extend_all(entries),
        lambda: past.take_history(scene().guest, history(), entries),
    ):
        try:
            what()
        except SealError:
            continue


def _entry_fields(data: bytes) -> None:
    """One entry, whatever its place."""
    fields = Fields(data)
    seq, kind, parent = fields.integer(8), Kind(1 + fields.integer(1) % 2), fields.integer(8)
    entry = Entry(seq, kind, parent, EntryId(fields.take(16)), fields.rest())
    for state in (scene().guest, scene().host, scene().waiting.state):
        follow(state, entry)
        read_entry(state, entry)


def _placed() -> list[bytes]:
    entries = (*scene().world.log.entries, scene().renewed, scene().removal, join_entry())
    return [
        u64(each.seq) + bytes((each.kind - 1,)) + u64(each.parent) + each.id + each.body
        for each in entries
    ]


_CONTENT = Structure(
    lambda data: decode_exactly(FramedContent.read, data), lambda value: bytes(value.encode())
)
_NEVER: tuple[type[Exception], ...] = ()

TARGETS = (
    Target("e2ee.commit entry", _commit_body, _NEVER, lambda: [scene().renewed.body]),
    Target("e2ee.sealed commit", _commit_message, _NEVER, _commit_messages),
    Target(
        "e2ee.signed commit",
        _signed_commit,
        _NEVER,
        _signed_commits,
        structure=_CONTENT,
        share=0.5,
    ),
    Target("e2ee.commit with data", _commit_with_data, _NEVER, commit_datas, Form.JSON, share=0.2),
    Target("e2ee.join with data", _join_with_data, _NEVER, commit_datas, Form.JSON, share=0.2),
    Target("e2ee.commit of policy", _commit_of_policy, _NEVER, policies, Form.JSON, share=0.1),
    Target("e2ee.join of identity", _join_of_identity, _NEVER, _joining, Form.JSON, share=0.1),
    Target("e2ee.chat entry", _chat_body, _NEVER, lambda: [each.body for each in scene().said]),
    Target("e2ee.signed chat", _chat_said, _NEVER, told_chats),
    Target("e2ee.log", _log, (SealError,), _entries, Form.JSON, share=0.5),
    Target("e2ee.placed entry", _entry_fields, (Malformed, OutOfOrder), _placed),
)
