"""Rules taken out of the Python side, one at a time: the model must notice each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from careseal.e2ee import following, validity
from careseal.e2ee.door import Door
from careseal.e2ee.log import Chain
from careseal.e2ee.policy import Policy, Role
from careseal.e2ee.state import Phase
from tests.interop import python_peer


def links_never_close(original: Any) -> Any:
    def judge(session: Any, epoch: Any, *rest: Any) -> Any:
        links = [replace(each, open=True, devices=16) for each in epoch.policy.invites]
        policy = Policy.make(links, epoch.policy.settings)
        judged = original(session, replace(epoch, policy=policy), *rest)
        return replace(judged, policy=epoch.policy)

    return judge


def any_policy_follows(original: Any) -> Any:
    return lambda *anything: None


def guests_may_remove(original: Any) -> Any:
    def judge(epoch: Any, received: Any, *rest: Any) -> Any:
        hosts = tuple(replace(each, role=Role.HOST) for each in epoch.members)
        judged = original(replace(epoch, members=hosts), received, *rest)
        gone = {each.leaf for each in judged.removed}
        removed = tuple(each for each in epoch.members if each.leaf in gone)
        return replace(judged, removed=removed)

    return judge


def void_commits_leave_a_pending_one(original: Any) -> Any:
    def settle(state: Any, *rest: Any) -> Any:
        after, events = original(state, *rest)
        return replace(after, pending=state.pending), events

    return settle


def wrong_parents_are_right(original: Any) -> Any:
    def follow(state: Any, entry: Any) -> Any:
        return original(state, replace(entry, parent=state.chain.last_commit))

    return follow


def nobody_contradicts(original: Any) -> Any:
    return lambda state, entry, at, by, event: (state, (event,))


def used_links_are_forgotten(original: Any) -> Any:
    return lambda state, chain, after, joined: original(state, chain, after, None)


def the_removed_stay(original: Any) -> Any:
    def removed(state: Any, *rest: Any) -> Any:
        after, events = original(state, *rest)
        return replace(after, phase=Phase.IN), events

    return removed


def every_door_is_right(original: Any) -> Any:
    return lambda state, door: None


def every_door_fits(original: Any) -> Any:
    def fit(self: Any, session: Any, entries: Any, head: int, last_commit: int) -> Any:
        chain = Chain.at(session, self.position, last_commit)
        for entry in entries:
            chain = chain.extend(entry)
        return chain

    return fit


def a_crash_forgets_the_pending(original: Any) -> Any:
    return lambda kept: replace(original(kept), pending=None)


def a_salt_is_used_again(original: Any) -> Any:
    return lambda state, payload, time, rng: original(state, payload, time, bytes)


RULES = {
    links_never_close: (validity, "_judge_join"),
    any_policy_follows: (Policy, "check_successor"),
    guests_may_remove: (validity, "_judge_member"),
    void_commits_leave_a_pending_one: (following, "_settle_void"),
    wrong_parents_are_right: (python_peer, "follow"),
    nobody_contradicts: (following, "_check_position"),
    used_links_are_forgotten: (following, "_enter"),
    the_removed_stay: (following, "_removed"),
    every_door_is_right: (python_peer, "check_door"),
    every_door_fits: (Door, "fit"),
    a_crash_forgets_the_pending: (python_peer, "decode_state"),
    a_salt_is_used_again: (python_peer, "seal_chat"),
}


@contextmanager
def broken(rule: Any) -> Iterator[None]:
    place, name = RULES[rule]
    with patch.object(place, name, rule(getattr(place, name))):
        yield
