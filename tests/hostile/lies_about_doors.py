"""Attacks on doors, key boxes, letters and digests while somebody joins (docs/protocol.md §3)."""

from __future__ import annotations

import os
from typing import Any

from careseal.client import (
    ClientError,
    DoorNotReady,
    Forked,
    LinkRefused,
    ServerContradicts,
    ServerUnreachable,
)
from careseal.e2ee import base64url

from .attack import on
from .liar import COMMITS, DOOR, LOG, Answer, Asked, Fate, Liar, problem
from .lies_about_the_log import flipped, runs_ahead
from .paths import ann_joins, bob_joins_after_a_change_of_keys, roe_mends_the_door

SPOILT = base64url.encode(os.urandom(272))


def door_with(liar: Liar, name: str, change: Any) -> None:
    liar.says("GET", DOOR)(lambda door: {**door, name: change(door[name])})


@on(ann_joins, DoorNotReady, quick=True)
def changes_one_bit_of_the_door(liar: Liar) -> None:
    """The server changes one bit of the door."""
    door_with(liar, "door", flipped)


@on(ann_joins, DoorNotReady)
def gives_random_bytes_for_a_door(liar: Liar) -> None:
    """The server gives random bytes for a door."""
    door_with(liar, "door", lambda _: SPOILT)


@on(ann_joins, DoorNotReady)
def gives_an_empty_door(liar: Liar) -> None:
    """The server gives an empty door."""
    door_with(liar, "door", lambda _: "")


@on(ann_joins, DoorNotReady)
def changes_one_bit_of_the_key_box(liar: Liar) -> None:
    """The server changes one bit of the key box."""
    door_with(liar, "keyBox", flipped)


@on(ann_joins, DoorNotReady)
def withholds_the_key_box(liar: Liar) -> None:
    """The server says that there is no key box."""
    door_with(liar, "keyBox", lambda _: None)


@on(bob_joins_after_a_change_of_keys, DoorNotReady)
def gives_the_key_box_of_another_invite(liar: Liar) -> None:
    """The server gives the key box of another invite."""
    liar.asks("GET", DOOR)(lambda asked: asked.by(liar.master))  # the host's own


@on(bob_joins_after_a_change_of_keys, DoorNotReady, quick=True)
def gives_an_old_door_over_the_new_log(liar: Liar) -> None:
    """The server gives a door and key box of an earlier epoch, with the log as it is."""

    @liar.answers("GET", DOOR)
    def old(asked: Asked, answer: Answer) -> Answer:
        before = liar.first(DOOR)
        now = answer.json
        return answer.saying({**now, "door": before["door"], "keyBox": before["keyBox"]})


@on(bob_joins_after_a_change_of_keys, DoorNotReady)
def gives_a_new_door_over_the_old_log(liar: Liar) -> None:
    """The server gives the door as it is, and a log that ends before it."""

    @liar.says("GET", LOG)
    def earlier(page: Any) -> Any:
        return {**page, "entries": [], "head": 1, "lastCommit": 1}


@on(bob_joins_after_a_change_of_keys, DoorNotReady)
def gives_an_old_key_box_with_the_new_door(liar: Liar) -> None:
    """The server gives the door as it is with the key box of an earlier epoch."""
    door_with(liar, "keyBox", lambda _: liar.first(DOOR)["keyBox"])


@on(bob_joins_after_a_change_of_keys, ClientError)
def rolls_everything_back_for_a_newcomer(liar: Liar) -> None:
    """The server shows a newcomer door and log of an earlier epoch, each fitting the other."""

    @liar.answers("GET", DOOR)
    def old(asked: Asked, answer: Answer) -> Answer:
        return answer.saying({**liar.first(DOOR), "letter": None})

    @liar.says("GET", LOG)
    def short(page: Any) -> Any:
        head = liar.first(DOOR)["head"]
        kept = [row for row in page["entries"] if row["seq"] <= head]
        return {**page, "entries": kept, "head": head, "lastCommit": head}


@on(ann_joins, Forked, quick=True)
def changes_a_digest_of_the_log(liar: Liar) -> None:
    """The server shows a newcomer another hash for an entry behind the door."""

    @liar.answers("GET", LOG)
    def other(asked: Asked, answer: Answer) -> Answer:
        if asked.query("form") != "digest":
            return answer
        page = answer.json
        rows = [{**row, "digest": base64url.encode(bytes(64))} for row in page["entries"]]
        return answer.saying({**page, "entries": rows})


@on(ann_joins, ClientError)
def withholds_the_log_behind_the_door(liar: Liar) -> None:
    """The server gives a newcomer none of the entries behind the door."""
    liar.says("GET", LOG)(lambda page: {**page, "entries": []})


@on(ann_joins, ClientError)
def tells_the_same_digests_for_ever(liar: Liar) -> None:
    """The server says that the log goes on, and gives the same digests again and again."""
    first: list[Any] = []

    @liar.says("GET", LOG)
    def same(page: Any) -> Any:
        if not first:
            first.extend(page["entries"])
        return {**page, "entries": first, "head": page["head"] + 5000}


@on(ann_joins, ServerContradicts, quick=True)
def tells_digests_of_a_log_that_grows_for_ever(liar: Liar) -> None:
    """The server tells one digest a page, and always speaks of a thousand more."""
    runs_ahead(liar, lambda row: {**row, "id": base64url.encode(os.urandom(16))})


@on(ann_joins, DoorNotReady)
def names_another_last_commit(liar: Liar) -> None:
    """The server names another last commit with the digests than they lead to."""
    liar.says("GET", LOG)(lambda page: {**page, "lastCommit": page["lastCommit"] + 1})


@on(ann_joins, None)
def changes_one_bit_of_the_letter(liar: Liar) -> None:
    """The server changes one bit of the letter; the newcomer joins, but reads no past."""
    door_with(liar, "letter", lambda letter: letter and flipped(letter))


@on(ann_joins, None)
def withholds_the_letter(liar: Liar) -> None:
    """The server says that there is no letter; the newcomer joins, but reads no past."""
    door_with(liar, "letter", lambda _: None)


@on(ann_joins, ClientError)
def gives_a_door_of_another_type(liar: Liar) -> None:
    """The server gives a number for a door."""
    door_with(liar, "door", lambda _: 7)


@on(ann_joins, ClientError)
def leaves_the_door_out(liar: Liar) -> None:
    """The server answers without a door."""
    liar.says("GET", DOOR)(lambda door: {"head": 0})


@on(ann_joins, LinkRefused)
def says_that_the_link_is_wrong(liar: Liar) -> None:
    """The server refuses a right link."""
    liar.asks("GET", DOOR)(lambda asked: problem("not-authorised", 401))


@on(ann_joins, ServerUnreachable)
def never_opens_the_door(liar: Liar) -> None:
    """The server takes the request for the door and never answers."""
    liar.asks("GET", DOOR)(lambda asked: Fate.NEVER_ANSWERED)


@on(ann_joins, ClientError, quick=True)
def says_for_ever_that_somebody_else_came_first(liar: Liar) -> None:
    """The server refuses every join as too late."""
    liar.asks("POST", COMMITS)(lambda asked: problem("stale-parent", 409, head=1, lastCommit=1))


@on(ann_joins, ClientError)
def confirms_a_join_and_drops_it(liar: Liar) -> None:
    """The server confirms a join and does not put it into the log."""
    liar.asks("POST", COMMITS)(lambda asked: Answer(201, b'{"seq":2,"at":0}', JSON))


@on(ann_joins, ServerContradicts)
def changes_one_bit_of_a_join(liar: Liar) -> None:
    """The server stores a join with one bit changed."""
    liar.asks("POST", COMMITS)(
        lambda asked: asked.saying({**asked.json, "commit": flipped(asked.json["commit"])})
    )


@on(ann_joins, ClientError)
def puts_another_entry_where_the_join_was(liar: Liar) -> None:
    """The server confirms a join and shows another commit in its place."""
    liar.asks("POST", COMMITS)(lambda asked: Answer(201, b'{"seq":2,"at":0}', JSON))

    def other(page: Any) -> Any:
        new = {
            "seq": page["head"] + 1,
            "kind": "commit",
            "parent": page["lastCommit"],
            "id": base64url.encode(os.urandom(16)),
            "body": SPOILT,
            "at": 0,
        }
        entries = [*page["entries"], new]
        return {"entries": entries, "head": new["seq"], "lastCommit": new["seq"]}

    @liar.answers("GET", LOG)
    def page(asked: Asked, answer: Answer) -> Answer:
        behind = asked.query("after") != "0" or asked.query("form") == "digest"
        return answer if behind else answer.saying(other(answer.json))


@on(ann_joins, None)
def stores_a_garbage_door_with_the_join(liar: Liar) -> None:
    """The server stores another door than the joiner's; nobody who is in is harmed."""
    liar.asks("POST", COMMITS)(
        lambda asked: asked.saying({**asked.json, "door": flipped(asked.json["door"])})
    )


@on(roe_mends_the_door, None)
def shows_a_host_a_spoilt_door_for_ever(liar: Liar) -> None:
    """The server shows a host a door that is never right; the host mends it, others come in."""
    door_with(liar, "door", lambda _: SPOILT)


@on(roe_mends_the_door, None)
def shows_a_host_an_old_door(liar: Liar) -> None:
    """The server shows a host the door of an earlier epoch."""
    first: list[str] = []

    @liar.says("GET", DOOR)
    def old(door: Any) -> Any:
        first.append(door["door"])
        return {**door, "door": first[0]}


JSON = {"content-type": "application/json"}
