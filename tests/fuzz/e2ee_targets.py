"""Every decoder of `careseal.e2ee`, and what members do with a log that somebody else wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from careseal.e2ee import (
    base64url,
    boxes,
    compact,
    past,
    payload,
    sending,
    signal_payload,
)
from careseal.e2ee.commit import CommitData, open_commit, seal_commit
from careseal.e2ee.errors import Malformed, OutOfOrder, SealError
from careseal.e2ee.file import FileSeal, part_count, sealed_size
from careseal.e2ee.following import follow, read_entry
from careseal.e2ee.frame import SUITE as FRAME_SUITE
from careseal.e2ee.frame import Codec, FrameOpener, FrameSealer
from careseal.e2ee.history import History
from careseal.e2ee.identifiers import CallId, EntryId, FileId, MessageId, SessionId
from careseal.e2ee.identity import Identity, Known
from careseal.e2ee.invite import Invite, Link, new_secret
from careseal.e2ee.joining import Introduction, OpenedDoor, join, open_door
from careseal.e2ee.knock import Knock
from careseal.e2ee.log import Chain, Digested, Entry, Kind, header
from careseal.e2ee.policy import Policy, Role, Settings
from careseal.e2ee.sealing import SALT_SIZE, pad, seal, unpad
from careseal.e2ee.secret import FileKey, IdentityKey, InviteSecret
from careseal.e2ee.sending import check_door
from careseal.e2ee.sframe import FrameCipher, decode_header, encode_header
from careseal.e2ee.signal import Counters, Peer, epoch_of
from careseal.e2ee.state import SessionState
from careseal.e2ee.state_codec import decode_state, encode_state
from careseal.e2ee.suite import SUITE, box, sign
from careseal.e2ee.wire import Fields, u32, u64, vec32
from careseal.mls import GroupInfo, MLSError, Signer, decode_message
from careseal.mls.codec import decode as decode_exactly
from careseal.mls.commit import Commit
from careseal.mls.framing import AuthenticatedContent, FramedContent, SenderType, WireFormat
from careseal.mls.public_message import PublicMessage
from careseal.mls.receiving import joining_leaf
from careseal.mls.sending import protect
from tests.fuzz.target import Form, Structure, Target, Unfit
from tests.unit.e2ee.rng import seeded
from tests.unit.e2ee.world import NOW, Device, World

RNG = seeded("e2ee")
VECTORS = Path(__file__).parents[1] / "vectors"
INSTANCE = bytes(range(8))


@dataclass(frozen=True)
class Scene:
    """A doctor, a patient who joined by link and wrote, and somebody whose join is on its way."""

    world: World
    host: SessionState
    guest: SessionState
    said: tuple[Entry, ...]
    waiting: Device  # joined, but not in the log yet
    renewed: Entry  # a commit of the host that the guest has not seen
    removal: Entry
    door: bytes
    key_box: bytes


@cache
def scene() -> Scene:
    world = World.begin("fuzz")
    guest = world.join(name="Ann")
    said = tuple(filter(None, (world.host.say("Good day"), guest.say("Hello"))))
    for device in (world.host, guest):
        device.catch_up()
    world.host.heal()
    waiting = world.joining(world.guest_invite, "Bea")
    host, policy = world.host.state, world.host.state.present.policy
    upload = world.log.upload
    assert upload is not None
    renewed = _pending_entry(
        sending.make_commit(host, RNG, policy=policy.with_settings(Settings("Other", True)))
    )
    own = {each.leaf for each in host.present.members if each.id == guest.state.member_id}
    removal = _pending_entry(sending.make_commit(host, RNG, removes=own))
    return Scene(
        world,
        host,
        guest.state,
        said,
        waiting,
        renewed,
        removal,
        upload.door,
        world.log.key_box(world.guest_invite),
    )


def _pending_entry(state: SessionState) -> Entry:
    pending = state.pending
    assert pending is not None
    return _next_entry(state, Kind.COMMIT, pending.entry, pending.body)


def _next_entry(state: SessionState, kind: Kind, entry: EntryId, body: bytes) -> Entry:
    return Entry(state.chain.head.seq + 1, kind, state.chain.last_commit, entry, body)


def _vectors(name: str) -> Any:
    return msgspec.json.decode((VECTORS / name).read_bytes())


def _texts(value: Any) -> list[str]:
    """Every string within a JSON value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]


# Encodings ---------------------------------------------------------------------------------


def _compact(data: bytes) -> None:
    assert compact.encode(compact.decode(data)) == data


def _json_seeds() -> list[bytes]:
    texts = _vector_json("encodings.json")
    deepest = b"[" * 15 + b"1" + b"]" * 15
    return [*_policies(), *_payloads(), deepest, b'"\\u0001\\n\xc3\xa9"', b"0", *texts]


def _base64url(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert base64url.encode(base64url.decode(text)) == text


def _unpad(data: bytes) -> None:
    assert pad(unpad(data)) == data


# Claims and rules --------------------------------------------------------------------------


@cache
def _identities() -> Sequence[bytes]:
    session, invite = scene().host.session, scene().world.guest_invite.id
    known = Known.make(IdentityKey(RNG(32)), session, scene().guest.leaf_key)
    plain = Identity.make("Ann Other", "phone", invite)
    return plain.text, Identity.make("Dr Roe", "laptop", invite, known).text


def _identity(data: bytes) -> None:
    identity = Identity.decode(data)
    again = Identity.make(identity.name, identity.device, identity.invite, identity.known)
    assert again.known == identity.known
    identity.verify(scene().host.session, scene().guest.leaf_key)


@cache
def _policies() -> Sequence[bytes]:
    policy, session = scene().host.present.policy, scene().host.session
    fresh = Invite.derive(session, new_secret(RNG))
    since = scene().host.present.number + 1
    rule = fresh.policy_entry(Role.GUEST, since, label="Tía", history=True, knock=True)
    return (
        policy.text,
        policy.with_invite(rule).text,
        policy.with_settings(Settings("Kontrolle", True)).text,
        policy.closing(scene().world.guest_invite.id).text,
    )


def _policy(data: bytes) -> None:
    policy = Policy.decode(data)
    assert Policy.make(policy.invites, policy.settings).invites == policy.invites
    for invite in policy.invites:
        assert policy.find(invite.id) == invite


def _successor(data: bytes) -> None:
    state = scene().host
    leaves = [each.invite for each in state.present.members]
    before = state.present.policy
    before.check_successor(Policy.decode(data), state.present.number, leaves, state.invite.id)


def _commit_datas() -> list[bytes]:
    contents = (_content_of(entry) for entry in (scene().renewed, _join_entry()))
    return [each.authenticated_data for each in contents]


def _commit_data(data: bytes) -> None:
    decoded = CommitData.decode(data)
    assert CommitData.decode(decoded.encode()) == decoded


# The log -----------------------------------------------------------------------------------


def _join_entry() -> Entry:
    return _pending_entry(scene().waiting.state)


def _content_of(entry: Entry) -> FramedContent:
    state = scene().host
    message = decode_message(open_commit(state.session, state.present.keys.door, entry))
    assert isinstance(message, PublicMessage)
    return message.content


def _follow(state: SessionState, entry: Entry) -> None:
    """Nothing is raised for what an entry holds, and what follows can be kept."""
    after, events = follow(state, entry)
    assert events, "an entry without an event"
    assert after.chain.head.seq == entry.seq
    if after.epoch is not state.epoch or after.phase is not state.phase:
        assert encode_state(decode_state(encode_state(after))) == encode_state(after)


def _commit_body(data: bytes) -> None:
    state = scene().guest
    _follow(state, _next_entry(state, Kind.COMMIT, scene().renewed.id, data))


def _sealed_commit(message: bytes, entry: EntryId) -> Entry:
    state = scene().guest
    key, parent = state.present.keys.door, state.chain.last_commit
    body = seal_commit(state.session, key, parent, entry, message)
    return _next_entry(state, Kind.COMMIT, entry, body)


def _commit_message(data: bytes) -> None:
    """Whatever a member seals as a commit."""
    _follow(scene().guest, _sealed_commit(data, EntryId(bytes(16))))


def _commit_messages() -> list[bytes]:
    state = scene().host
    entries = (scene().renewed, scene().removal, _join_entry())
    return [open_commit(state.session, state.present.keys.door, entry) for entry in entries]


def _signed_commit(data: bytes) -> None:
    """A commit, with whatever content, that its sender signed."""
    try:
        message = _signed_message(decode_exactly(FramedContent.read, data))
    except MLSError as error:
        raise Unfit from error
    _follow(scene().guest, _sealed_commit(message, EntryId(bytes(16))))


def _signed_message(content: FramedContent) -> bytes:
    group, joiner = scene().host.present.group, scene().waiting.state
    signer = group.signer
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
    entries = (scene().renewed, scene().removal, _join_entry())
    return [_content_of(entry).encode() for entry in entries]


def _commit_with_data(data: bytes) -> None:
    """A commit of the host that authenticates whatever bytes."""
    _signed_commit(replace(_content_of_renewed(), authenticated_data=data).encode())


def _join_with_data(data: bytes) -> None:
    _signed_commit(replace(_content_of_join(), authenticated_data=data).encode())


@cache
def _content_of_renewed() -> FramedContent:
    return _content_of(scene().renewed)


@cache
def _content_of_join() -> FramedContent:
    return _content_of(_join_entry())


def _chat_body(data: bytes) -> None:
    state = scene().guest
    _follow(state, _next_entry(state, Kind.CHAT, scene().said[0].id, data))


def _told() -> list[bytes]:
    """What the doctor says, unsigned."""
    state = scene().host
    start = u32(state.me.leaf) + u64(NOW) + u64(state.chain.head.seq) + state.chain.head.hash
    return [start + vec32(each) for each in _payloads()]


def _chat_said(data: bytes) -> None:
    """A chat entry, with whatever in it, that a member signed and sealed."""
    host, entry = scene().host, EntryId(bytes(16))
    head = header(host.session, Kind.CHAT, host.chain.last_commit, entry)
    record = host.present.record
    told = head + u64(record.epoch) + record.context + data
    signed = data + sign(host.signature_key, "message", told)
    body = seal(record.secret, "message", entry, head, signed)
    for state in (scene().guest, host):
        _follow(state, _next_entry(state, Kind.CHAT, entry, body))


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
        lambda: past.take_history(scene().guest, _history(), entries),
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
    entries = (*scene().world.log.entries, scene().renewed, scene().removal, _join_entry())
    return [
        u64(each.seq) + bytes((each.kind - 1,)) + u64(each.parent) + each.id + each.body
        for each in entries
    ]


# Doors, boxes and letters ------------------------------------------------------------------


@cache
def founded() -> World:
    """A session as it was founded. It is the same in every run, for nothing was encapsulated."""
    world = World.begin("founded")
    world.host.heal()
    return world


@cache
def _opened() -> OpenedDoor:
    world = founded()
    return world.open(world.guest_invite)


def _door(data: bytes) -> None:
    world = founded()
    open_door(world.guest_invite, data, world.log.key_box(world.guest_invite))


def _sealed_door(content: bytes) -> bytes:
    salt, aad = bytes(SALT_SIZE), b"careseal/1 door" + founded().host.state.session
    return salt + seal(_opened().key, "door", salt, aad, content)


def _doors() -> list[bytes]:
    upload = founded().log.upload
    assert upload is not None
    return [upload.door]


def _door_contents() -> list[bytes]:
    return [_opened().door._encode()]


def _door_content(data: bytes) -> None:
    """A door that a member sealed, and a joiner and a host look behind."""
    _come_in(_sealed_door(data))


def _come_in(sealed: bytes) -> None:
    world, log = founded(), founded().log
    with suppress(SealError):
        check_door(world.host.state, sealed)
    opened = open_door(world.guest_invite, sealed, log.key_box(world.guest_invite))
    digests = log.digests(min(opened.position.seq, log.head))
    join(opened, digests, log.head, log.last_commit, Introduction("Bea", "phone"), RNG)


def _door_info(data: bytes) -> None:
    """A door whose GroupInfo says whatever, and is signed by a member."""
    try:
        info = decode_exactly(GroupInfo.read, data)
    except MLSError as error:
        raise Unfit from error
    info = info.signed(SUITE, founded().host.state.present.group.signer)
    _come_in(_sealed_door(replace(_opened().door, group_info=info.encode())._encode()))


def _infos() -> list[bytes]:
    return [_opened().door.group_info]


def _key_box(data: bytes) -> None:
    invite = scene().world.guest_invite
    boxes.open_key_box(invite.box_key, invite.session, invite.id, data)


def _boxed_key(data: bytes) -> None:
    """A key box whose key is whatever somebody put into it: epoch, then content."""
    invite, fields = scene().world.guest_invite, Fields(data)
    epoch, content = fields.take(8), fields.rest()
    info = b"careseal/1 key box" + invite.session + epoch + invite.id
    _key_box(epoch + box(invite.box, info, content, RNG))


def _letter(data: bytes) -> None:
    past.letter(scene().guest, data)


@cache
def _history() -> History:
    history = scene().host.history(0)
    assert history is not None
    return history


def _histories() -> list[bytes]:
    return [_history().encode(), *_vector_json("history.json")]


def _vector_json(name: str) -> list[bytes]:
    """The objects that a vector file has as text."""
    return [text.encode() for text in _texts(_vectors(name)) if text.startswith("{")]


def _history_text(data: bytes) -> None:
    """A history that somebody gave, taken in."""
    history = History.decode(data)
    assert History.decode(history.encode()) == history
    entries = scene().world.log.digests(min(history.start.seq, 1))
    state = past.take_history(scene().guest, history, entries)
    for entry in scene().world.log.entries:
        read_entry(state, entry)


def _grant(data: bytes) -> None:
    """What a grant's box holds, sealed to this device."""
    guest = scene().guest
    info = b"careseal/1 grant" + guest.session + guest.member_id
    boxed = box(guest.invite.box, info, data, RNG)
    past.grant(guest, payload.HistoryGrant(guest.member_id, boxed))


def _knock(data: bytes) -> None:
    fields, host = Fields(data), scene().host
    knock = Knock(fields.take(1216), fields.rest())
    host_key = host.present.keys.door
    boxes.seal_key_box(knock.public, host.session, host.invite.id, 0, host_key, RNG)
    knock.verify(host.session, scene().world.guest_invite.join)


def _knocks() -> list[bytes]:
    knock, _ = Knock.make(scene().host.session, scene().world.guest_invite.join_key, RNG)
    return [knock.public + knock.signature]


# What is said ------------------------------------------------------------------------------


@cache
def _payloads() -> Sequence[bytes]:
    message, guest = MessageId(RNG(16)), scene().guest.member_id
    kinds: tuple[payload.Payload, ...] = (
        payload.Text(message, "Grüße 😀", message),
        payload.File(
            message, FileId(RNG(16)), FileKey(RNG(32)), 300, 1, "x.pdf", "application/pdf", b"thumb"
        ),
        payload.HistoryGrant(guest, RNG(300)),
        payload.Call(CallId(RNG(16)), "ended", 61),
        payload.Receipt(3, 2),
        payload.Admit(guest),
        payload.Leave(),
        payload.Note(message, "Allergic to penicillin"),
        payload.End(),
    )
    return (*map(payload.encode, kinds), b'{"type":"later","what":[1,null,true]}')


def _payload(data: bytes) -> None:
    decoded = payload.decode(data)
    if not isinstance(decoded, payload.Unsupported):
        assert payload.decode(payload.encode(decoded)) == decoded
        if isinstance(decoded, payload.File):
            FileSeal(decoded.file, decoded.key, decoded.size).open_part(0, b"")
    members = scene().host.present.members
    for member in members:
        payload.check_sender(decoded, member, members)


@cache
def _signal_payloads() -> Sequence[bytes]:
    call = CallId(RNG(16))
    contexts = (RNG(5), RNG(5), bytes(5))
    kinds: tuple[signal_payload.SignalPayload, ...] = (
        signal_payload.Hello(True),
        signal_payload.Plain("bye"),
        signal_payload.Plain("typing"),
        signal_payload.Description("offer", call, "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\n", 0),
        signal_payload.Description("answer", call, "v=0\r\n", 3),
        signal_payload.Candidate(call, 0, "candidate:1 1 udp 1 10.0.0.1 9 typ host", "0", 0),
        signal_payload.Candidate(call, 0, None, "", 255),
        signal_payload.CallSignal("accept", call),
        signal_payload.Media(call, True, False, True, contexts),
    )
    return (*map(signal_payload.encode, kinds), b'{"type":"later"}')


def _signal_payload(data: bytes) -> None:
    decoded = signal_payload.decode(data)
    if not isinstance(decoded, signal_payload.UnsupportedSignal):
        assert signal_payload.decode(signal_payload.encode(decoded)) == decoded


def _signal_told(payload_: bytes) -> bytes:
    host, guest = scene().host.me.leaf, scene().guest.me.leaf
    ends = u32(host) + INSTANCE + u32(guest) + INSTANCE
    return ends + u64(7) + vec32(payload_)


def _signals() -> list[bytes]:
    everybody = u32(0) + INSTANCE + u32(0xFFFFFFFF) + bytes(8) + u64(1)
    hello = everybody + vec32(_signal_payloads()[0])
    return [*map(_signal_told, _signal_payloads()), hello]


def _signal_said(data: bytes) -> None:
    """A signal, with whatever in it, that a member signed and sealed."""
    host = scene().host
    keys, aad = host.present.keys, b"careseal/1 signal" + host.session + u64(host.present.number)
    signature = sign(host.signature_key, "signal", aad + keys.context + data)
    salt = bytes(SALT_SIZE)
    sealed = seal(keys.signal, "signal", salt, aad, data + signature)
    _signal(u64(keys.epoch) + salt + sealed)


def _signal(data: bytes) -> None:
    epoch_of(data)
    signal = scene().guest.present.signals.open(data)
    counters = Counters(Peer(scene().guest.me.leaf, INSTANCE))
    after = counters.take(signal)
    try:
        after.take(signal)
    except SealError:
        return
    raise AssertionError("a signal was taken twice")


def _sealed_signals() -> list[bytes]:
    host, guest = scene().host, scene().guest
    ends = Peer(host.me.leaf, INSTANCE), Peer(guest.me.leaf, INSTANCE)
    epoch = host.present.signals
    return [epoch.seal(host.signature_key, *ends, 3, each, RNG) for each in _signal_payloads()[3:6]]


# Files and frames --------------------------------------------------------------------------

FILE = FileSeal(FileId(bytes(16)), FileKey(bytes(32)), 300)


def _part(data: bytes) -> None:
    assert len(FILE.open_part(0, data)) == FILE.size


def _filled_part(data: bytes) -> None:
    """A part that somebody sealed with whatever in it: size and number, then the plain bytes."""
    fields = Fields(data)
    file = replace(FILE, size=fields.integer(8))
    number, plain = fields.integer(4), fields.rest()
    salt = bytes(SALT_SIZE)
    key, nonce = file._key(salt, number, number == file.parts - 1)
    file.open_part(number, salt + AESGCM(key).encrypt(nonce, plain, b""))
    assert sealed_size(file.size) > file.size
    assert part_count(file.size) == file.parts


def _filled_parts() -> list[bytes]:
    plain = bytes(300)
    return [u64(300) + u32(0) + plain + bytes(20), u64(0) + u32(0), u64(256) + u32(0) + bytes(256)]


def _frame_header(data: bytes) -> None:
    kid, counter, size = decode_header(data)
    assert encode_header(kid, counter) == data[:size]


def _frame_headers() -> list[bytes]:
    numbers = (0, 7, 8, 255, 256, (1 << 24) - 1, (1 << 64) - 1)
    return [encode_header(kid, counter) for kid in numbers for counter in numbers]


def _opener(codec: Codec) -> FrameOpener:
    host, guest = scene().host, scene().guest
    return FrameOpener(codec, host.me.leaf, {guest.present.number: guest.present.keys.frame})


def _frame(data: bytes) -> None:
    for codec in Codec:
        opener = _opener(codec)
        try:
            opener.open(data)
        except SealError:
            continue
        try:
            opener.open(data)
        except SealError:
            continue
        raise AssertionError("a frame opened twice")


def _frames() -> list[bytes]:
    state = scene().host
    frames = []
    for codec in Codec:
        sealer = FrameSealer(
            codec, b"12345", state.me.leaf, state.present.number, state.present.keys.frame
        )
        frames += [sealer.seal(bytes((first,)) + bytes(40)) for first in (0, 1)]
    return frames


def _sealed_frame(data: bytes) -> None:
    """Frames that the sender sealed under whatever KID and counters."""
    fields, host = Fields(data), scene().host
    kid = int.from_bytes(fields.take(8), "big")
    cipher = FrameCipher(FRAME_SUITE, host.present.keys.frame, kid)
    opener, readable = _opener(Codec.VP8), bytes(10)
    for _ in range(4):
        counter = int.from_bytes(fields.take(8), "big")
        try:
            opener.open(readable + cipher.encrypt(counter, readable, b"frame"))
        except SealError:
            continue


def _sealed_frames() -> list[bytes]:
    host = scene().host
    start = b"12345" + bytes((host.me.leaf,)) + host.present.number.to_bytes(2, "big")
    runs = ((0, 1, 2, 3), (0, 2000, 1, 1999), (5, 5, 4, (1 << 64) - 1))
    return [start + b"".join(map(u64, run)) for run in runs]


# Storage and links -------------------------------------------------------------------------


@cache
def _states() -> Sequence[bytes]:
    states = (scene().host, scene().guest, scene().waiting.state)
    return tuple(map(encode_state, states))


def _state(data: bytes) -> None:
    state = decode_state(data)
    assert encode_state(decode_state(encode_state(state))) == encode_state(state)


def _state_fields(data: bytes) -> None:
    """A stored state, as JSON in place of the packed form."""
    try:
        value = _with_bytes(msgspec.json.decode(data))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unfit from error
    try:
        packed = msgspec.msgpack.encode(value)
    except (OverflowError, msgspec.MsgspecError, UnicodeError) as error:
        raise Unfit from error
    _state(packed)


def _with_bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_bytes(each) for each in value]
    if isinstance(value, str) and value.startswith("b:"):
        try:
            return base64url.decode(value[2:])
        except Malformed:
            return value
    return value


def _with_texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_texts(each) for each in value]
    return "b:" + base64url.encode(value) if isinstance(value, bytes) else value


def _unpacked_states() -> list[bytes]:
    unpacked = map(msgspec.msgpack.decode, _states())
    return [msgspec.json.encode(_with_texts(each)) for each in unpacked]


def _link(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    link = Link.parse(text)
    again = Link.parse(link.reveal())
    assert again == link


def _links() -> list[bytes]:
    session = SessionId(bytes(range(16)))
    secret = InviteSecret(bytes(range(32)))
    links = (
        Link("https://clinic.example", session, secret),
        Link("http://[::1]:8000", session, secret, True),
    )
    return [link.reveal().encode() for link in links]


LINK_WORDS: tuple[bytes, ...] = (
    b"http://",
    b"https://",
    b"//",
    b"@",
    b":",
    b"[",
    b"]",
    b"%41",
    b"#",
    b".p",
    b"?x=1",
)
LINK_WORDS += (b"/telemedicine/", b":99999", b":-1", b"\n", b"\t", "\u2100".encode(), b" ", b"\xff")
LINK_WORDS += ("\uff0f".encode(), "ı".encode(), b"[v1.x]", b"[::1", "\u0661".encode(), b"\x00")


def _target(
    name: str,
    run: Callable[[bytes], object],
    seeds: Callable[[], Sequence[bytes]],
    form: Form = Form.BINARY,
    structure: Structure | None = None,
    refusals: tuple[type[Exception], ...] = (SealError,),
    words: tuple[bytes, ...] = (),
) -> Target:
    share = 0.2 if name in SLOW else 1.0
    return Target(f"e2ee.{name}", run, refusals, seeds, form, structure, words, share)


SLOW = frozenset({"signed commit", "commit with data", "join with data", "state fields"})
SLOW |= {"door", "door contents", "door group", "boxed key", "grant"}


_CONTENT = Structure(
    lambda data: decode_exactly(FramedContent.read, data),
    lambda value: bytes(value.encode()),
)
_INFO = Structure(
    lambda data: decode_exactly(GroupInfo.read, data),
    lambda value: bytes(value.encode()),
)
_NOTHING: tuple[type[Exception], ...] = ()

TARGETS = (
    _target("compact JSON", _compact, _json_seeds, Form.JSON, refusals=(Malformed,)),
    _target(
        "base64url",
        _base64url,
        lambda: [base64url.encode(bytes(range(size))).encode() for size in (0, 1, 2, 16, 64)],
        Form.TEXT,
        refusals=(Malformed,),
        words=(b"=", b"+", b"/", b"-", b"_", b"\n", "é".encode(), b"\xff", b"\0", b"A"),
    ),
    _target("unpad", _unpad, lambda: [pad(bytes(each)) for each in (0, 9, 252, 253, 5000)]),
    _target(
        "identity",
        _identity,
        lambda: [*_identities(), *_vector_json("identity.json")],
        Form.JSON,
    ),
    _target("policy", _policy, lambda: [*_policies(), *_vector_json("policy.json")], Form.JSON),
    _target("successor policy", _successor, _policies, Form.JSON),
    _target("commit data", _commit_data, _commit_datas, Form.JSON),
    _target("commit entry", _commit_body, lambda: [scene().renewed.body], refusals=_NOTHING),
    _target("sealed commit", _commit_message, _commit_messages, refusals=_NOTHING),
    _target("signed commit", _signed_commit, _signed_commits, structure=_CONTENT),
    _target("commit with data", _commit_with_data, _commit_datas, Form.JSON),
    _target("join with data", _join_with_data, _commit_datas, Form.JSON),
    _target("chat entry", _chat_body, lambda: [each.body for each in scene().said]),
    _target("signed chat", _chat_said, _told, refusals=_NOTHING),
    _target("log", _log, _entries, Form.JSON),
    _target("placed entry", _entry_fields, _placed, refusals=(Malformed, OutOfOrder)),
    _target("door", _door, _doors),
    _target("door contents", _door_content, _door_contents),
    _target("door group", _door_info, _infos, structure=_INFO),
    _target("key box", _key_box, lambda: [scene().key_box]),
    _target(
        "boxed key", _boxed_key, lambda: [scene().key_box[:8] + scene().host.present.keys.door]
    ),
    _target("letter", _letter, lambda: [_a_letter()]),
    _target("history", _history_text, _histories, Form.JSON),
    _target("grant", _grant, lambda: [pad(_history().encode())]),
    _target("knock", _knock, _knocks),
    _target("payload", _payload, lambda: [*_payloads(), *_vector_json("message.json")], Form.JSON),
    _target(
        "signal payload",
        _signal_payload,
        lambda: [*_signal_payloads(), *_vector_json("signal.json")],
        Form.JSON,
    ),
    _target("signal", _signal, _sealed_signals),
    _target("signed signal", _signal_said, _signals),
    _target("file part", _part, lambda: [FILE.seal_part(0, bytes(300), RNG)]),
    _target("sealed file part", _filled_part, _filled_parts),
    _target("frame header", _frame_header, _frame_headers),
    _target("frame", _frame, _frames),
    _target("sealed frame", _sealed_frame, _sealed_frames),
    _target("state", _state, _states),
    _target("state fields", _state_fields, _unpacked_states, Form.JSON),
    _target("link", _link, _links, Form.TEXT, words=LINK_WORDS),
)


def _a_letter() -> bytes:
    guest = scene().guest
    return boxes.seal_letter(guest.invite.box, guest.session, guest.invite.id, _history(), RNG)
