"""What members claim, agree on and say: JSON in every shape."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from careseal.e2ee import (
    base64url,
    compact,
    payload,
    signal_payload,
)
from careseal.e2ee.commit import CommitData
from careseal.e2ee.errors import Malformed, SealError
from careseal.e2ee.file import FileSeal
from careseal.e2ee.identifiers import CallId, FileId, MessageId
from careseal.e2ee.identity import Identity, Known
from careseal.e2ee.invite import Invite, new_secret
from careseal.e2ee.policy import Policy, Role, Settings
from careseal.e2ee.sealing import pad, unpad
from careseal.e2ee.secret import FileKey, IdentityKey
from tests.fuzz.e2ee_scene import (
    RNG,
    content_of,
    join_entry,
    scene,
    vector_json,
)
from tests.fuzz.target import Form, Target


def _compact(data: bytes) -> None:
    assert compact.encode(compact.decode(data)) == data


def _json_seeds() -> list[bytes]:
    texts = vector_json("encodings.json")
    nested = b"[" * 16 + b"]" * 16
    deepest = b"[" * 15 + b"1" + b"]" * 15
    return [*policies(), *payloads(), deepest, nested, b'"\\u0001\\n\xc3\xa9"', b"0", *texts]


def _base64url(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert base64url.encode(base64url.decode(text)) == text


def _unpad(data: bytes) -> None:
    assert pad(unpad(data)) == data


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
def policies() -> Sequence[bytes]:
    policy, session = scene().host.present.policy, scene().host.session
    fresh = Invite.derive(session, new_secret(RNG))
    since = scene().host.present.number + 1
    rule = fresh.policy_entry(Role.GUEST, since, label="Tía", history=True, knock=True)
    return (
        policy.text,
        policy.with_invite(rule).text,
        policy.with_settings(Settings("Kontrolle", True)).text,
        policy.with_settings(Settings("Kontrolle", True, 1_790_000_000_000)).text,
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


def commit_datas() -> list[bytes]:
    contents = (content_of(entry) for entry in (scene().renewed, join_entry()))
    return [each.authenticated_data for each in contents]


def _commit_data(data: bytes) -> None:
    decoded = CommitData.decode(data)
    assert CommitData.decode(decoded.encode()) == decoded


@cache
def payloads() -> Sequence[bytes]:
    message, guest = MessageId(RNG(16)), scene().guest.member_id
    kinds: tuple[payload.Payload, ...] = (
        payload.Text(message, "Grüße 😀", message),
        payload.File(
            message,
            FileId(RNG(16)),
            FileKey(RNG(32)),
            300,
            1,
            "x.pdf",
            "application/pdf",
            b"thumb",
            12,
        ),
        payload.HistoryGrant(guest, RNG(300)),
        payload.Call(CallId(RNG(16)), "ended", 61),
        payload.Receipt(3, 2),
        payload.Admit(guest),
        payload.Leave(),
        payload.Note(message, "Allergic to penicillin"),
        payload.End(),
        payload.Edit(message, "Grüße 🙂"),
        payload.Withdraw(message),
        payload.Reaction(guest, message, "👍🏽"),
        payload.Reaction(guest, message, ""),
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
def signal_payloads() -> Sequence[bytes]:
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


BASE64_WORDS = (b"=", b"+", b"/", b"-", b"_", b"\n", "é".encode(), b"\xff", b"\0", b"A")
SEALED = (SealError,)
STRICT = (Malformed,)

TARGETS = (
    Target("e2ee.compact JSON", _compact, STRICT, _json_seeds, Form.JSON),
    Target(
        "e2ee.base64url",
        _base64url,
        STRICT,
        lambda: [base64url.encode(bytes(range(size))).encode() for size in (0, 1, 2, 16, 64)],
        Form.TEXT,
        words=BASE64_WORDS,
    ),
    Target("e2ee.unpad", _unpad, STRICT, lambda: [pad(bytes(size)) for size in (0, 9, 252, 5000)]),
    Target(
        "e2ee.identity",
        _identity,
        SEALED,
        lambda: [*_identities(), *vector_json("identity.json")],
        Form.JSON,
    ),
    Target(
        "e2ee.policy",
        _policy,
        STRICT,
        lambda: [*policies(), *vector_json("policy.json")],
        Form.JSON,
    ),
    Target("e2ee.successor policy", _successor, SEALED, policies, Form.JSON),
    Target("e2ee.commit data", _commit_data, STRICT, commit_datas, Form.JSON),
    Target(
        "e2ee.payload",
        _payload,
        SEALED,
        lambda: [*payloads(), *vector_json("message.json")],
        Form.JSON,
    ),
    Target(
        "e2ee.signal payload",
        _signal_payload,
        STRICT,
        lambda: [*signal_payloads(), *vector_json("signal.json")],
        Form.JSON,
    ),
)
