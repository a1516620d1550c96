"""A whole session that web clients had, followed by Python (tests/vectors/README.md)."""

from __future__ import annotations

from typing import Any

import pytest

from careseal.e2ee import payload
from careseal.e2ee.events import (
    CommitVoid,
    EntryEvent,
    GroupChanged,
    MessageReceived,
    SelfRemoved,
)
from careseal.e2ee.following import follow, read_entry
from careseal.e2ee.identifiers import EntryId
from careseal.e2ee.joining import open_door
from careseal.e2ee.log import Chain, Position
from careseal.e2ee.past import letter, take_history
from careseal.e2ee.security_code import SecurityCode
from careseal.e2ee.state import Epoch, KeptRecord, Phase, SessionState
from careseal.mls.codec import decode
from careseal.mls.group import Group
from careseal.mls.group_info import GroupInfo
from careseal.mls.group_state import GroupState
from careseal.mls.key_schedule import EpochKeys
from careseal.mls.secret import (
    EncryptionSecret,
    ExporterSecret,
    ExternalSecret,
    HpkePrivateKey,
    InitSecret,
    MembershipKey,
    Psk,
    SenderDataSecret,
    SignaturePrivateKey,
)
from careseal.mls.secret_tree import SecretTree
from careseal.mls.signer import Signer
from careseal.mls.suite import XWING_SUITE, cipher_suite
from tests.vectors.test_protocol_vectors import derive, entry_of, hex_, record_of, vectors

GIVEN = vectors("transcript")
STEPS: list[dict[str, Any]] = GIVEN["steps"]
JOIN, RESYNC = 2, 8  # seqs


def patients_group() -> Group:
    """The patient's group in epoch 1, which a browser had joined."""
    patient, keys = GIVEN["patient"], GIVEN["patient"]["keySchedule"]
    suite = cipher_suite(XWING_SUITE)
    info = decode(GroupInfo.read, hex_(patient["groupInfo"]))
    tree = info.validate()
    state = GroupState(
        suite,
        info.context,
        tree,
        EpochKeys(
            InitSecret(hex_(keys["initSecret"])),
            SenderDataSecret(hex_(keys["senderDataSecret"])),
            ExporterSecret(hex_(keys["exporterSecret"])),
            ExternalSecret(hex_(keys["externalSecret"])),
            MembershipKey(hex_(keys["membershipKey"])),
            Psk(hex_(keys["resumptionPsk"])),
            hex_(keys["epochAuthenticator"]),
        ),
        SecretTree.of(suite, tree.size, EncryptionSecret(bytes(64))),  # nothing is sent by it
        hex_(patient["confirmationTag"]),
        patient["leaf"],
        Signer.of(suite, SignaturePrivateKey(hex_(patient["signatureSeed"]))),
        {int(node): HpkePrivateKey(hex_(seed)) for node, seed in patient["privateKeys"].items()},
    )
    return Group(state)


@pytest.fixture
def patient() -> SessionState:
    """The patient's device as it was when it had joined."""
    invite = derive(GIVEN["sessionId"], GIVEN["links"]["patient"])
    door = GIVEN["doors"][0]
    box = next(each["box"] for each in door["keyBoxes"] if each["invite"] == str(invite.id))
    policy = open_door(invite, hex_(door["door"]), hex_(box)).door.policy
    group, joined = patients_group(), STEPS[JOIN - 1]
    commit = EntryId.parse(joined["entry"]["id"])
    epoch = Epoch.begin(group, policy, JOIN, 0, commit)
    head = Position(JOIN, hex_(joined["after"]["h"]))
    return SessionState(
        invite.session,
        Phase.IN,
        invite,
        group.signer.private,
        group.signer.public,
        epoch,
        Chain.at(invite.session, head, JOIN),
        head,
        records=(KeptRecord(epoch.record, head.hash),),
        used=frozenset(each.id for each in policy.invites[:2]),
    )


def check_event(event: EntryEvent, told: dict[str, Any]) -> None:
    match event:
        case MessageReceived():
            said = {"type": event.payload.type, **event.payload.json()}
            assert told["kind"] == "message"
            assert (str(event.sender.id), event.time) == (told["sender"], told["time"])
            assert said == told["payload"]
        case GroupChanged():
            assert told["kind"] == "commit"
            assert str(event.sender.id) == told["sender"]
            assert (event.joined and str(event.joined.id)) == told["joined"]
            assert event.resync == told["resync"]
            assert [str(each.id) for each in event.removed] == told["removed"]
            assert (event.policy_before != event.policy_after) == told["policyChanged"]
        case CommitVoid():
            assert (told["kind"], told["cause"]) == ("void", event.cause)
            assert event.sender is not None
            assert str(event.sender.id) == told["sender"]
        case _:
            raise AssertionError(event)


def check_state(state: SessionState, after: dict[str, Any]) -> None:
    epoch = state.present
    assert state.chain.head.hash.hex() == after["h"]
    assert state.chain.last_commit == after["lastCommit"]
    assert (epoch.number, epoch.policy.settings.title) == (after["epoch"], after["title"])
    assert epoch.group.epoch_authenticator.hex() == after["authenticator"]
    assert str(SecurityCode.derive(epoch.keys.code)) == after["code"]
    assert [(m.leaf, str(m.id), m.identity.name, m.role, str(m.invite)) for m in epoch.members] == [
        (m["leaf"], m["memberId"], m["name"], m["role"], m["invite"]) for m in after["members"]
    ]


def test_the_patients_device_follows_the_log_until_another_copy_of_it_comes_back(
    patient: SessionState,
) -> None:
    for step in STEPS[JOIN : RESYNC - 1]:
        patient, (event,) = follow(patient, entry_of(step["entry"]))
        check_event(event, step["event"])
        check_state(patient, step["after"])
    patient, events = follow(patient, entry_of(STEPS[RESYNC - 1]["entry"]))
    assert events == (SelfRemoved(RESYNC, None, resync=True),)


def test_the_letter_opens_what_was_written_before_the_patient_came(patient: SessionState) -> None:
    history = letter(patient, hex_(GIVEN["letter"]["letter"]))
    digests = [entry_of(step["entry"]).digested() for step in STEPS[:JOIN]]
    patient = take_history(patient, history, digests)
    check_event(read_entry(patient, entry_of(STEPS[0]["entry"])), STEPS[0]["event"])


def test_the_founders_records_open_every_message(patient: SessionState) -> None:
    records = tuple(KeptRecord(record_of(row), bytes(64)) for row in GIVEN["records"])
    founder = SessionState(
        **{name: getattr(patient, name) for name in patient.__slots__} | {"records": records}
    )
    opened = 0
    for step in STEPS:
        if step["entry"]["kind"] == "chat":
            event = read_entry(founder, entry_of(step["entry"]))
            check_event(event, step["event"])
            assert isinstance(event, MessageReceived)
            assert payload.encode(event.payload)
            opened += 1
    assert opened == sum(step["event"]["kind"] == "message" for step in STEPS)


@pytest.mark.parametrize("number", range(len(GIVEN["doors"])))
def test_each_door_opens_with_the_links_that_have_a_box_and_fits_the_log(number: int) -> None:
    row = GIVEN["doors"][number]
    after = next((s["after"] for s in STEPS if s["entry"]["seq"] == row["seq"]), None)
    invites = [derive(GIVEN["sessionId"], fragment) for fragment in GIVEN["links"].values()]
    boxes = {each["invite"]: hex_(each["box"]) for each in row["keyBoxes"]}
    assert boxes
    for invite in invites:
        if str(invite.id) not in boxes:
            continue
        opened = open_door(invite, hex_(row["door"]), boxes[str(invite.id)])
        assert opened.epoch == row["epoch"]
        log = [entry_of(step["entry"]).digested() for step in STEPS[: row["seq"]]]
        last = 0 if after is None else after["lastCommit"]
        chain = opened.door.fit(invite.session, log[opened.position.seq :], row["seq"], last)
        if after is not None:
            assert chain.head.hash.hex() == after["h"]
            assert [str(member.id) for member in opened.members] == [
                member["memberId"] for member in after["members"]
            ]
