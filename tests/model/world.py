"""A server and real devices of both languages, moved in step with the model of `rules`."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from careseal.e2ee import base64url
from careseal.e2ee.commit import seal_commit
from careseal.e2ee.identifiers import EntryId
from careseal.e2ee.invite import Invite, Link
from careseal.e2ee.message import seal_message
from tests.interop.bad_commits import Attacker
from tests.interop.python_peer import PythonPeers
from tests.interop.web_peer import PeerRefused, WebPeers
from tests.model.rules import (
    Commit,
    Door,
    Entry,
    Group,
    Message,
    Outcome,
    Policy,
    Reader,
    View,
    read,
    valid,
)
from tests.model.rules import Link as Rule

Values = dict[str, Any]
NOW = 1_800_000_000_000
FOUNDER = "p1"


class Mismatch(AssertionError):
    """Real devices do not do what the protocol says."""


@dataclass
class Posted:
    """A door at the server: what lies there, and what the model knows of it."""

    door: Door
    bytes: str
    boxes: dict[str, str]


@dataclass
class Draft:
    """A message in an outbox: to be posted as it is, after 409 sealed anew."""

    what: Message
    sealed: Values


@dataclass
class Device:
    reader: Reader
    web: bool
    upload: Values | None = None  # of the pending commit, as it will be posted
    before: Reader | None = None  # while a re-sync is on its way
    outbox: list[Draft] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.reader.name

    def __str__(self) -> str:
        return f"{self.name}{'ʷ' if self.web else ''}"


@dataclass
class Now:
    """All that changes, but for what the devices themselves keep."""

    views: list[View] = field(default_factory=list)  # after each entry
    entries: list[Entry] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    rows: list[Values] = field(default_factory=list)  # the entries as the server has them
    devices: dict[str, Device] = field(default_factory=dict)
    doors: list[Posted] = field(default_factory=list)  # the last one is the one that is there
    links: dict[str, tuple[str, str]] = field(default_factory=dict)  # fragment and invite id
    members: dict[str, str] = field(default_factory=dict)  # member id: device
    secrets: dict[int, tuple[str, str]] = field(default_factory=dict)  # by seq where they began
    salts: dict[str, str] = field(default_factory=dict)  # entry id or door's salt: what it sealed
    astray: set[str] = field(default_factory=set)  # ids of entries taken for another place
    counted: int = 0
    stray: int = 0  # seq of the last entry that no honest server takes

    @property
    def view(self) -> View:
        return self.views[-1]

    @property
    def posted(self) -> Posted:
        return self.doors[-1]


class World:
    def __init__(self, seed: str, web: WebPeers) -> None:
        self.dice = Random(seed)
        self.web, self.python = web, PythonPeers(self.dice.randbytes)
        self.prefix, self.session = f"{seed}/", ""
        self.now = Now()
        self.story: list[str] = []

    # Snapshots -------------------------------------------------------------------------------

    def mark(self) -> Callable[[], None]:
        """What leads back to here."""
        kept, story = copy.deepcopy(self.now), list(self.story)
        python = {name: replace(each) for name, each in self.python.devices.items()}
        self.web.call("mark", prefix=self.prefix)

        def back() -> None:
            self.now, self.story = copy.deepcopy(kept), list(story)
            self.python.devices = {name: replace(each) for name, each in python.items()}
            self.web.call("recall", prefix=self.prefix)

        return back

    def close(self) -> None:
        self.web.call("forget", prefix=self.prefix)

    # Devices ---------------------------------------------------------------------------------

    def call(self, device: Device, op: str, **values: Any) -> Values:
        side = self.web.call if device.web else self.python.call
        return side(op, name=self.prefix + device.name, **values)

    def refuses(self, device: Device, op: str, **values: Any) -> bool:
        try:
            self.call(device, op, **values)
        except PeerRefused:
            return True
        return False

    def expect(self, what: str, told: object, expected: object) -> None:
        if told != expected:
            raise Mismatch(f"{what}: {told}, expected {expected}")

    def found(self, web: bool, other_role: str) -> None:
        founder = Device(Reader(FOUNDER, "host", "in"), web)
        options = [
            {"role": "guest", "label": "guest", "devices": 2},
            {"role": other_role, "label": "other", "devices": 1},
        ]
        made = self.call(founder, "found", title="Visit", invites=options, who=FOUNDER)
        self.session = made["session"]
        names = ["host", "guest", "other"]
        for name, fragment in zip(names, made["fragments"], strict=True):
            self.know_link(name, fragment)
        rules = {"host": Rule("host", 4), "guest": Rule("guest", 2)}
        rules["other"] = Rule("host" if other_role == "host" else "guest", 1)
        group = Group(0, 0, 0, Policy(rules, "Visit"), {FOUNDER: "host"}, frozenset({"host"}))
        self.now.views.append(View(0, 0, group))
        self.now.devices[FOUNDER] = founder
        self.put_door(Door(group, True, 0), made)
        self.compare(founder)

    def know_link(self, name: str, fragment: str) -> None:
        about = {"session": self.session, "fragment": fragment, "passcode": None}
        self.now.links[name] = fragment, self.python.call("invite", **about)["id"]

    def invite(self, link: str) -> Invite:
        parsed = Link.parse(f"https://x/telemedicine/{self.session}#{self.now.links[link][0]}")
        return Invite.derive(parsed.session, parsed.secret, None)

    # The server's rule -----------------------------------------------------------------------

    def post(self, what: Commit | Message, row: Values) -> bool:
        """§4: an entry gets in if its parent is right, or if it is there. False is a 409."""
        if any(each["id"] == row["id"] for each in self.now.rows):
            return True
        if row["parent"] != self.now.view.last_commit:
            return False
        self.append(what, row)
        return True

    def append(self, what: Commit | Message, row: Values) -> None:
        """Without the rule; an honest server calls it by `post` only."""
        seq, kind = len(self.now.rows) + 1, "commit" if isinstance(what, Commit) else "chat"
        entry = Entry(seq, row["parent"], what)
        view, outcome = read(self.now.view, entry)
        self.now.entries.append(entry)
        self.now.views.append(view)
        self.now.outcomes.append(outcome)
        if outcome[0] == "wrong-parent":
            self.now.stray = seq
        kept = {name: row[name] for name in ("id", "parent", "body")}
        self.now.rows.append({"seq": seq, "kind": kind, "at": NOW, **kept})
        self.sealed(row["id"], row["body"])

    def post_commit(self, device: Device) -> bool:
        """A commit with the door of the epoch that it begins, in one transaction."""
        commit, upload = device.reader.pending, device.upload
        assert commit is not None
        assert upload is not None
        length = len(self.now.rows)
        if not self.post(commit, upload):
            return False
        if len(self.now.rows) > length:
            group = self.now.view.group
            self.put_door(Door(group, False, commit.at), upload)
        return True

    def put_door(self, door: Door, upload: Values) -> None:
        boxes = {each["invite"]: each["box"] for each in upload["keyBoxes"]}
        self.now.doors.append(Posted(door, upload["door"], boxes))
        self.sealed(upload["door"][:21], upload["door"])
        if door.of is not None:
            names = {invite: name for name, (_, invite) in self.now.links.items()}
            told = sorted(names[each] for each in boxes)
            self.expect("key boxes", told, sorted(filter(door.of.has_box, door.of.policy.links)))

    def sealed(self, salt: str, what: str) -> None:
        """Key and nonce come from an epoch's secret and the salt: one salt, one text (§1.5)."""
        before = self.now.salts.setdefault(salt, what)
        if before != what:
            raise Mismatch(f"two texts are sealed with the salt {salt}")

    def digests(self) -> list[Values]:
        return [
            {name: row[name] for name in ("seq", "kind", "parent", "id")}
            | {"digest": _digest(row["body"])}
            for row in self.now.rows
        ]

    # Coming in -------------------------------------------------------------------------------

    def join(self, link: str, web: bool, returning: Device | None = None) -> Device | None:
        """A join or re-sync, kept but not posted; None if the door lets nobody in."""
        if returning is None:
            self.now.counted += 1
            device = Device(Reader(f"p{self.now.counted + 1}", link), web)
        else:
            device = returning
        here, view = self.now.posted, self.now.view
        fragment, invite = self.now.links[link]
        may = self._may_join(here.door, device, link, returning is not None)
        box = here.boxes.get(invite)
        if box is None:
            if may:
                raise Mismatch(f"there is no key box for {link}")
            return None
        about = {"session": self.session, "fragment": fragment, "passcode": None}
        at = {"digests": self.digests(), "lastCommit": view.last_commit, "head": view.head}
        door = {"door": here.bytes, "keyBox": box, "returning": returning is not None}
        try:
            made = self.call(device, "join", **about, **at, **door, who=device.name)
        except PeerRefused as error:
            if may:
                raise Mismatch(f"{device} cannot join: {error}") from error
            return None
        if not may:
            raise Mismatch(f"{device} made a join where nobody is let in")
        reader = device.reader
        device.before = None if returning is None else copy.deepcopy(reader)
        reader.phase, reader.cursor = "joining", view.head
        assert here.door.of is not None
        reader.pending = Commit(device.name, here.door.of.began, view.head, link)
        device.upload = made
        self.now.devices[device.name] = device
        return device

    def _may_join(self, door: Door, device: Device, link: str, returning: bool) -> bool:
        if not door.fits(self.now.entries, self.now.view.last_commit):
            return False
        assert door.of is not None
        if returning and device.name not in door.of.inside:
            return False  # a re-sync of who was removed
        commit = Commit(device.name, door.of.began, 0, link)
        return door.of.has_box(link) and valid(door.of, commit)

    # Reading ---------------------------------------------------------------------------------

    def read(self, device: Device, count: int | None = None) -> None:
        """The next entries; each must be to the device what it is by the rules."""
        reader = device.reader
        was_joining = reader.phase == "joining"
        end = None if count is None else reader.cursor + count
        rows = self.now.rows[reader.cursor : end]
        answer = self.call(device, "apply", entries=rows, now=NOW)
        for row, event in zip(rows, answer["events"], strict=True):
            seq = row["seq"]
            own = device.upload is not None and device.upload["id"] == row["id"]
            before, after = self.now.views[seq - 1], self.now.views[seq]
            self._learn_names(device)
            outcome = self.now.outcomes[seq - 1]
            expected = reader.read(before, after, self.now.entries[seq - 1], outcome, own)
            self.expect(f"entry {seq} to {device}", self._told(event, own), _plain(expected, own))
            if isinstance(self.now.entries[seq - 1].what, Message):
                device.outbox = [d for d in device.outbox if d.sealed["id"] != row["id"]]
        if was_joining and reader.phase == "lost":
            self.lost(device)
        elif reader.pending is None:
            device.upload = None
        self.compare(device)

    def lost(self, device: Device) -> None:
        """Another commit came before a join: a newcomer starts again, a re-sync never was."""
        device.upload = None
        if device.before is not None:
            self.call(device, "goBack")
            device.reader, device.before = device.before, None

    def _learn_names(self, device: Device) -> None:
        for each in self.call(device, "summary").get("roster", ()):
            self.now.members.setdefault(each[1], json.loads(each[3])["name"])

    def _told(self, event: list[Any], own: bool) -> list[Any]:
        name = self.now.members.get
        match event:
            case ["message", sender, _, said]:
                return ["message", name(sender), json.loads(said)["text"]]
            case ["refused", sender, _]:
                return ["refused", name(sender)]
            case ["commit", sender, told_own, joined, resync, removed]:
                self.expect("whose commit it is", told_own, own)
                gone = [] if own else sorted(name(each, "") for each in removed)
                return ["commit", name(sender), name(joined), resync, gone]
            case ["void", *_]:
                return ["void"]
        return event

    def compare(self, device: Device) -> None:
        """What a device keeps is what the rules say of its place in the log."""
        reader, told = device.reader, self.call(device, "summary")
        self.expect(f"{device}'s place", told["head"], reader.cursor)
        real_phase = {"lost": "joining"}.get(reader.phase, reader.phase)
        self.expect(f"{device}'s phase", told["phase"], real_phase)
        self.expect(f"{device}'s fork", told["fork"] is not None, reader.forked)
        if reader.phase != "in":
            return
        self._learn_names(device)
        names = {self.now.members[member] for member, _ in told["contradictions"]}
        self.expect(f"{device} blames", names, reader.contradicting)
        view = self.now.views[reader.cursor]
        group = view.group
        self.expect(f"{device}'s last commit", told["lastCommit"], view.last_commit)
        self.expect(f"{device}'s epoch", told["epoch"], group.epoch)
        self.expect(f"{device} has a pending", told["pending"], reader.pending is not None)
        here = {json.loads(row[3])["name"]: row[2] for row in told["roster"]}
        self.expect(f"{device}'s roster", here, {each: group.role(each) for each in group.inside})
        policy = json.loads(base64url.decode(told["policy"]))
        links = {
            each["id"]: (each["role"], each["devices"], each["open"]) for each in policy["invites"]
        }
        rules = {
            self.now.links[n][1]: (r.role, r.devices, r.open) for n, r in group.policy.links.items()
        }
        self.expect(f"{device}'s policy", links, rules)
        self.expect(f"{device}'s title", policy["settings"]["title"], group.policy.title)
        used = sorted(self.now.links[each][1] for each in group.used)
        self.expect(f"{device}'s used links", told["used"], used)
        secret = self.now.secrets.setdefault(group.began, (told["authenticator"], told["frame"]))
        self.expect(f"{device}'s secrets", (told["authenticator"], told["frame"]), secret)

    # Writing ---------------------------------------------------------------------------------

    def leaf(self, device: Device, name: str) -> int:
        roster = self.call(device, "summary")["roster"]
        return next(int(row[0]) for row in roster if json.loads(row[3])["name"] == name)

    def commit(self, device: Device, change: Commit, op: str, values: Values) -> bool:
        """A pending commit, kept but not posted; whether the rules let it out."""
        reader = device.reader
        group = self.now.views[reader.cursor].group
        may = reader.may_send(change.removes) and valid(group, change)
        try:
            made = self.call(device, op, **values)
        except PeerRefused as error:
            if may:
                raise Mismatch(f"{device} does not commit: {error}") from error
            return False
        if not may:
            raise Mismatch(f"{device} makes a commit that is void")
        if op == "newInvite":
            self.know_link(values["options"]["label"], made["fragment"])
        reader.pending, device.upload = change, made
        return True

    def say(self, device: Device, allowed: bool = True) -> Draft | None:
        """A sealed message, not posted; None if nothing is sent now."""
        reader = device.reader
        view = self.now.views[reader.cursor]
        self.now.counted += 1
        place = (device.name, view.group.began, f"m{self.now.counted}", reader.cursor)
        message = Message(*place, allowed)
        draft = self.seal(device, message)
        if draft is not None:
            device.outbox.append(draft)
        return draft

    def seal(self, device: Device, message: Message) -> Draft | None:
        said = base64url.encode(hashlib.sha256(message.id.encode()).digest()[:16])
        payload: Values = {"type": "text", "message": said, "text": message.id}
        op = "seal"
        if not message.allowed:
            op, payload = "sealUnchecked", {"type": "end"}
        if op == "seal" and not device.reader.may_send():
            if not self.refuses(device, op, payload=payload, now=NOW):
                raise Mismatch(f"{device} writes where it must not")
            return None
        return Draft(message, self.call(device, op, payload=payload, now=NOW))

    # What only a changed client or a former member does ----------------------------------------

    def attacker(self, device: Device) -> Attacker:
        state = self.python.devices[self.prefix + device.name].state
        return Attacker(state, state.invite, self.python.rng, self.dice)

    def force_commit(self, attacker: Attacker, message: bytes) -> Values:
        """Sealed under the key that the attacker has, behind the log's last commit."""
        state, entry = attacker.state, EntryId(attacker.rng(16))
        parent = self.now.view.last_commit
        body = seal_commit(state.session, state.present.keys.door, parent, entry, message)
        return {"id": str(entry), "parent": parent, "body": base64url.encode(body)}

    def force_message(self, device: Device, message: Message) -> Values:
        """Sealed under the keys of whatever epoch the device is in, behind the last commit."""
        state = self.python.devices[self.prefix + device.name].state
        entry, parent = EntryId(self.python.rng(16)), self.now.view.last_commit
        at, text = (
            state.chain.head,
            json.dumps({"type": "text", "message": "A" * 22, "text": message.id}),
        )
        if message.false:
            at = replace(at, hash=self.python.rng(64))
        body = seal_message(
            state.session,
            state.present.record,
            state.me.leaf,
            state.signature_key,
            parent,
            entry,
            at,
            NOW,
            text.replace(" ", "").encode(),
        )
        return {"id": str(entry), "parent": parent, "body": base64url.encode(body)}


def _plain(outcome: Outcome, own: bool) -> list[object]:
    plain: list[object] = [list(each) if isinstance(each, tuple) else each for each in outcome]
    if plain[0] == "commit" and own:
        plain[-1] = []
    return plain


def _digest(body: str) -> str:
    return base64url.encode(hashlib.sha512(base64url.decode(body)).digest())
