"""Ordering, commits, races and doors as values: docs/protocol.md §3, §4 without a key.

A log is a list of entries; `read` leads from the view before an entry to the one after it and says
what the entry is to whoever was in. Nothing here knows who reads when: a reader's view is the
view at its own place in the log, and what it was told meanwhile is kept in `Reader`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Outcome: TypeAlias = tuple[object, ...]
"""What an entry is: its name, and what all who can read it must tell alike."""


@dataclass(frozen=True)
class Link:
    """An invite of the policy."""

    role: Literal["host", "guest"]
    devices: int
    open: bool = True


@dataclass(frozen=True)
class Policy:
    links: Mapping[str, Link]
    title: str


@dataclass(frozen=True)
class Group:
    """An epoch: who is in it, by which link, under which policy."""

    epoch: int
    began: int  # seq of the commit that began it
    before: int  # seq of the commit entry before that one
    policy: Policy
    inside: Mapping[str, str]  # device: link
    used: frozenset[str]  # links by which a device has ever joined

    def role(self, device: str) -> str:
        return self.policy.links[self.inside[device]].role

    def hosts(self) -> list[str]:
        return [each for each in self.inside if self.role(each) == "host"]

    def has_box(self, link: str) -> bool:
        """§3.6"""
        rule = self.policy.links.get(link)
        return rule is not None and (rule.open or link in self.inside.values())


@dataclass(frozen=True)
class Commit:
    """What somebody makes in the epoch that began at `leaves`."""

    by: str
    leaves: int
    at: int  # the position that it had verified
    link: str | None = None  # an external commit, by that link
    removes: frozenset[str] = frozenset()
    policy: Policy | None = None
    garbage: bool = False


@dataclass(frozen=True)
class Message:
    """What somebody says in the epoch that began at `began`."""

    by: str
    began: int
    id: str
    at: int
    allowed: bool = True  # whether its sender may send that type
    false: bool = False  # `at` names another log than there is


@dataclass(frozen=True)
class Entry:
    seq: int
    parent: int
    what: Commit | Message

    @property
    def commits(self) -> bool:
        return isinstance(self.what, Commit)


@dataclass(frozen=True)
class View:
    """The log up to an entry, as everybody who was in sees it."""

    head: int
    last_commit: int
    group: Group


def read(view: View, entry: Entry) -> tuple[View, Outcome]:
    """§4: the view after the next entry, and what it is."""
    last = entry.seq if entry.commits else view.last_commit
    moved = replace(view, head=entry.seq, last_commit=last)
    if entry.parent != view.last_commit:
        return moved, ("wrong-parent",)
    if isinstance(entry.what, Message):
        return moved, _heard(view.group, entry.what)
    if not valid(view.group, entry.what):
        return moved, ("void",)
    after = carried_out(view, entry.what, entry.seq)
    return replace(moved, group=after), _done(view.group, entry.what)


def _heard(group: Group, message: Message) -> Outcome:
    if message.began != group.began or message.by not in group.inside:
        return ("unreadable", "tampered")
    return ("message", message.by, message.id) if message.allowed else ("refused", message.by)


def _done(group: Group, commit: Commit) -> Outcome:
    resync = commit.link is not None and commit.by in group.inside
    joined = commit.by if commit.link else None
    return ("commit", commit.by, joined, resync, tuple(sorted(commit.removes)))


def valid(group: Group, commit: Commit) -> bool:
    """§3.4, by the log before it alone."""
    if commit.garbage or commit.leaves != group.began:
        return False
    if commit.link is not None:
        return _valid_join(group, commit, commit.link)
    if commit.by not in group.inside or not commit.removes <= group.inside.keys():
        return False
    if (commit.removes or commit.policy is not None) and group.role(commit.by) != "host":
        return False
    return commit.by not in commit.removes and (
        commit.policy is None or successor(group, commit, commit.policy)
    )


def _valid_join(group: Group, commit: Commit, link: str) -> bool:
    rule = group.policy.links.get(link)
    if rule is None or commit.policy is not None or commit.removes:
        return False
    if commit.by in group.inside:  # a re-sync
        return group.inside[commit.by] == link
    return rule.open and list(group.inside.values()).count(link) < rule.devices


def successor(group: Group, commit: Commit, policy: Policy) -> bool:
    """§3.2"""
    left = {link for device, link in group.inside.items() if device not in commit.removes}
    kept = policy.links.keys() & group.policy.links.keys()
    mine = policy.links.get(group.inside[commit.by])
    return (
        left <= policy.links.keys()
        and all(policy.links[each].role == group.policy.links[each].role for each in kept)
        and mine is not None
        and mine.role == "host"
    )


def carried_out(view: View, commit: Commit, seq: int) -> Group:
    group = view.group
    inside = {each: link for each, link in group.inside.items() if each not in commit.removes}
    if commit.link is not None:
        inside[commit.by] = commit.link
    return Group(
        group.epoch + 1,
        seq,
        view.last_commit,
        group.policy if commit.policy is None else commit.policy,
        inside,
        group.used if commit.link is None else group.used | {commit.link},
    )


# Doors ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Door:
    """§3.5: what lies at the server for who comes next; `of` is None for garbage."""

    of: Group | None
    covers: bool = False
    at: int = 0

    def right(self, view: View) -> bool:
        """§3.7: what a host who has read the whole log looks for."""
        group = view.group
        if self.of is None or (self.of.began, self.of.used) != (group.began, group.used):
            return False
        if self.covers:
            return view.last_commit <= self.at <= view.head
        return view.last_commit == group.began and group.before <= self.at < group.began

    def fits(self, entries: Sequence[Entry], last_commit: int) -> bool:
        """§3.5: what a joiner looks for, who has nothing but the door and the log behind it."""
        if self.of is None:
            return False
        behind = [each for each in entries if each.seq > self.at]
        expected = [] if self.covers else [self.of.began]
        if [each.seq for each in behind if each.commits] != expected:
            return False
        parent = behind[0].parent if behind else last_commit
        if parent > self.at:
            return False
        for entry in behind:
            if entry.parent != parent:
                return False
            parent = entry.seq if entry.commits else parent
        return parent == last_commit


# Readers -------------------------------------------------------------------------------------


@dataclass
class Reader:
    """A device: how far it has read, and what it keeps (§3.7, §4.1)."""

    name: str
    link: str
    phase: Literal["joining", "lost", "in", "removed"] = "joining"
    cursor: int = 0
    pending: Commit | None = None
    pending_parent: int = 0
    forked: bool = False
    contradicting: set[str] = field(default_factory=set)
    online: bool = True

    def may_send(self, removes: frozenset[str] = frozenset()) -> bool:
        """§4.1: nothing while somebody contradicts, but the commit that removes them."""
        if self.phase != "in" or self.forked:
            return False
        return not self.contradicting or bool(self.contradicting & removes)

    def read(self, before: View, after: View, entry: Entry, outcome: Outcome, own: bool) -> Outcome:
        """What this device must tell of the next entry; it moves on."""
        self.cursor = entry.seq
        if outcome[0] == "wrong-parent":
            return outcome
        if self.phase == "removed" or (self.phase != "in" and not entry.commits):
            return ("unreadable", "not-ours")
        if self.phase == "lost":
            return ("join-lost",)
        if entry.commits and not own:
            self.pending = None
        if self.phase == "joining":
            if not own:
                self.phase = "lost"
                return ("join-lost",)
            self.phase = "in"
        if entry.commits and outcome[0] == "commit":
            self.pending = None
            if self.name not in after.group.inside:
                self.phase = "removed"
                return ("removed-self", False)
            self.contradicting &= after.group.inside.keys()
        if isinstance(entry.what, Message) and entry.what.false and outcome[0] != "unreadable":
            if entry.what.by == self.name:
                self.forked = True
            else:
                self.contradicting.add(entry.what.by)
        return outcome
