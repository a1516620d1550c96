"""A session without a network: a log that orders as the server does, and devices that follow."""

from __future__ import annotations

from dataclasses import dataclass, field

from careseal.e2ee.events import EntryEvent
from careseal.e2ee.following import follow
from careseal.e2ee.identifiers import EntryId, MessageId, SessionId
from careseal.e2ee.invite import Invite, new_secret
from careseal.e2ee.joining import Introduction, OpenedDoor, found, join, open_door
from careseal.e2ee.log import Digested, Entry, Kind
from careseal.e2ee.payload import Payload, Text
from careseal.e2ee.policy import Role, Settings
from careseal.e2ee.sending import door_now, drop_pending, make_commit, seal_chat
from careseal.e2ee.state import DoorUpload, SessionState
from careseal.mls.kem import Rng
from tests.unit.e2ee.rng import seeded

NOW = 1_800_000_000_000


@dataclass
class Log:
    """What the server has: entries, the present door, key boxes and letters."""

    entries: list[Entry] = field(default_factory=list)
    upload: DoorUpload | None = None
    letters: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return len(self.entries)

    @property
    def last_commit(self) -> int:
        commits = (entry.seq for entry in reversed(self.entries) if entry.kind is Kind.COMMIT)
        return next(commits, 0)

    def put(self, upload: DoorUpload) -> None:
        self.upload = upload
        self.letters |= {letter.invite: letter.letter for letter in upload.letters}

    def append(self, kind: Kind, entry: EntryId, parent: int, body: bytes) -> Entry | None:
        """The entry, or None where the server would answer 409."""
        if parent != self.last_commit:
            return None
        appended = Entry(self.head + 1, kind, parent, entry, body)
        self.entries.append(appended)
        return appended

    def digests(self, after: int) -> list[Digested]:
        return [entry.digested() for entry in self.entries[after:]]

    def key_box(self, invite: Invite) -> bytes:
        assert self.upload is not None
        return next(each.box for each in self.upload.key_boxes if each.invite == invite.id)


@dataclass
class Device:
    """A member's device: its state, and every event it has seen."""

    log: Log
    state: SessionState
    rng: Rng
    events: list[EntryEvent] = field(default_factory=list)

    def catch_up(self) -> list[EntryEvent]:
        before = len(self.events)
        for entry in self.log.entries[self.state.chain.head.seq :]:
            self.state, events = follow(self.state, entry)
            self.events += events
        return self.events[before:]

    def say(self, text: str) -> Entry | None:
        return self.send(Text(MessageId(self.rng(16)), text))

    def send(self, payload: Payload) -> Entry | None:
        sealed = seal_chat(self.state, payload, NOW, self.rng)
        return self.log.append(Kind.CHAT, sealed.id, sealed.parent, sealed.body)

    def post_pending(self) -> bool:
        """Whether the log took the pending commit; it is followed then, else dropped."""
        pending = self.state.pending
        assert pending is not None
        entry = self.log.append(Kind.COMMIT, pending.entry, pending.upload.parent, pending.body)
        if entry is None:
            self.state = drop_pending(self.state)
            return False
        self.log.put(pending.upload)
        self.catch_up()
        return True

    def commit(self, **changes: object) -> bool:
        self.state = make_commit(self.state, self.rng, **changes)  # type: ignore[arg-type]
        return self.post_pending()

    def heal(self) -> None:
        self.log.put(door_now(self.state, self.rng))


@dataclass
class World:
    """A founded session with one open guest invite."""

    log: Log
    host: Device
    host_invite: Invite
    guest_invite: Invite

    @classmethod
    def begin(cls, seed: str = "world", devices: int = 4) -> World:
        rng = seeded(seed)
        session = SessionId(rng(16))
        host, guest = (Invite.derive(session, new_secret(rng)) for _ in range(2))
        rules = (
            host.policy_entry(Role.HOST, 0, devices=devices),
            guest.policy_entry(Role.GUEST, 0, devices=devices),
        )
        introduction = Introduction("Dr Roe", "laptop")
        state, upload = found(host, rules, Settings("Visit"), introduction, rng)
        log = Log()
        log.put(upload)
        return cls(log, Device(log, state, rng), host, guest)

    def open(self, invite: Invite) -> OpenedDoor:
        assert self.log.upload is not None
        return open_door(invite, self.log.upload.door, self.log.key_box(invite))

    def joining(self, invite: Invite, name: str = "Ann") -> Device:
        """A device whose join is made but not posted."""
        rng = seeded(f"{name} {self.log.head}")
        opened = self.open(invite)
        digests = self.log.digests(opened.position.seq)
        introduction = Introduction(name, "phone")
        state = join(opened, digests, self.log.head, self.log.last_commit, introduction, rng)
        return Device(self.log, state, rng)

    def join(self, invite: Invite | None = None, name: str = "Ann") -> Device:
        device = self.joining(invite or self.guest_invite, name)
        assert device.post_pending()
        return device
