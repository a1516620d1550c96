"""The vectors that the web client wrote, read by Python (tests/vectors/README.md)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from careseal.e2ee import base64url, compact, payload, signal_payload
from careseal.e2ee.boxes import open_grant, open_key_box, open_letter
from careseal.e2ee.commit import CommitData, JoinProof, open_commit, seal_commit
from careseal.e2ee.door import Door
from careseal.e2ee.epoch import EpochKeys, EpochRecord, Member
from careseal.e2ee.errors import Malformed, NotAllowed, Tampered
from careseal.e2ee.file import FileSeal, part_length, sealed_size
from careseal.e2ee.frame import SUITE as SFRAME
from careseal.e2ee.frame import Codec, FrameOpener, key_id
from careseal.e2ee.history import History
from careseal.e2ee.identifiers import EntryId, FileId, InviteId, MemberId, SessionId
from careseal.e2ee.identity import Identity, Known
from careseal.e2ee.invite import Invite, Link
from careseal.e2ee.joining import open_door
from careseal.e2ee.knock import Knock
from careseal.e2ee.log import Chain, Entry, Kind, header
from careseal.e2ee.message import open_message
from careseal.e2ee.policy import Policy
from careseal.e2ee.sealing import pad, padded, seal, unpad, unseal
from careseal.e2ee.secret import (
    BoxKey,
    CodeSecret,
    ContentSecret,
    DoorKey,
    FileKey,
    FrameKey,
    IdentityKey,
    JoinKey,
    SignalSecret,
)
from careseal.e2ee.security_code import SecurityCode
from careseal.e2ee.sframe import FrameCipher, decode_header, encode_header
from careseal.e2ee.signal import Peer, SignalEpoch
from careseal.e2ee.suite import SUITE, sign, unbox, verify
from careseal.mls.secret import Secret, SignaturePrivateKey

hex_ = bytes.fromhex


def vectors(name: str) -> Any:
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text())


def entry_of(row: dict[str, Any]) -> Entry:
    kind = Kind[row["kind"].upper()]
    return Entry(row["seq"], kind, row["parent"], EntryId.parse(row["id"]), hex_(row["body"]))


def record_of(row: dict[str, Any]) -> EpochRecord:
    """A record as these files write it: byte strings are hex."""
    members = [{**each, "key": base64url.encode(hex_(each["key"]))} for each in row["members"]]
    secret, context = (base64url.encode(hex_(row[name])) for name in ("secret", "context"))
    return EpochRecord.read({**row, "secret": secret, "context": context, "members": members})


def derive(session: str, fragment: str, passcode: str | None = None) -> Invite:
    link = Link.parse(f"https://host/telemedicine/{session}#{fragment}")
    return Invite.derive(link.session, link.secret, passcode if link.needs_passcode else None)


def test_encodings() -> None:
    given = vectors("encodings")
    for case in given["base64url"]["valid"]:
        assert base64url.encode(hex_(case["bytes"])) == case["text"]
        assert base64url.decode(case["text"]) == hex_(case["bytes"])
    for text in given["base64url"]["invalid"]:
        with pytest.raises(Malformed):
            base64url.decode(text)
    for text in given["json"]["valid"]:
        assert compact.encode(compact.decode(text.encode())) == text.encode()
    for text in given["json"]["invalid"]:
        with pytest.raises(Malformed):
            compact.decode(text.encode())
    for text in given["json"]["invalidBytes"]:
        with pytest.raises(Malformed):
            compact.decode(hex_(text))
    for length, filled in given["padded"]:
        assert padded(length) == filled
    for case in given["pad"]:
        assert pad(hex_(case["content"])) == hex_(case["padded"])
        assert unpad(hex_(case["padded"])) == hex_(case["content"])
    for case in given["unpadInvalid"]:
        with pytest.raises(Malformed):
            unpad(hex_(case["padded"]))
    for case in given["memberId"]:
        assert str(MemberId.of(hex_(case["key"]))) == case["memberId"]


def test_sealing_signing_and_boxes() -> None:
    given = vectors("seal")
    for case in given["seal"]:
        label, salt = case["label"].removeprefix("careseal/1 "), hex_(case["salt"])
        about = (Secret(hex_(case["secret"])), label, salt, hex_(case["aad"]))
        assert seal(*about, hex_(case["content"])) == hex_(case["sealed"])
        assert unseal(*about, hex_(case["sealed"])) == hex_(case["content"])
    for case in given["sign"]:
        label, content = case["label"].removeprefix("careseal/1 "), hex_(case["content"])
        signature = sign(SignaturePrivateKey(hex_(case["seed"])), label, content)
        assert signature == hex_(case["signature"])
        verify(hex_(case["key"]), label, content, signature)
    case = given["hpke"]
    private, public = SUITE.kem.derive_key_pair(hex_(case["material"]))
    assert (private, public) == (hex_(case["seed"]), hex_(case["key"]))
    assert unbox(private, hex_(case["info"]), hex_(case["sealed"])) == hex_(case["plain"])


def test_identities() -> None:
    given = vectors("identity")
    session, leaf = SessionId.parse(given["sessionId"]), hex_(given["leafKey"])
    plain, known = (Identity.decode(given[name].encode()) for name in ("plain", "known"))
    assert plain.known is None
    made = Known.make(IdentityKey(hex_(given["identityKey"]["seed"])), session, leaf)
    assert known.known == made
    assert made.key == hex_(given["identityKey"]["key"])
    known.verify(session, leaf)
    with pytest.raises(Tampered):
        known.verify(SessionId(bytes(16)), leaf)
    for text in given["invalid"]:
        with pytest.raises(Malformed):
            Identity.decode(text.encode())


def test_invites() -> None:
    given = vectors("invite")
    session = given["sessionId"]
    for case in given["invites"]:
        invite = derive(session, case["fragment"], case.get("passcode"))
        link = Link.parse(f"https://host/telemedicine/{session}#{case['fragment']}")
        assert link.secret == hex_(case["secret"])
        assert str(invite.id) == case["id"]
        assert invite.access_token == hex_(case["accessToken"])
        assert hashlib.sha256(invite.access_token).hexdigest() == case["accessTokenHash"]
        assert (invite.join_key, invite.join) == (hex_(case["joinSeed"]), hex_(case["joinKey"]))
        assert (invite.box_key, invite.box) == (hex_(case["boxSeed"]), hex_(case["boxKey"]))
    asked = given["knock"]
    invite, knock = derive(session, asked["fragment"], None), Knock.decode(hex_(asked["knock"]))
    knock.verify(invite.session, invite.join)
    assert invite.knock_name is not None
    assert knock.name_by(invite.knock_name, invite.session) == asked["name"]
    assert str(knock.id) == asked["id"]
    for fragment in given["fragmentsInvalid"]:
        with pytest.raises(Malformed):
            Link.parse(f"https://host/telemedicine/{session}#{fragment}")


def test_joins_and_commit_data() -> None:
    given = vectors("invite")
    session, join = SessionId.parse(given["sessionId"]), given["join"]
    invite = next(each for each in given["invites"] if each["id"] == join["invite"])
    proof = JoinProof.make(
        InviteId.parse(join["invite"]),
        JoinKey(hex_(invite["joinSeed"])),
        session,
        join["epoch"],
        hex_(join["leafKey"]),
    )
    assert proof.signature == hex_(join["signature"])
    proof.verify(hex_(invite["joinKey"]), session, join["epoch"], hex_(join["leafKey"]))
    for case in given["commitData"]:
        assert CommitData.decode(case["data"].encode()).encode() == case["data"].encode()
    for text in given["commitDataInvalid"]:
        with pytest.raises(Malformed):
            CommitData.decode(text.encode())


def test_policies_and_their_successors() -> None:
    given = vectors("policy")
    policy = Policy.decode(given["policy"].encode())
    assert policy.context(SessionId.parse(given["sessionId"])).hex() == given["context"]
    for case in given["invalid"]:
        with pytest.raises(Malformed):
            Policy.decode(case["policy"].encode())
    about = given["succession"]
    leaves = [InviteId.parse(each) for each in about["leaves"]]
    committer = InviteId.parse(about["committer"])
    for case in given["successors"]:
        successor = Policy.decode(case["policy"].encode())
        if case["allowed"]:
            policy.check_successor(successor, about["epoch"], leaves, committer)
            continue
        with pytest.raises(NotAllowed):
            policy.check_successor(successor, about["epoch"], leaves, committer)


def test_a_door_and_its_key_box() -> None:
    given = vectors("door")
    invite = derive(given["sessionId"], given["invite"]["fragment"])
    session = invite.session
    epoch, key = open_key_box(invite.box_key, session, invite.id, hex_(given["keyBox"]))
    assert (epoch, key) == (given["epoch"], hex_(given["doorKey"]))
    door, content = Door.open(session, key, hex_(given["door"])), given["content"]
    assert door.group_info == hex_(content["groupInfo"])
    assert door.policy.text == content["policy"].encode()
    assert (door.covers, str(door.commit)) == (content["covers"], content["commitId"])
    assert [door.position.seq, door.position.hash.hex()] == content["position"]
    assert sorted(map(str, door.used)) == sorted(content["used"])
    assert door._encode() == hex_(content["encoded"])
    opened = open_door(invite, hex_(given["door"]), hex_(given["keyBox"]))
    assert [(m.leaf, str(m.id), m.identity.name, m.role.value) for m in opened.members] == [
        (m["leaf"], m["memberId"], m["name"], m["role"]) for m in given["members"]
    ]


def test_the_chain_and_a_commit_entry() -> None:
    given = vectors("chain")
    session = SessionId.parse(given["sessionId"])
    chain = Chain.start(session)
    assert chain.head.hash.hex() == given["start"]
    for row in given["entries"]:
        entry = entry_of(row)
        assert header(session, entry.kind, entry.parent, entry.id).hex() == row["header"]
        assert entry.digested().body_hash.hex() == row["digest"]
        chain = chain.extend(entry)
        assert chain.head.hash.hex() == row["h"]
    row = given["commit"]
    entry, key = entry_of({"seq": 9, **row}), DoorKey(hex_(row["doorKey"]))
    assert open_commit(session, key, entry) == hex_(row["message"])
    assert seal_commit(session, key, entry.parent, entry.id, hex_(row["message"])) == entry.body


def test_a_message() -> None:
    given = vectors("message")
    record = record_of(given["record"])
    entry = entry_of(given["entry"])
    message = open_message(SessionId.parse(given["sessionId"]), record, entry)
    assert (message.sender.leaf, message.time) == (given["sender"]["leaf"], given["time"])
    assert [message.at.seq, message.at.hash.hex()] == given["at"]
    assert message.payload == given["payload"].encode()


def test_payloads_from_a_host_and_from_a_guest() -> None:
    given = vectors("message")
    members = record_of(given["record"]).members
    by_role: dict[str, Member] = {member.role.value: member for member in members}
    for case in given["payloads"]:
        for role, sender in by_role.items():
            assert _made_of(case["payload"].encode(), sender, members) == case[role], case["why"]


def _made_of(text: bytes, sender: Member, members: tuple[Member, ...]) -> str:
    try:
        read = payload.decode(text)
        payload.check_sender(read, sender, members)
    except (Malformed, NotAllowed):
        return "refused"
    return "unsupported" if isinstance(read, payload.Unsupported) else "message"


def test_histories() -> None:
    given = vectors("history")
    session = SessionId.parse(given["sessionId"])
    key = BoxKey(hex_(given["invite"]["boxSeed"]))
    text = given["history"].encode()
    assert History.decode(text).encode() == text
    invite = InviteId.parse(given["invite"]["id"])
    assert open_letter(key, session, invite, hex_(given["letter"])).encode() == text
    recipient = MemberId.parse(given["recipient"])
    assert open_grant(key, session, recipient, hex_(given["grant"])).encode() == text
    for case in given["invalid"]:
        with pytest.raises(Malformed):
            History.decode(case["history"].encode())


def test_files() -> None:
    given = vectors("file")
    file, key = FileId.parse(given["file"]), FileKey(hex_(given["key"]))
    for case in (each for each in given["onePart"] if "plain" in each):
        sealer = FileSeal(file, key, case["size"])
        plain = hex_(case["plain"])
        part = sealer.seal_part(0, plain, lambda _, salt=case["salt"]: hex_(salt))  # type: ignore[misc]
        assert len(part) == case["sealedSize"]
        assert hashlib.sha512(part).hexdigest() == case["sealedHash"]
        assert sealer.open_part(0, part) == plain
    whole = bytes((7 * i + i // 256) % 256 for i in range(given["twoParts"]["size"]))
    sealer = FileSeal(file, key, len(whole))
    at = 0
    for case in given["twoParts"]["parts"]:
        plain = whole[at : at + part_length(len(whole), case["number"])]
        at += len(plain)
        part = sealer.seal_part(case["number"], plain, lambda _, salt=case["salt"]: hex_(salt))  # type: ignore[misc]
        assert hashlib.sha512(part).hexdigest() == case["sealedHash"]
    for size, sealed in given["sealedFileSizes"]:
        assert sealed_size(size) == sealed


def test_signals() -> None:
    given = vectors("signal")
    session, sender = SessionId.parse(given["sessionId"]), given["from"]
    keys = EpochKeys(
        given["epoch"],
        hex_(given["context"]),
        ContentSecret(bytes(32)),
        DoorKey(bytes(32)),
        SignalSecret(hex_(given["secret"])),
        FrameKey(bytes(32)),
        CodeSecret(bytes(32)),
    )
    identity = Identity.make("Pat", "x", InviteId(bytes(16)))
    member = Member.read(
        {
            "leaf": sender["leaf"],
            "key": base64url.encode(hex_(sender["key"])),
            "identity": identity.text.decode(),
            "role": "host",
        }
    )
    epoch = SignalEpoch(session, keys, (member,))
    me = Peer(sender["leaf"], base64url.decode(sender["instance"], 8))
    for case in given["signals"]:
        signal = epoch.open(hex_(case["signal"]))
        assert (signal.sender, signal.counter) == (me, case["counter"])
        assert signal.payload == case["payload"].encode()
        said = signal_payload.decode(signal.payload)
        assert not isinstance(said, signal_payload.UnsupportedSignal)
        assert compact.decode(signal_payload.encode(said)) == compact.decode(signal.payload)
        if case["to"] != "everybody":
            there = Peer(case["to"]["leaf"], base64url.decode(case["to"]["instance"], 8))
            assert signal.recipient == there
    for text in given["invalid"]:
        assert not _is_signal(text.encode())


def _is_signal(text: bytes) -> bool:
    try:
        return not isinstance(signal_payload.decode(text), signal_payload.UnsupportedSignal)
    except Malformed:
        return False


def test_frames() -> None:
    given = vectors("frame")
    key, context = FrameKey(hex_(given["baseKey"])), hex_(given["context"])
    kid = key_id(context, given["leaf"], given["epoch"])
    assert str(kid) == given["kid"]
    for counter, encoded in given["header"]:
        assert encode_header(kid, int(counter)).hex() == encoded
        assert decode_header(hex_(encoded))[:2] == (kid, int(counter))
    cipher = FrameCipher(SFRAME, key, kid)
    for case in given["frames"]:
        frame, readable = hex_(case["frame"]), case["readable"]
        sealed = frame[:readable] + cipher.encrypt(
            case["counter"], frame[:readable], frame[readable:]
        )
        assert sealed == hex_(case["sealed"])
        codec = Codec.VP8 if readable else Codec.OPUS
        opener = FrameOpener(codec, given["leaf"], {given["epoch"]: key}, context)
        assert opener.open(sealed) == frame


def test_security_codes() -> None:
    for case in vectors("code"):
        code = SecurityCode.derive(CodeSecret(hex_(case["code"])))
        assert list(code.groups) == case["groups"]
        assert code.qr(SessionId.parse(case["sessionId"])) == case["qr"]
