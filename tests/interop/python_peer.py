"""The Python package as a peer, with the same operations as bridge.ts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from careseal.e2ee import base64url, payload, signal_payload
from careseal.e2ee.boxes import open_letter
from careseal.e2ee.commit import seal_commit
from careseal.e2ee.epoch import EpochKeys
from careseal.e2ee.errors import SealError
from careseal.e2ee.events import (
    CommitVoid,
    Duplicate,
    EntryEvent,
    Forked,
    GroupChanged,
    JoinLost,
    MessageReceived,
    MessageRefused,
    MessageUnreadable,
    MessageUnsupported,
    SelfRemoved,
    WrongParent,
)
from careseal.e2ee.file import FileSeal
from careseal.e2ee.following import follow, read_entry
from careseal.e2ee.frame import Codec, FrameOpener, FrameSealer
from careseal.e2ee.identifiers import EntryId, FileId, InviteId, MemberId, SessionId
from careseal.e2ee.invite import Invite, Link, new_secret
from careseal.e2ee.joining import Introduction, found, join, open_door, rejoin
from careseal.e2ee.log import Digested, Entry, Kind, Position
from careseal.e2ee.message import seal_message
from careseal.e2ee.past import grant, take_history
from careseal.e2ee.policy import Policy, PolicyInvite, Role, Settings
from careseal.e2ee.secret import FileKey, InviteSecret
from careseal.e2ee.security_code import SecurityCode
from careseal.e2ee.sending import (
    check_door,
    door_now,
    drop_pending,
    grants,
    make_commit,
    seal_chat,
)
from careseal.e2ee.signal import EVERYBODY, Counters, Peer, epoch_of
from careseal.e2ee.state import DoorUpload, Phase, SessionState
from careseal.e2ee.state_codec import decode_state, encode_state
from careseal.mls.kem import Rng
from tests.interop.web_peer import PeerRefused

Values = dict[str, Any]
text, octets = base64url.encode, base64url.decode


@dataclass
class Device:
    state: SessionState
    instance: bytes
    before: SessionState | None = None  # while a re-sync is on its way
    counter: int = 0
    counters: Counters | None = None
    sealers: dict[tuple[bytes, int], FrameSealer] = field(default_factory=dict)
    openers: dict[tuple[int, str], FrameOpener] = field(default_factory=dict)


class PythonPeers:
    """Any number of devices; `call` refuses with `PeerRefused`, as the bridge does."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.devices: dict[str, Device] = {}

    def call(self, op: str, **values: Any) -> Values:
        operation: Callable[..., Values] = getattr(self, f"do_{op}")
        try:
            return operation(**values)
        except SealError as error:
            raise PeerRefused(str(error)) from error

    # Coming in -----------------------------------------------------------------------------

    def do_found(self, name: str, title: str, invites: list[Values], who: str) -> Values:
        session = SessionId(self.rng(16))
        options = [{"role": "host", "label": who, "devices": 4}, *invites]
        made = [self._make_invite(session, each, 0) for each in options]
        rules = [rule for _, _, rule in made]
        state, upload = found(
            made[0][1], rules, Settings(title), Introduction(who, "laptop"), self.rng
        )
        self.devices[name] = Device(state, self.rng(8))
        fragments = [fragment for fragment, _, _ in made]
        return {"session": str(session), "fragments": fragments, **_upload(upload)}

    def do_newInvite(self, name: str, options: Values) -> Values:
        state = self.devices[name].state
        epoch = state.present
        fragment, _, rule = self._make_invite(state.session, options, epoch.number + 1)
        made = self._commit(name, policy=epoch.policy.with_invite(rule))
        return {**made, "fragment": fragment}

    def _make_invite(
        self, session: SessionId, options: Values, since: int
    ) -> tuple[str, Invite, PolicyInvite]:
        secret, passcode = new_secret(self.rng), options.get("passcode")
        invite = Invite.derive(session, secret, passcode)
        rule = invite.policy_entry(
            Role(options["role"]),
            since,
            label=options["label"],
            devices=options.get("devices", 4),
            history=options.get("history", False),
        )
        return text(secret) + (".p" if passcode else ""), invite, rule

    def do_join(
        self,
        name: str,
        session: str,
        fragment: str,
        passcode: str | None,
        door: str,
        keyBox: str,
        digests: list[Values],
        lastCommit: int,
        head: int,
        who: str,
        returning: bool,
    ) -> Values:
        link = Link.parse(f"https://x/telemedicine/{session}#{fragment}")
        invite = Invite.derive(link.session, link.secret, passcode if link.needs_passcode else None)
        opened = open_door(invite, octets(door), octets(keyBox))
        rows = [_digested(row) for row in digests]
        introduction = Introduction(who, "laptop")
        if returning:
            device = self.devices[name]
            start = min(opened.position.seq, device.state.chain.head.seq)
            rows = [row for row in rows if row.seq > start]
            before = device.state
            device.state = rejoin(before, opened, rows, head, lastCommit, introduction, self.rng)
            device.before = before
        else:
            rows = [row for row in rows if row.seq > opened.position.seq]
            state = join(opened, rows, head, lastCommit, introduction, self.rng)
            self.devices[name] = Device(state, self.rng(8))
        return self._request(name)

    # The log -------------------------------------------------------------------------------

    def do_apply(self, name: str, entries: list[Values], now: int) -> Values:
        events, forks = [], []
        for row in entries:
            self.devices[name].state, told = follow(self.devices[name].state, _entry(row))
            forks += [event.seq for event in told if isinstance(event, Forked)]
            main = [event for event in told if not isinstance(event, Forked)]
            events.append(_told(main[0]) if main else ["duplicate"])
        return {"events": events, "forks": forks}

    def do_reread(self, name: str, entries: list[Values]) -> Values:
        state = self.devices[name].state
        return {"events": [_told(read_entry(state, _entry(row))) for row in entries]}

    def do_seal(self, name: str, payload: Values, now: int) -> Values:
        sealed = seal_chat(self.devices[name].state, _payload(payload), now, self.rng)
        return {"id": str(sealed.id), "parent": sealed.parent, "body": text(sealed.body)}

    def do_sealUnchecked(
        self, name: str, payload: Values, now: int, at: Position | None = None
    ) -> Values:
        state, entry = self.devices[name].state, EntryId(self.rng(16))
        body = seal_message(
            state.session,
            state.present.record,
            state.me.leaf,
            state.signature_key,
            state.chain.last_commit,
            entry,
            at or state.chain.head,
            now,
            json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(),
        )
        return {"id": str(entry), "parent": state.chain.last_commit, "body": text(body)}

    def do_commit(
        self,
        name: str,
        removes: list[int],
        close: str | None = None,
        without: str | None = None,
        title: str | None = None,
    ) -> Values:
        policy = self.devices[name].state.present.policy
        if close is not None:
            policy = policy.closing(InviteId.parse(close))
        if without is not None:
            policy = policy.without(frozenset({InviteId.parse(without)}))
        if title is not None:
            policy = policy.with_settings(Settings(title))
        return self._commit(name, removes, policy)

    def _commit(
        self, name: str, removes: list[int] | None = None, policy: Policy | None = None
    ) -> Values:
        device = self.devices[name]
        device.state = make_commit(device.state, self.rng, removes or (), policy)
        return self._request(name)

    def _request(self, name: str) -> Values:
        pending = self.devices[name].state.pending
        assert pending is not None
        return {
            **_upload(pending.upload),
            "id": str(pending.entry),
            "parent": pending.upload.parent,
            "body": text(pending.body),
        }

    def do_sealAsCommit(self, name: str, message: str) -> Values:
        state, entry = self.devices[name].state, EntryId(self.rng(16))
        parent = state.chain.last_commit
        body = seal_commit(state.session, state.present.keys.door, parent, entry, octets(message))
        return {"id": str(entry), "parent": parent, "body": text(body)}

    def do_goBack(self, name: str) -> Values:
        """A re-sync that was lost: the device goes on from the state before it."""
        device = self.devices[name]
        assert device.before is not None
        device.state, device.before = device.before, None
        return {}

    def do_drop(self, name: str) -> Values:
        self.devices[name].state = drop_pending(self.devices[name].state)
        return {}

    # Doors and the past --------------------------------------------------------------------

    def do_door(self, name: str) -> Values:
        return _upload(door_now(self.devices[name].state, self.rng))

    def do_checkDoor(self, name: str, door: str) -> Values:
        try:
            check_door(self.devices[name].state, octets(door))
        except SealError as error:
            return {"fault": str(error)}
        return {"fault": None}

    def do_takeLetter(self, name: str, letter: str, digests: list[Values]) -> Values:
        device = self.devices[name]
        state = device.state
        history = open_letter(state.invite.box_key, state.session, state.invite.id, octets(letter))
        rows = [_digested(row) for row in digests if row["seq"] > history.start.seq]
        device.state = take_history(state, history, rows)
        return {}

    def do_grants(self, name: str, member: str) -> Values:
        given = grants(self.devices[name].state, MemberId.parse(member), self.rng)
        return {"payloads": [{"type": "history", **each.json()} for each in given]}

    def do_takeGrant(self, name: str, box: str, digests: list[Values]) -> Values:
        device = self.devices[name]
        payload_ = payload.HistoryGrant(device.state.member_id, octets(box))
        history = grant(device.state, payload_)
        rows = [_digested(row) for row in digests if row["seq"] > history.start.seq]
        device.state = take_history(device.state, history, rows)
        return {}

    def do_restore(self, name: str) -> Values:
        device = self.devices[name]
        device.state = decode_state(encode_state(device.state))
        return {}

    def do_summary(self, name: str) -> Values:
        state = self.devices[name].state
        common = {
            "phase": state.phase.value,
            "head": state.chain.head.seq,
            "h": text(state.chain.head.hash),
            "lastCommit": state.chain.last_commit,
            "fork": state.fork,
            "contradictions": [[str(each.member), each.seq] for each in state.contradictions],
            "pending": state.pending is not None,
        }
        if state.phase is not Phase.IN:
            return common
        epoch = state.present
        return {
            **common,
            "epoch": epoch.number,
            "authenticator": text(epoch.group.epoch_authenticator),
            "policy": text(epoch.policy.text),
            "roster": [
                [each.leaf, str(each.id), each.role.value, each.identity.text.decode()]
                for each in epoch.members
            ],
            "used": sorted(map(str, state.used)),
            "code": list(SecurityCode.derive(epoch.keys.code).groups),
            "frame": text(epoch.keys.frame),
        }

    # Calls and files -----------------------------------------------------------------------

    def do_hello(self, name: str) -> Values:
        device = self.devices[name]
        return {"leaf": device.state.me.leaf, "instance": text(device.instance)}

    def do_sealSignal(self, name: str, to: Values | str, payload: Values) -> Values:
        device = self.devices[name]
        device.counter += 1
        recipient = EVERYBODY
        if not isinstance(to, str):
            recipient = Peer(to["leaf"], octets(to["instance"], 8))
        said = signal_payload.decode(json.dumps(payload, separators=(",", ":")).encode())
        assert not isinstance(said, signal_payload.UnsupportedSignal)
        sealed = device.state.check_sending().signals.seal(
            device.state.signature_key,
            Peer(device.state.me.leaf, device.instance),
            recipient,
            device.counter,
            signal_payload.encode(said),
            self.rng,
        )
        return {"signal": text(sealed)}

    def do_openSignal(self, name: str, signal: str, now: int) -> Values:
        device, sealed = self.devices[name], octets(signal)
        epoch = device.state.present
        if epoch_of(sealed) != epoch.number:
            raise PeerRefused("another epoch")
        opened = epoch.signals.open(sealed)
        me = Peer(device.state.me.leaf, device.instance)
        counters = device.counters or Counters(me)
        device.counters = Counters(me, counters.taken).take(opened)
        sender = epoch.member(opened.sender.leaf)
        if opened.sender == me:
            raise PeerRefused("an own signal")
        where = {"leaf": opened.sender.leaf, "instance": text(opened.sender.instance)}
        return {"payload": opened.payload.decode(), "sender": str(sender.id), "from": where}

    def do_sealFrame(self, name: str, context: str, counter: int, plain: str, codec: str) -> Values:
        device = self.devices[name]
        keys: EpochKeys = device.state.present.keys
        place = (octets(context), keys.epoch)
        if place not in device.sealers:
            leaf = device.state.me.leaf
            device.sealers[place] = FrameSealer(
                Codec(codec), place[0], leaf, keys.epoch, keys.frame
            )
        return {"frame": text(device.sealers[place].seal(octets(plain)))}

    def do_openFrame(self, name: str, sealed: str, leaf: int, codec: str) -> Values:
        device = self.devices[name]
        keys = device.state.present.keys
        opener = device.openers.setdefault(
            (leaf, codec), FrameOpener(Codec(codec), leaf, {keys.epoch: keys.frame})
        )
        opener.use({keys.epoch: keys.frame})
        return {"plain": text(opener.open(octets(sealed)))}

    def do_sealPart(self, file: str, key: str, size: int, number: int, plain: str) -> Values:
        seal = FileSeal(FileId.parse(file), FileKey(octets(key)), size)
        return {"part": text(seal.seal_part(number, octets(plain), self.rng))}

    def do_openPart(self, file: str, key: str, size: int, number: int, part: str) -> Values:
        seal = FileSeal(FileId.parse(file), FileKey(octets(key)), size)
        return {"plain": text(seal.open_part(number, octets(part)))}

    def do_invite(self, session: str, fragment: str, passcode: str | None) -> Values:
        secret = InviteSecret(octets(fragment.removesuffix(".p")))
        invite = Invite.derive(SessionId.parse(session), secret, passcode)
        return {
            "id": str(invite.id),
            "accessToken": text(invite.access_token),
            "join": text(invite.join),
            "box": text(invite.box),
        }


def _upload(upload: DoorUpload) -> Values:
    boxes = [{"invite": str(each.invite), "box": text(each.box)} for each in upload.key_boxes]
    letters = [{"invite": str(each.invite), "letter": text(each.letter)} for each in upload.letters]
    door = text(upload.door)
    return {"parent": upload.parent, "door": door, "keyBoxes": boxes, "letters": letters}


def _entry(row: Values) -> Entry:
    kind = Kind[row["kind"].upper()]
    return Entry(row["seq"], kind, row["parent"], EntryId.parse(row["id"]), octets(row["body"]))


def _digested(row: Values) -> Digested:
    kind = Kind[row["kind"].upper()]
    entry, digest = EntryId.parse(row["id"]), octets(row["digest"])
    return Digested(row["seq"], kind, row["parent"], entry, digest)


def _payload(value: Values) -> payload.Payload:
    encoded = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    decoded = payload.decode(encoded)
    if isinstance(decoded, payload.Unsupported):
        raise PeerRefused("an unsupported payload")
    return decoded


def _told(event: EntryEvent) -> list[Any]:
    match event:
        case MessageReceived():
            said = payload.encode(event.payload).decode()
            return ["message", str(event.sender.id), event.time, said]
        case MessageRefused():
            return ["refused", str(event.sender.id), event.time]
        case MessageUnsupported():
            return ["unsupported", str(event.sender.id), event.time, event.type]
        case MessageUnreadable():
            return ["unreadable", event.cause]
        case GroupChanged():
            joined = None if event.joined is None else str(event.joined.id)
            removed = sorted(str(each.id) for each in event.removed)
            return ["commit", str(event.sender.id), event.own, joined, event.resync, removed]
        case SelfRemoved():
            return ["removed-self", event.resync]
        case CommitVoid():
            sender = None if event.sender is None else str(event.sender.id)
            invite = None if event.invite is None else str(event.invite)
            return ["void", str(event.cause), sender, invite]
        case WrongParent():
            return ["wrong-parent"]
        case JoinLost():
            return ["join-lost"]
        case Duplicate():
            return ["duplicate"]
        case Forked():
            return ["forked"]
