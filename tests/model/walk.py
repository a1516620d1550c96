"""Random walks: some steps from the beginning, and from where they led many ways on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.interop.web_peer import WebPeers
from tests.model.rules import Commit, Group, Message
from tests.model.steps import NUMBERS, WEIGHTS, Steps
from tests.model.world import FOUNDER, Device, Mismatch

Step = tuple[str, tuple[int, ...]]
PREFIX, WAY, WAYS = 14, 16, 8
"""Steps to a crossing, steps from it on, and how many ways lead on from each crossing."""

ROUNDS = 8
"""Within so many rounds of reading, posting and mending all must be at rest."""


class Walk(Steps):
    def begin(self) -> None:
        dice = Random(self.prefix)
        self.found(dice.random() < 0.5, dice.choice(["host", "guest"]))
        for link in dice.sample(["guest", "other"], dice.randrange(3)):  # they are in already
            device = self.join(link, dice.random() < 0.5)
            assert device is not None
            self._post(device, 0)
            self.read(self.now.devices[FOUNDER])

    def take_all(self, steps: Sequence[Step], count: Count) -> None:
        for name, numbers in steps:
            said = getattr(self, name)(*numbers)
            if said is not None:
                self.story.append(f"  log at {len(self.now.rows)}: {said}")
                count.steps += 1
                count.taken[name] += 1

    def settle(self) -> None:
        """All come online and nobody lies any more: everything must come out even."""
        for device in self.now.devices.values():
            device.reader.online = True
        for _ in range(ROUNDS):
            if not self._round():
                break
        else:
            raise Mismatch("they do not come to rest")
        self._everybody_is_here()
        self._nobody_reads_what_is_not_theirs()
        self._a_newcomer_gets_in()

    def _round(self) -> bool:
        """Everybody does what is to be done; whether there was anything."""
        before = len(self.now.rows), len(self.now.doors)
        for device in list(self.now.devices.values()):
            self.read(device)
            if device.upload is not None:
                self._post(device, 0)
            while device.outbox and device.reader.may_send():
                self._send(device, 2)
            self.read(device)  # who lost a join goes on from what it had before
            self._remove_liars(device)
        for device in self.now.devices.values():
            self.read(device)
            if self._tends(device):
                self._look(device)
        return (len(self.now.rows), len(self.now.doors)) != before

    def _remove_liars(self, device: Device) -> None:
        reader = device.reader
        gone = frozenset(reader.contradicting)
        if not gone or reader.phase != "in" or reader.forked or reader.pending is not None:
            return
        if self._group.role(device.name) == "host":
            place = (device.name, self._group.began, reader.cursor)
            leaves = [self.leaf(device, each) for each in sorted(gone)]
            self.commit(device, Commit(*place, removes=gone), "commit", {"removes": leaves})
            self._post(device, 0)

    def _everybody_is_here(self) -> None:
        """Nobody stalls: who is in the group is in it by its own state, at the log's end."""
        for device in self.now.devices.values():
            reader, inside = device.reader, device.name in self._group.inside
            if reader.forked:
                continue
            self.expect(f"{device} is in", reader.phase == "in", inside)
            self.expect(f"{device} has read", reader.cursor, self.now.view.head)
            self.expect(f"{device}'s outbox", not device.outbox or not reader.may_send(), True)
        shown = [each for each in self.now.outcomes if each[0] == "message"]
        self.expect("messages shown twice", len(shown) - len(set(shown)), 0)

    def _nobody_reads_what_is_not_theirs(self) -> None:
        """What a device can read again is of the epochs that it was in (§3.4, §5.4)."""
        chats = [row for row in self.now.rows if row["kind"] == "chat"]
        for device in self.now.devices.values():
            again = self.call(device, "reread", entries=chats)["events"]
            for row, event in zip(chats, again, strict=True):
                what = self.now.entries[row["seq"] - 1].what
                began = what.began if isinstance(what, Message) else row["parent"]
                inside = self.now.views[began].group.inside
                if event[0] not in ("unreadable",) and device.name not in inside:
                    raise Mismatch(f"{device} reads entry {row['seq']}: {event}")

    def _a_newcomer_gets_in(self) -> None:
        """While a host is there, whoever has an open link gets in at once, and is heard."""
        hosts = [each for each in self.now.devices.values() if self._tends(each)]
        rules, here = self._group.policy.links, list(self._group.inside.values())
        free = [n for n, rule in rules.items() if rule.open and here.count(n) < rule.devices]
        if not hosts:
            return
        self.expect("the door is right", self.now.posted.door.right(self.now.view), True)
        if not free:
            return
        newcomer = self.join(free[0], len(self.now.rows) % 2 == 0)
        if newcomer is None:
            raise Mismatch(f"nobody gets in by {free[0]}")
        self._post(newcomer, 0)
        self.expect("the newcomer's phase", newcomer.reader.phase, "in")
        self.say(newcomer)
        self._send(newcomer, 2)
        for device in hosts:
            self.read(device)
        self.expect("what the newcomer said", self.now.outcomes[-1][:2], ("message", newcomer.name))

    @property
    def _group(self) -> Group:
        return self.now.view.group


def draw(dice: Random, count: int) -> list[Step]:
    names = dice.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
    return [(name, tuple(dice.randrange(60) for _ in range(NUMBERS[name]))) for name in names]


@dataclass
class Failure:
    seed: str
    steps: list[Step]
    error: Exception
    story: list[str]

    @property
    def kind(self) -> str:
        """Which failure it is, whoever it happens to and where."""
        return type(self.error).__name__ + re.sub(r"[pʷm\d]+", "", str(self.error).split(":")[0])

    def __str__(self) -> str:
        told = "\n".join(self.story)
        return f"{self.seed}: {self.error}\n{told}\nagain with --steps '{write(self.steps)}'"


@dataclass
class Count:
    ways: int = 0
    steps: int = 0
    taken: Counter[str] = field(default_factory=Counter)


def explore(seed: str, web: WebPeers, count: Count) -> Failure | None:
    """A crossing, and the ways on from it."""
    dice, walk = Random(seed), Walk(seed, web)
    before, way = draw(dice, PREFIX), list[Step]()
    try:
        walk.begin()
        walk.take_all(before, count)
        back = walk.mark()
        for _ in range(WAYS):
            back()
            way = draw(dice, WAY)
            walk.take_all(way, count)
            walk.settle()
            count.ways += 1
    except Exception as error:
        return Failure(seed, before + way, error, walk.story)
    finally:
        walk.close()
    return None


def replay(seed: str, steps: Sequence[Step], web: WebPeers) -> Failure | None:
    walk = Walk(seed, web)
    try:
        walk.begin()
        walk.take_all(steps, Count())
        walk.settle()
    except Exception as error:
        return Failure(seed, list(steps), error, walk.story)
    finally:
        walk.close()
    return None


def shrink(failure: Failure, web: WebPeers, tries: int = 200) -> Failure:
    """The same kind of failure after as few steps as can be found."""
    best, size = failure, max(1, len(failure.steps) // 2)
    while size and tries:
        at = 0
        while at < len(best.steps) and tries:
            fewer = best.steps[:at] + best.steps[at + size :]
            again = replay(failure.seed, fewer, web)
            tries -= 1
            if again is not None and again.kind == failure.kind:
                best = again
            else:
                at += size
        size //= 2
    return best


def write(steps: Sequence[Step]) -> str:
    return "; ".join(" ".join((name, *map(str, numbers))) for name, numbers in steps)


def parse(text: str) -> list[Step]:
    words = [each.split() for each in text.split(";") if each.strip()]
    return [(name, tuple(map(int, numbers))) for name, *numbers in words]
