"""One random session between Python and the web client's modules, after each step all agreed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from careseal.e2ee import base64url
from careseal.e2ee.file import PART_SIZE, part_count, part_length
from careseal.e2ee.invite import Invite, Link
from careseal.mls.errors import MLSError
from tests.interop.bad_commits import KINDS, Attacker
from tests.interop.python_peer import PythonPeers
from tests.interop.web_peer import PeerRefused, WebPeers

Values = dict[str, Any]
NOW = 1_800_000_000_000
CODECS = {"vp8": [b"\x10" + bytes(60), b"\x11" + bytes(60)], "opus": [b"", b"opus frame"]}
TEXTS = ["hello", "Grüße 👩‍⚕️", '"\\/\b\f\n\r\t\x00\x1f\x7f\u2028', "x" * 3000, "ﬁ", "\ufeff"]


class Disagreement(AssertionError):
    """The peers do not see the same."""


@dataclass
class Participant:
    name: str
    web: bool
    fragment: str
    cursor: int = 0
    away: bool = False  # does not read the log for a while
    removed: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({'web' if self.web else 'python'})"


@dataclass
class SharedLink:
    fragment: str
    passcode: str | None
    id: str
    open: bool = True


@dataclass
class Log:
    """What the server would hold."""

    entries: list[Values] = field(default_factory=list)
    door: str = ""
    boxes: dict[str, str] = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)

    @property
    def last_commit(self) -> int:
        commits = (row["seq"] for row in reversed(self.entries) if row["kind"] == "commit")
        return next(commits, 0)

    def put(self, upload: Values) -> None:
        self.door = upload["door"]
        self.boxes = {each["invite"]: each["box"] for each in upload["keyBoxes"]}
        letters = upload.get("letters", [])
        self.letters |= {each["invite"]: each["letter"] for each in letters}

    def append(self, kind: str, made: Values, *, forced: bool = False) -> bool:
        if made["parent"] != self.last_commit and not forced:
            return False
        row = {"seq": len(self.entries) + 1, "kind": kind, "at": NOW}
        self.entries.append(row | {name: made[name] for name in ("id", "parent", "body")})
        return True

    def digests(self) -> list[Values]:
        return [
            {name: row[name] for name in ("seq", "kind", "parent", "id")}
            | {"digest": _digest(row["body"])}
            for row in self.entries
        ]


class Scenario:
    """Runs itself from a seed; the steps taken are in `steps`."""

    def __init__(self, seed: str, web: WebPeers) -> None:
        self.dice = Random(seed)
        self.web = web
        self.python = PythonPeers(self.dice.randbytes)
        self.log = Log()
        self.people: list[Participant] = []
        self.links: list[SharedLink] = []
        self.session = ""
        self.steps: list[str] = []
        self.prefix = f"{seed}/"
        self.named = 0
        self.stray = False
        self._next_is_web: bool | None = None

    def run(self, length: int) -> None:
        """Raises `Disagreement`, or whatever a peer should not have raised."""
        self._found()
        self._agree()
        actions: list[tuple[int, Callable[[], None]]] = [
            (4, self._join),
            (3, self._say),
            (1, self._say_at_once),
            (2, self._join_race),
            (2, self._commit_race),
            (2, self._remove),
            (2, self._invite),
            (1, self._close),
            (1, self._retitle),
            (2, self._renew),
            (2, self._go_away),
            (2, self._come_back),
            (2, self._resync),
            (1, self._restore),
            (3, self._signal),
            (2, self._frames),
            (1, self._file),
            (1, self._grant),
            (5, self._bad_commit),
            (2, self._bad_entry),
            (1, self._stray_commit_from_the_web),
            (1, self._look_at_invites),
        ]
        weights = [weight for weight, _ in actions]
        for _ in range(length):
            ((_, action),) = self.dice.choices(actions, weights)
            self.steps.append(action.__name__.strip("_").replace("_", " "))
            action()
            self._agree()
        if self.dice.random() < 0.3:
            self.steps.append("contradict")
            self._contradict()

    def close(self) -> None:
        self.web.call("forget", prefix=self.prefix)

    # Agreement -----------------------------------------------------------------------------

    def _agree(self) -> None:
        """Everybody reads the log to its end and must see the same in it, and come out equal."""
        told: dict[int, list[tuple[Participant, list[Any]]]] = {}
        for person in self._here():
            rows = self.log.entries[person.cursor :]
            answer = self._call(person, "apply", entries=rows, now=NOW)
            if answer["forks"]:
                raise Disagreement(f"{person} found a fork at {answer['forks']}")
            for row, event in zip(rows, answer["events"], strict=True):
                told.setdefault(row["seq"], []).append((person, event))
                person.removed = person.removed or event[0] == "removed-self"
            person.cursor = len(self.log.entries)
        for seq, events in told.items():
            self._agree_on_entry(seq, events)
        self._agree_on_state()
        self._agree_on_door()

    def _agree_on_entry(self, seq: int, events: list[tuple[Participant, list[Any]]]) -> None:
        told = [_comparable(event) for _, event in events]
        seen = {json.dumps(each, sort_keys=True) for each in told if each}
        if len(seen) > 1:
            shown = "\n".join(f"  {person}: {str(event)[:300]}" for person, event in events)
            raise Disagreement(f"entry {seq} is not the same to all:\n{shown}")

    def _agree_on_state(self) -> None:
        summaries = [(person, self._call(person, "summary")) for person in self._here()]
        whole = [(person, each) for person, each in summaries if not person.removed]
        for name in (
            "head", "h", "lastCommit", "epoch", "authenticator", "policy", "roster", "used",
            "code", "frame", "phase",
        ):  # fmt: skip
            seen = {json.dumps(summary[name]) for _, summary in whole}
            if len(seen) > 1:
                shown = "\n".join(f"  {person}: {summary[name]}" for person, summary in whole)
                raise Disagreement(f"{name} is not the same to all:\n{shown}")
        for person, summary in summaries:
            if person.removed and summary["phase"] != "removed":
                raise Disagreement(f"{person} does not know that it was removed")

    def _agree_on_door(self) -> None:
        verdicts = [
            (person, self._call(person, "checkDoor", door=self.log.door)["fault"])
            for person in self._in()
        ]
        if len({fault is None for _, fault in verdicts}) > 1:
            shown = "\n".join(f"  {person}: {fault}" for person, fault in verdicts)
            raise Disagreement(f"the door is not the same to all:\n{shown}")
        # Behind an entry that the server should not have taken, no joiner trusts an older door.
        if self.stray or any(fault is not None for _, fault in verdicts):
            self.stray = False
            self._heal()

    def _heal(self) -> None:
        hosts = self._hosts()
        upload = self._call(self.dice.choice(hosts or self._in()), "door")
        self.log.put(upload)
        for person in self._in():
            fault = self._call(person, "checkDoor", door=self.log.door)["fault"]
            if fault is not None:
                raise Disagreement(f"{person} finds {fault} with a healed door")

    # Coming and going ----------------------------------------------------------------------

    def _found(self) -> None:
        founder = self._new()
        options = [
            {"role": "guest", "label": "patient"},
            {"role": self.dice.choice(["guest", "host"]), "label": "colleague", "devices": 2},
        ]
        made = self._call(founder, "found", title="Visit", invites=options, who=founder.name)
        self.session = made["session"]
        for fragment in made["fragments"]:
            self._know_link(fragment, None)
        founder.fragment = made["fragments"][0]
        self.people.append(founder)
        self.log.put({"parent": 0, **made})
        self._heal()

    def _join(self) -> None:
        joining = self._make_join()
        if joining is None:
            return
        person, made = joining
        if not self.log.append("commit", made):
            raise Disagreement("a join at the log's head was too late")
        self.log.put(made)
        self.people.append(person)
        self._read_letter(person)

    def _make_join(self) -> tuple[Participant, Values] | None:
        """A newcomer whose join is made; None if the link lets nobody in."""
        link, person = self.dice.choice(self.links), self._new()
        box = self.log.boxes.get(link.id)
        if box is None or len(self._in()) > 7:
            return None
        person.fragment = link.fragment
        try:
            made = self._call(
                person,
                "join",
                session=self.session,
                fragment=link.fragment,
                passcode=link.passcode,
                door=self.log.door,
                keyBox=box,
                digests=self.log.digests(),
                lastCommit=self.log.last_commit,
                head=len(self.log.entries),
                who=person.name,
                returning=False,
            )
        except PeerRefused:
            if link.open and self._inside(link) < self._devices(link):
                raise
            return None
        if not link.open or self._inside(link) >= self._devices(link):
            raise Disagreement(f"{person} made a join by a link that lets nobody in")
        person.cursor = len(self.log.entries)
        return person, made

    def _read_letter(self, person: Participant) -> None:
        """The first to come by a link reads what was written since it was made."""
        link = next(each for each in self.links if each.fragment == person.fragment)
        letter = self.log.letters.pop(link.id, None)
        self._agree()
        if letter is None:
            return
        self._call(person, "takeLetter", letter=letter, digests=self.log.digests())
        self._same_past(person)

    def _same_past(self, person: Participant) -> None:
        """What a newcomer can read now of the past is what the others read."""
        rows = [row for row in self.log.entries if row["kind"] == "chat"]
        if not rows:
            return
        mine = self._call(person, "reread", entries=rows)["events"]
        for other in self._in():
            theirs = self._call(other, "reread", entries=rows)["events"]
            for row, one, two in zip(rows, mine, theirs, strict=True):
                readable = _comparable(one) and _comparable(two)
                if readable and _comparable(one) != _comparable(two):
                    raise Disagreement(f"entry {row['seq']} reads {one} to {person}, {two}")

    def _join_race(self) -> None:
        runners = [each for each in (self._make_join(), self._make_join()) if each is not None]
        self.dice.shuffle(runners)
        for number, (person, made) in enumerate(runners):
            taken = self.log.append("commit", made)
            if taken != (number == 0):
                raise Disagreement("two joins in one place")
            if taken:
                self.log.put(made)
                self.people.append(person)
                continue
            rows = self.log.entries[person.cursor :]
            events = self._call(person, "apply", entries=rows, now=NOW)["events"]
            if events[-1] != ["join-lost"]:
                raise Disagreement(f"{person} does not know that its join was lost: {events}")

    def _commit_race(self) -> None:
        first, second = self._one(), self._one()
        if first is second:
            return
        one = self._call(first, "commit", removes=[])
        two = self._call(second, "commit", removes=[])
        self.log.append("commit", one)
        self.log.put(one)
        if self.log.append("commit", two):
            raise Disagreement("two commits in one place")
        self._call(second, "drop")

    def _remove(self) -> None:
        hosts = self._hosts()
        if not hosts:
            return
        host = self.dice.choice(hosts)
        summary = self._call(host, "summary")
        others = [row for row in summary["roster"] if row[0] != self._leaf(host)]
        if not others:
            return
        leaf, _, _, identity = self.dice.choice(others)
        invite = json.loads(identity)["invite"]
        own = next(each for each in summary["roster"] if each[0] == self._leaf(host))
        if self.dice.random() < 0.4 and invite != json.loads(own[3])["invite"]:
            leaves = [r[0] for r in summary["roster"] if json.loads(r[3])["invite"] == invite]
            made = self._call(host, "commit", removes=leaves, without=invite)
            self.links = [link for link in self.links if link.id != invite]
        else:
            made = self._call(host, "commit", removes=[leaf])
        self._post(host, made)

    def _invite(self) -> None:
        hosts = self._hosts()
        if not hosts or len(self.links) > 6:
            return
        host = self.dice.choice(hosts)
        passcode = "blue fish" if not host.web and self.dice.random() < 0.1 else None
        options: Values = {
            "role": self.dice.choice(["guest", "guest", "host"]),
            "label": self.dice.choice(["", "interpreter", "Größe 👩‍⚕️"]),
            "devices": self.dice.choice([1, 2, 4]),
            "history": self.dice.random() < 0.3,
        }
        if passcode is not None:
            options["passcode"] = passcode
        made = self._call(host, "newInvite", options=options)
        self._post(host, made)
        self._know_link(made["fragment"], passcode)

    def _close(self) -> None:
        hosts, open_links = self._hosts(), [link for link in self.links if link.open]
        if hosts and len(open_links) > 2:
            link, host = self.dice.choice(open_links), self.dice.choice(hosts)
            self._post(host, self._call(host, "commit", removes=[], close=link.id))
            link.open = False

    def _retitle(self) -> None:
        if hosts := self._hosts():
            host = self.dice.choice(hosts)
            title = self.dice.choice(["Check-up", "", "Ümlaut"]) + str(len(self.log.entries))
            self._post(host, self._call(host, "commit", removes=[], title=title))

    def _renew(self) -> None:
        person = self._one()
        self._post(person, self._call(person, "commit", removes=[]))

    def _post(self, person: Participant, made: Values) -> None:
        if not self.log.append("commit", made):
            raise Disagreement(f"{person} made a commit for another place than the head")
        self.log.put(made)
        self._agree()
        self.log.put(self._call(person, "door"))

    def _go_away(self) -> None:
        if len(self._in()) > 2:
            self._one().away = True

    def _come_back(self) -> None:
        for person in self.people:
            person.away = False

    def _resync(self) -> None:
        """Somebody who missed the log comes back by a re-sync instead of reading it."""
        away = [person for person in self.people if person.away and not person.removed]
        if not away:
            return
        person = self.dice.choice(away)
        link = next((each for each in self.links if each.fragment == person.fragment), None)
        box = None if link is None else self.log.boxes.get(link.id)
        if link is None or box is None:
            person.away = False
            return
        try:
            made = self._call(
                person,
                "join",
                session=self.session,
                fragment=link.fragment,
                passcode=link.passcode,
                door=self.log.door,
                keyBox=box,
                digests=self.log.digests(),
                lastCommit=self.log.last_commit,
                head=len(self.log.entries),
                who=person.name,
                returning=True,
            )
        except PeerRefused:
            person.away = False  # removed meanwhile: it reads so in the log
            return
        self.log.append("commit", made)
        self.log.put(made)
        person.away, person.cursor = False, len(self.log.entries) - 1

    def _restore(self) -> None:
        for person in self._here():
            self._call(person, "restore")

    # Messages, signals, frames, files ------------------------------------------------------

    def _payload(self) -> Values:
        message = base64url.encode(self.dice.randbytes(16))
        text = self.dice.choice(TEXTS)
        return self.dice.choice(
            [
                {"type": "text", "message": message, "text": text},
                {"type": "text", "text": text, "reply": message, "message": message},
                {"type": "call", "call": message, "event": "ended", "seconds": 61},
                {"type": "receipt", "delivered": 3, "seen": 0},
                {
                    "type": "file",
                    "message": message,
                    "file": message,
                    "key": base64url.encode(self.dice.randbytes(32)),
                    "size": 5,
                    "parts": 1,
                    "name": "röntgen.png",
                    "mime": "image/png",
                    "thumb": base64url.encode(self.dice.randbytes(self.dice.choice([0, 1, 900]))),
                },
            ]
        )

    def _say(self) -> None:
        for _ in range(self.dice.choice([1, 2, 5])):
            person = self._one()
            sealed = self._call(person, "seal", payload=self._payload(), now=NOW)
            self.log.append("chat", sealed)

    def _say_at_once(self) -> None:
        sealed = [
            self._call(person, "seal", payload=self._payload(), now=NOW) for person in self._in()
        ]
        self.dice.shuffle(sealed)
        for each in sealed:
            self.log.append("chat", each)

    def _signal(self) -> None:
        sender, receiver = self._one(), self._one()
        if sender is receiver:
            return
        call = base64url.encode(self.dice.randbytes(16))
        to: Any = self._call(receiver, "hello")
        contexts = [base64url.encode(self.dice.randbytes(5)) for _ in range(3)]
        payloads: list[Values] = [
            {"type": "offer", "call": call, "sdp": "v=0\r\n" * 50, "round": 0},
            {"type": "candidate", "round": 2, "candidate": None, "mid": "", "line": 255},
            {"type": "hangup", "call": call},
            {"type": "media", "audio": True, "video": False, "screen": False, "context": contexts},
            {
                "type": "media",
                "audio": True,
                "video": True,
                "screen": False,
                "context": contexts,
                "paused": True,
            },
            {"type": "hello", "reply": True},
        ]
        payload = self.dice.choice(payloads)
        if payload["type"] in ("candidate", "media"):
            payload["call"] = call
        if payload["type"] == "hello":
            to = "everybody"
        signal = self._call(sender, "sealSignal", to=to, payload=payload)["signal"]
        opened = self._call(receiver, "openSignal", signal=signal, now=NOW)
        if json.loads(opened["payload"]) != payload:
            raise Disagreement(f"{receiver} heard {opened['payload']} from {sender}")
        self._must_refuse(receiver, "openSignal", signal=signal, now=NOW)
        bystanders = [each for each in self._in() if each not in (sender, receiver)]
        if to != "everybody" and bystanders:
            self._must_refuse(self.dice.choice(bystanders), "openSignal", signal=signal, now=NOW)
        changed = bytearray(base64url.decode(signal))
        changed[self.dice.randrange(len(changed))] ^= 1
        broken = base64url.encode(bytes(changed))
        self._must_refuse(receiver, "openSignal", signal=broken, now=NOW)

    def _frames(self) -> None:
        sender, receiver = self._one(), self._one()
        codec = self.dice.choice(sorted(CODECS))
        context = base64url.encode(self.dice.randbytes(5))
        leaf = self._leaf(sender)
        for counter, plain in enumerate(self.dice.choices(CODECS[codec], k=3)):
            frame = {"context": context, "counter": counter, "codec": codec}
            encoded = base64url.encode(plain)
            sealed = self._call(sender, "sealFrame", plain=encoded, **frame)["frame"]
            about = {"leaf": leaf, "codec": codec}
            opened = self._call(receiver, "openFrame", sealed=sealed, **about)["plain"]
            if opened != encoded:
                raise Disagreement(f"{receiver} opened another frame than {sender} sealed")
            self._must_refuse(receiver, "openFrame", sealed=sealed, **about)

    def _file(self) -> None:
        size = self.dice.choice([0, 1, 255, 256, 257, 5000, 100_000, PART_SIZE, PART_SIZE + 3])
        about = {
            "file": base64url.encode(self.dice.randbytes(16)),
            "key": base64url.encode(self.dice.randbytes(32)),
            "size": size,
        }
        one, other = self.dice.sample([True, False], 2)
        for number in range(part_count(size)):
            plain = base64url.encode(bytes([number + 1]) * part_length(size, number))
            part = self._side(one)("sealPart", number=number, plain=plain, **about)["part"]
            opened = self._side(other)("openPart", number=number, part=part, **about)["plain"]
            if opened != plain:
                raise Disagreement(f"part {number} of {size} bytes does not come back")

    def _grant(self) -> None:
        giver, taker = self._one(), self._one()
        if giver is taker:
            return
        member = self._call(taker, "summary")["roster"]
        wanted = next(row[1] for row in member if row[0] == self._leaf(taker))
        try:
            payloads = self._call(giver, "grants", member=wanted)["payloads"]
        except PeerRefused:
            return
        for payload in payloads:
            self.log.append("chat", self._call(giver, "seal", payload=payload, now=NOW))
            digests = self.log.digests()
            self._agree()
            self._call(taker, "takeGrant", box=payload["box"], digests=digests)
        self._same_past(taker)

    def _look_at_invites(self) -> None:
        link = self.dice.choice(self.links)
        about = {"session": self.session, "fragment": link.fragment, "passcode": link.passcode}
        if self.web.call("invite", **about) != self.python.call("invite", **about):
            raise Disagreement("an invite's keys are not the same")

    # What must be called void or tampered alike --------------------------------------------

    def run_bad_commits(self, attacker_is_host: bool) -> set[str]:
        """Every kind of bad commit, once, by one attacker; those that could be made."""
        self._found_with(web=not attacker_is_host)
        guests = self.links[1]
        for web in (False, True, False):
            self._join_by(guests, web)
        hosts = self._hosts()
        members = [p for p in self._in() if not p.web and (p in hosts) == attacker_is_host]
        tried = set()
        for kind in KINDS:
            self.steps.append(kind)
            if self._try_bad_commit(kind, members[0], self.links[0]):
                tried.add(kind)
                self._agree()
        return tried

    def _found_with(self, web: bool) -> None:
        self._next_is_web = web
        self._found()
        self._agree()

    def _join_by(self, link: SharedLink, web: bool) -> None:
        self._next_is_web, self.links = web, [link]
        self._join()
        self._agree()

    def _bad_commit(self) -> None:
        for kind in self.dice.choices(KINDS, k=3):
            members = [person for person in self._in() if not person.web]
            if members:
                self.steps[-1] += f", {kind}"
                self._try_bad_commit(kind, self.dice.choice(members), self.dice.choice(self.links))
                self._agree()

    def _try_bad_commit(self, kind: str, person: Participant, link: SharedLink) -> bool:
        """False if even an attacker cannot make that, here."""
        state = self.python.devices[self._full(person)].state
        attacker = Attacker(state, self._derive(link), self.python.rng, self.dice)
        try:
            made = getattr(attacker, kind)()
        except MLSError:
            return False
        if made is None:
            return False
        if isinstance(made, bytes):
            made = attacker.sealed(made)
        self._must_be_void(made)
        return True

    def _stray_commit_from_the_web(self) -> None:
        """What a changed web client could send: unchecked data and removes."""
        members = [person for person in self._in() if person.web]
        if not members:
            return
        person = self.dice.choice(members)
        summary = self._call(person, "summary")
        host = self._leaf(person) in self._host_leaves(summary)
        others = [row[0] for row in summary["roster"] if row[0] != self._leaf(person)]
        choices: list[Values] = [
            {"removes": [], "seq": len(self.log.entries) + 5, "h": base64url.encode(bytes(64))},
            {"removes": [], "policy": base64url.encode(b"{}")},
        ]
        if not host:
            choices.append({"removes": [], "policy": summary["policy"]})
        if not host and others:
            choices.append({"removes": [self.dice.choice(others)]})
        self._must_be_void(self._call(person, "commitUnchecked", **self.dice.choice(choices)))

    def _must_be_void(self, made: Values) -> None:
        self.log.append("commit", made)
        watched = len(self.log.entries)
        before = {person.name: person.cursor for person in self._here()}
        told = []
        for person in self._here():
            rows = self.log.entries[before[person.name] :]
            answer = self._call(person, "apply", entries=rows, now=NOW)
            told.append((person, answer["events"][-1], answer["forks"]))
            person.cursor = watched
        for person, event, forks in told:
            expected = "void" if not person.removed else event[0]
            if event[0] != expected or forks:
                shown = "\n".join(f"  {each}: {what} {fork}" for each, what, fork in told)
                raise Disagreement(f"a bad commit is not void to all ({person}):\n{shown}")

    def _bad_entry(self) -> None:
        """Chat entries that nobody may take for a message."""
        person = self._one()
        sealed = self._call(person, "seal", payload=self._payload(), now=NOW)
        body = bytearray(base64url.decode(sealed["body"]))
        match self.dice.randrange(6):
            case 0:
                body[self.dice.randrange(len(body))] ^= 1
                self.log.append("chat", {**sealed, "body": base64url.encode(bytes(body))})
            case 1:
                moved = {**sealed, "id": base64url.encode(self.dice.randbytes(16))}
                self.log.append("chat", moved)
            case 2:
                wrong = {**sealed, "parent": max(0, self.log.last_commit - 1)}
                self.log.append("chat", wrong, forced=True)
                self.stray = wrong["parent"] != self.log.last_commit
            case 3:
                self.log.append("chat", {**sealed, "body": ""})
            case 4:
                odd: list[Values] = [
                    {"type": "text", "message": "AA", "text": "x"},
                    {"type": "text", "message": "A" * 22, "text": ""},
                    {"type": "text", "message": "A" * 22, "text": "x", "reply": None},
                    {"type": "text", "message": "A" * 21 + "B", "text": "x"},
                    {"type": "receipt", "delivered": 1},
                    {"type": "leave", "more": 1},
                    {"type": "call", "call": "A" * 22, "event": "paused"},
                    {"type": "poem", "lines": [[[]]]},
                    {"message": "A" * 22},
                ]
                self._say_unchecked(self.dice.choice(odd))
            case 5:
                self._say_unchecked({"type": self.dice.choice(["end", "leave"])})

    def _say_unchecked(self, payload: Values) -> None:
        members = [person for person in self._in() if not person.web]
        if members:
            person = self.dice.choice(members)
            made = self._call(person, "sealUnchecked", payload=payload, now=NOW)
            self.log.append("chat", made)

    def _contradict(self) -> None:
        """Somebody says that it was shown another log: all stop, until a host has removed it."""
        self._come_back()
        self._agree()
        liars = [person for person in self._in() if not person.web]
        if not liars or not self.log.entries:
            return
        liar = self.dice.choice(liars)
        head = self.python.devices[self._full(liar)].state.chain.head
        beyond = self.dice.randrange(3)  # an entry must not know itself, nor what follows
        false = type(head)(head.seq + beyond, self.dice.randbytes(64))
        leaf, hosts = self._leaf(liar), [each for each in self._hosts() if each is not liar]
        said = {"payload": {"type": "typing"}, "now": NOW, "at": false}
        self.log.append("chat", self.python.call("sealUnchecked", name=self._full(liar), **said))
        for each in self._in():
            rows = self.log.entries[each.cursor :]
            forks = self._call(each, "apply", entries=rows, now=NOW)["forks"]
            if forks != [false.seq]:
                raise Disagreement(f"{each} does not see the contradiction: {forks}")
            self._must_refuse(each, "seal", payload=self._payload(), now=NOW)
            self._must_refuse(each, "commit", removes=[])
            each.cursor = len(self.log.entries)
            if self.dice.random() < 0.3:
                self._call(each, "restore")
        if hosts:
            self._end_of_the_contradiction(self.dice.choice(hosts), liar, leaf)

    def _end_of_the_contradiction(self, host: Participant, liar: Participant, leaf: int) -> None:
        others = [each for each in self._in() if each is not liar]
        for each in others:
            if (told := self._call(each, "summary"))["fork"] is not None:
                raise Disagreement(f"{each} blames the server: {told['fork']}")
        self._post(host, self._call(host, "commit", removes=[leaf]))
        liar.removed = True
        self._agree()
        for each in others:
            if (told := self._call(each, "summary"))["contradictions"]:
                raise Disagreement(f"{each} does not go on: {told['contradictions']}")
            self._call(each, "seal", payload=self._payload(), now=NOW)

    # Small things --------------------------------------------------------------------------

    def _must_refuse(self, person: Participant, op: str, **values: Any) -> None:
        try:
            self._call(person, op, **values)
        except (PeerRefused, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "replayed" not in str(error):
                raise
            return
        raise Disagreement(f"{person} did not refuse {op}")

    def _new(self) -> Participant:
        self.named += 1
        web, self._next_is_web = self._next_is_web, None
        return Participant(f"p{self.named}", self.dice.random() < 0.5 if web is None else web, "")

    def _know_link(self, fragment: str, passcode: str | None) -> None:
        about = {"session": self.session, "fragment": fragment, "passcode": passcode}
        self.links.append(SharedLink(fragment, passcode, self.python.call("invite", **about)["id"]))

    def _derive(self, link: SharedLink) -> Invite:
        parsed = Link.parse(f"https://x/telemedicine/{self.session}#{link.fragment}")
        return Invite.derive(parsed.session, parsed.secret, link.passcode)

    def _inside(self, link: SharedLink) -> int:
        roster = self._call(self._in()[0], "summary")["roster"]
        return sum(json.loads(row[3])["invite"] == link.id for row in roster)

    def _devices(self, link: SharedLink) -> int:
        text = base64url.decode(self._call(self._in()[0], "summary")["policy"])
        invites = json.loads(text)["invites"]
        return next((each["devices"] for each in invites if each["id"] == link.id), 0)

    def _here(self) -> list[Participant]:
        return [person for person in self.people if not person.away]

    def _in(self) -> list[Participant]:
        return [person for person in self._here() if not person.removed]

    def _one(self) -> Participant:
        return self.dice.choice(self._in())

    def _hosts(self) -> list[Participant]:
        leaves = self._host_leaves(self._call(self._in()[0], "summary"))
        return [person for person in self._in() if self._leaf(person) in leaves]

    def _host_leaves(self, summary: Values) -> set[int]:
        return {row[0] for row in summary["roster"] if row[2] == "host"}

    def _leaf(self, person: Participant) -> int:
        return int(self._call(person, "hello")["leaf"])

    def _full(self, person: Participant) -> str:
        return self.prefix + person.name

    def _side(self, web: bool) -> Callable[..., Values]:
        return self.web.call if web else self.python.call

    def _call(self, person: Participant, op: str, **values: Any) -> Values:
        return self._side(person.web)(op, name=self._full(person), **values)


def _digest(body: str) -> str:
    return base64url.encode(hashlib.sha512(base64url.decode(body)).digest())


def _comparable(event: list[Any]) -> list[Any] | None:
    """What everybody who can tell must tell alike; None for what only some can."""
    match event:
        case ["message", sender, time, payload]:
            return ["message", sender, time, json.loads(payload)]
        case ["commit", sender, False, joined, resync, removed]:
            return ["commit", sender, joined, resync, removed]
        case ["void", *_]:
            return ["void"]
        case ["commit", _, True, *_] | ["unreadable", "not-ours"] | ["removed-self", *_]:
            return None
    return event
