"""What can happen next: each step takes numbers that choose among what is there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from careseal.e2ee import base64url
from careseal.e2ee.commit import CommitData
from careseal.e2ee.invite import Invite, new_secret
from careseal.e2ee.policy import Settings
from careseal.mls.errors import MLSError
from careseal.mls.proposal import Remove
from tests.interop.bad_commits import Attacker
from tests.model.rules import Commit, Door, Group, Link, Message, Policy, valid
from tests.model.world import Device, Draft, Mismatch, Posted, Values, World

T = TypeVar("T")
CROWD = 6
"""Devices in the group at most, so that steps stay fast."""


class Steps(World):
    """Each method without a leading underscore in `KINDS` is a step; it says what it did.

    None: there was nothing to do it to.
    """

    # Coming, going and coming back -----------------------------------------------------------

    def open_a_link(self, link: int, web: int) -> str | None:
        name = _one(list(self.now.links), link)
        if name is None or len(self.now.view.group.inside) >= CROWD:
            return None
        device = self.join(name, bool(web % 2))
        return f"{device} makes a join by {name}" if device else f"{name} lets nobody in"

    def try_again(self, who: int) -> str | None:
        """A re-sync, of anybody that was in; who was removed gets none."""
        device = self._some(who, lambda d: _was_in(d) and not d.upload and not d.reader.forked)
        if device is None:
            return None
        made = self.join(device.reader.link, device.web, returning=device)
        return f"{device} makes a re-sync" if made else f"{device} cannot come back"

    def go_away(self, who: int) -> str | None:
        device = self._some(who, lambda d: d.reader.online and d.name != "p1")
        if device is None:
            return None
        device.reader.online = False
        return f"{device} goes away"

    def come_back(self, who: int) -> str | None:
        device = self._some(who, lambda d: not d.reader.online)
        if device is None:
            return None
        device.reader.online = True
        return f"{device} comes back"

    def crash(self, who: int) -> str | None:
        """What is not kept is gone: what was kept is all that a device goes on with."""
        device = self._some(who)
        if device is None:
            return None
        self.call(device, "restore")
        self.compare(device)
        return f"{device} starts again from what it kept"

    # Reading and writing ---------------------------------------------------------------------

    def read_on(self, who: int, count: int) -> str | None:
        device = self._some(who, self._behind)
        if device is None:
            return None
        self.read(device, None if count % 3 == 0 else count % 3)
        return f"{device} reads up to {device.reader.cursor}"

    def write(self, who: int) -> str | None:
        device = self._some(who, _inside)
        if device is None:
            return None
        draft = self.say(device)
        return f"{device} writes {draft.what.id}" if draft else f"{device} does not write"

    def send(self, who: int, lost: int) -> str | None:
        """Posts the oldest of an outbox; the acknowledgement may be lost, or be a lie."""
        device = self._some(who, lambda d: bool(d.outbox) and d.reader.may_send())
        return None if device is None else self._send(device, lost)

    def _send(self, device: Device, lost: int) -> str:
        draft = device.outbox[0]
        taken = self.post(draft.what, draft.sealed)
        said = f"{device} posts {draft.what.id}"
        if taken and lost % 3 == 0:
            return f"{said}, which is taken and not acknowledged"
        if taken:
            device.outbox.pop(0)
            return f"{said}, which is taken"
        self.read(device)
        if draft in device.outbox:
            self._seal_again(device, draft)
        return f"{said}, and is told 409"

    def _seal_again(self, device: Device, draft: Draft) -> None:
        device.outbox.remove(draft)
        if _inside(device):
            group = self._group_of(device)
            what = replace(draft.what, began=group.began, at=device.reader.cursor)
            again = self.seal(device, what)
            device.outbox[:0] = [] if again is None else [again]

    # Commits ---------------------------------------------------------------------------------

    def renew(self, who: int) -> str | None:
        return self._commit(who, "renews the epoch", lambda d, g: (Commit("", 0, 0), {}))

    def remove(self, who: int, whom: int) -> str | None:
        def change(device: Device, group: Group) -> tuple[Commit, Values] | None:
            blamed = sorted(device.reader.contradicting)
            gone = _one(blamed or [each for each in group.inside if each != device.name], whom)
            if gone is None:
                return None
            removes = {"removes": [self.leaf(device, gone)]}
            return Commit("", 0, 0, removes=frozenset({gone})), removes

        return self._commit(who, "removes somebody", change)

    def remove_a_participant(self, who: int, which: int) -> str | None:
        def change(device: Device, group: Group) -> tuple[Commit, Values] | None:
            own = group.inside[device.name]
            link = _one([each for each in group.policy.links if each != own], which)
            if link is None:
                return None
            gone = [each for each in group.inside if group.inside[each] == link]
            left = {name: rule for name, rule in group.policy.links.items() if name != link}
            leaves = [self.leaf(device, each) for each in gone]
            policy = replace(group.policy, links=left)
            commit = Commit("", 0, 0, removes=frozenset(gone), policy=policy)
            return commit, {"removes": leaves, "without": self.now.links[link][1]}

        return self._commit(who, "removes a participant", change)

    def close_a_link(self, who: int, which: int) -> str | None:
        def change(device: Device, group: Group) -> tuple[Commit, Values] | None:
            still = [each for each, rule in group.policy.links.items() if rule.open]
            link = _one(still, which)
            if link is None:
                return None
            closed = {link: replace(group.policy.links[link], open=False)}
            policy = replace(group.policy, links={**group.policy.links, **closed})
            return Commit("", 0, 0, policy=policy), {"close": self.now.links[link][1]}

        return self._commit(who, "closes a link", change)

    def retitle(self, who: int) -> str | None:
        def change(device: Device, group: Group) -> tuple[Commit, Values]:
            title = f"Visit {len(self.now.rows)}"
            return Commit("", 0, 0, policy=replace(group.policy, title=title)), {"title": title}

        return self._commit(who, "changes the title", change)

    def make_a_link(self, who: int, role: int, devices: int) -> str | None:
        def change(device: Device, group: Group) -> tuple[Commit, Values]:
            self.now.counted += 1
            rule = Link("host" if role % 3 == 0 else "guest", 1 + devices % 2)
            name = f"link{self.now.counted}"
            links = {**group.policy.links, name: rule}
            options = {"role": rule.role, "label": name, "devices": rule.devices}
            policy = replace(group.policy, links=links)
            return Commit("", 0, 0, policy=policy), {"options": options}

        return self._commit(who, "makes a link", change)

    def _commit(
        self,
        who: int,
        said: str,
        change: Callable[[Device, Group], tuple[Commit, Values] | None],
    ) -> str | None:
        device = self._some(who, lambda d: _inside(d) and d.reader.pending is None)
        if device is None:
            return None
        group = self._group_of(device)
        made = change(device, group)
        if made is None:
            return None
        place = {"by": device.name, "leaves": group.began, "at": device.reader.cursor}
        commit, values = replace(made[0], **place), made[1]  # type: ignore[arg-type]
        op = "newInvite" if "options" in values else "commit"
        values = values if op == "newInvite" else {"removes": [], **values}
        done = self.commit(device, commit, op, values)
        return f"{device} {said}" if done else f"{device} may not: {said}"

    def post_a_commit(self, who: int, lost: int) -> str | None:
        """Joins too. After 409 it reads what came first, and that settles it (§3.7)."""
        device = self._some(who, lambda d: d.upload is not None)
        return None if device is None else self._post(device, lost)

    def _post(self, device: Device, lost: int) -> str:
        taken = self.post_commit(device)
        if taken and lost % 2:
            return f"{device} posts its commit, which is taken and not acknowledged"
        self.read(device)
        if taken and device.upload is not None and device.upload["id"] not in self.now.astray:
            raise Mismatch(f"{device} does not adopt its commit")
        if device.upload is not None:  # it, or what came first, has a wrong parent
            joining = device.reader.phase == "joining"
            device.reader.pending = None
            if joining:
                device.reader.phase = "lost"
                self.lost(device)
            else:
                self.call(device, "drop")
                device.upload = None
        return f"{device} posts its commit, which is {'taken' if taken else 'too late'}"

    # Doors -----------------------------------------------------------------------------------

    def look_after_the_door(self, who: int) -> str | None:
        device = self._some(who, self._tends)
        return None if device is None else self._look(device)

    def _look(self, device: Device) -> str:
        door, view = self.now.posted.door, self.now.view
        fault = self.call(device, "checkDoor", door=self.now.posted.bytes)["fault"]
        self.expect(f"the door is right to {device} ({fault})", fault is None, door.right(view))
        # Behind an entry with a wrong parent, no joiner trusts an older door.
        if fault is None and door.at >= self.now.stray:
            return f"{device} finds the door right"
        self._put(device)
        return f"{device} mends the door"

    def _put(self, device: Device) -> None:
        view = self.now.view
        self.put_door(Door(view.group, True, view.head), self.call(device, "door"))
        fault = self.call(device, "checkDoor", door=self.now.posted.bytes)["fault"]
        self.expect(f"{device}'s own door", fault, None)

    def spoil_the_door(self, who: int, how: int) -> str | None:
        """A member who has read the last commit may put anything: garbage, or an old door."""
        device = self._some(who, lambda d: _inside(d) and not self._behind_a_commit(d))
        if device is None:
            return None
        if how % 2:
            old = self.now.doors[how // 2 % len(self.now.doors)]
            self.now.doors.append(Posted(old.door, old.bytes, old.boxes))
            return f"{device} puts an old door"
        garbage = base64url.encode(self.python.rng(288))
        self.now.doors.append(Posted(Door(None), garbage, self.now.posted.boxes))
        return f"{device} puts a door of garbage"

    # What is void ----------------------------------------------------------------------------

    def post_a_void_commit(self, who: int, how: int) -> str | None:
        """Of a changed client, in its present epoch or in one that is over."""
        kinds = [self._guests_removal, self._own_policy, self._stranger, self._garbage, self._plain]
        kind = kinds[how % len(kinds)]

        def able(device: Device) -> bool:
            if not _inside(device) or device.web:
                return False
            guest = self._group_of(device).role(device.name) == "guest"
            return guest or kind != self._guests_removal

        device = self._some(who, able, online=False)
        if device is None:
            return None
        if kind == self._guests_removal:  # its role is all that is wrong
            self.read(device)
            if not able(device):
                return None
        group, attacker = self._group_of(device), self.attacker(device)
        try:
            made = kind(device, group, attacker)
        except MLSError:
            return None
        if made is None:
            return None
        commit, message = made
        commit = replace(commit, by=commit.by or device.name, leaves=group.began)
        self.append(commit, self.force_commit(attacker, message))
        self.expect("a void commit", self.now.outcomes[-1], ("void",))
        return f"{device} posts a commit that is void"

    def _guests_removal(
        self, device: Device, group: Group, attacker: Attacker
    ) -> tuple[Commit, bytes] | None:
        others = [each for each in group.inside if each != device.name]
        if not others:
            return None
        message = attacker.member_commit((Remove(self.leaf(device, others[0])),))
        return Commit("", 0, 0, removes=frozenset(others[:1])), message

    def _own_policy(
        self, device: Device, group: Group, attacker: Attacker
    ) -> tuple[Commit, bytes] | None:
        """A guest's, or a host's that leaves somebody's link out who is in."""
        policy = attacker.state.present.policy
        if group.role(device.name) == "guest":
            changed, named = policy.with_settings(Settings("mine")), Policy({}, "mine")
        else:
            others = set(group.inside.values()) - {group.inside[device.name]}
            if not others:
                return None
            gone = next(each for each in policy.invites if str(each.id) == self._id(min(others)))
            changed, named = policy.without(frozenset({gone.id})), Policy({}, "")
        data = CommitData(attacker.head, policy=changed.text)
        return Commit("", 0, 0, policy=named), attacker.member_commit(data=data)

    def _stranger(
        self, device: Device, group: Group, attacker: Attacker
    ) -> tuple[Commit, bytes] | None:
        """A join by a link that is closed, or full, or none of the session's."""
        for name in self.now.links:
            commit = Commit("a stranger", group.began, 0, name)
            if not valid(group, commit):
                invite = self.invite(name)
                return commit, attacker.external_commit(invite=invite)
        own = Invite.derive(attacker.state.session, new_secret(self.python.rng))
        return Commit("", 0, 0, "none"), attacker.external_commit(invite=own)

    def _garbage(
        self, device: Device, group: Group, attacker: Attacker
    ) -> tuple[Commit, bytes] | None:
        return Commit("", 0, 0, garbage=True), attacker.one_changed_bit()

    def _plain(
        self, device: Device, group: Group, attacker: Attacker
    ) -> tuple[Commit, bytes] | None:
        """Nothing is wrong with it but that its epoch is over."""
        if group.began == self.now.view.group.began:
            return None
        return Commit("", 0, 0), attacker.member_commit()

    def write_under_an_old_epoch(self, who: int) -> str | None:
        device = self._some(
            who, lambda d: _inside(d) and not d.web and self._behind_a_commit(d), online=False
        )
        if device is None:
            return None
        began = self._group_of(device).began
        message = Message(device.name, began, f"old{len(self.now.rows)}", device.reader.cursor)
        self.append(message, self.force_message(device, message))
        return f"{device} writes under the keys of an epoch that may be over"

    def say_what_is_for_hosts(self, who: int) -> str | None:
        guests = self.now.view.group
        device = self._some(
            who,
            lambda d: (
                _inside(d) and not self._behind_a_commit(d) and guests.role(d.name) == "guest"
            ),
        )
        if device is None:
            return None
        draft = self.say(device, allowed=False)
        assert draft is not None
        device.outbox.remove(draft)
        self.post(draft.what, draft.sealed)
        return f"{device} says what only hosts say"

    # Lies of the server ------------------------------------------------------------------------

    def take_a_wrong_parent(self, who: int) -> str | None:
        """An entry that no honest server takes: void to all, whatever it holds."""
        device = self._some(who, lambda d: bool(d.outbox) or d.upload is not None)
        if device is None:
            return None
        what: Commit | Message | None = device.reader.pending
        row = device.upload
        if device.outbox:
            what, row = device.outbox[0].what, device.outbox[0].sealed
        assert what is not None
        assert row is not None
        there = any(each["id"] == row["id"] for each in self.now.rows)
        if there or row["parent"] == self.now.view.last_commit:
            return None
        self.append(what, row)
        self.now.astray.add(row["id"])
        if device.outbox:
            device.outbox.pop(0)
        return f"the server takes what {device} made for another place"

    def name_another_log(self, who: int) -> str | None:
        """A member signs that it was shown another log: all stop, until it is removed (§4.1)."""
        device = self._some(who, lambda d: _inside(d) and not d.web and d.name != "p1")
        if device is None or device.reader.cursor < self.now.view.head or not device.reader.cursor:
            return None
        began = self.now.view.group.began
        message = Message(device.name, began, f"lie{len(self.now.rows)}", 0, false=True)
        self.append(message, self.force_message(device, message))
        return f"{device} names another log"

    # ---------------------------------------------------------------------------------------

    def _id(self, link: str) -> str:
        return self.now.links[link][1]

    def _some(
        self, number: int, fits: Callable[[Device], bool] = lambda _: True, online: bool = True
    ) -> Device | None:
        """One of the devices that are there; with `online` False also of those who are away."""
        able = (d for d in self.now.devices.values() if d.reader.online or not online)
        return _one([d for d in able if fits(d)], number)

    def _group_of(self, device: Device) -> Group:
        """As far as it has read."""
        return self.now.views[device.reader.cursor].group

    def _behind(self, device: Device) -> bool:
        return device.reader.cursor < self.now.view.head

    def _behind_a_commit(self, device: Device) -> bool:
        return self.now.views[device.reader.cursor].last_commit != self.now.view.last_commit

    def _tends(self, device: Device) -> bool:
        reader = device.reader
        return (
            _inside(device)
            and not self._behind(device)
            and reader.may_send()
            and self.now.view.group.role(device.name) == "host"
        )


def _inside(device: Device) -> bool:
    return device.reader.phase == "in"


def _was_in(device: Device) -> bool:
    return device.reader.phase in ("in", "removed")


def _one(things: Iterable[T], number: int) -> T | None:
    some: Sequence[T] = list(things)
    return some[number % len(some)] if some else None


WEIGHTS = {
    "open_a_link": 4,
    "try_again": 2,
    "go_away": 1,
    "come_back": 1,
    "crash": 1,
    "read_on": 8,
    "write": 4,
    "send": 5,
    "renew": 3,
    "remove": 2,
    "remove_a_participant": 1,
    "close_a_link": 1,
    "retitle": 1,
    "make_a_link": 1,
    "post_a_commit": 8,
    "look_after_the_door": 3,
    "spoil_the_door": 1,
    "post_a_void_commit": 2,
    "write_under_an_old_epoch": 1,
    "say_what_is_for_hosts": 1,
    "take_a_wrong_parent": 1,
    "name_another_log": 1,
}
"""The steps, and how often each is taken."""

NUMBERS = {name: len(inspect.signature(getattr(Steps, name)).parameters) - 1 for name in WEIGHTS}
