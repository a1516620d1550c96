"""Attacks on entries of the log as they are read (docs/protocol.md §4, §5)."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Any

from careseal.client import (
    ClientError,
    CommitVoid,
    Forked,
    MessageUnreadable,
    NotInSession,
    ServerContradicts,
    ServerRefused,
    ServerUnreachable,
    WrongParent,
)
from careseal.e2ee import base64url
from careseal.e2ee.errors import ForkDetected, Malformed, OutOfOrder

from .attack import on
from .liar import LOG, Answer, Asked, Fate, Json, Liar, Rows, problem
from .paths import (
    ann_comes_back_to_what_she_has_read,
    ann_is_removed,
    ann_reads_across_a_change_of_keys,
    ann_reads_the_log,
    ann_reads_the_past,
)

JSON = {"content-type": "application/json"}


def flipped(text: str) -> str:
    """The same bytes with one bit changed, in the middle."""
    data = bytearray(base64url.decode(text))
    data[len(data) // 2] ^= 1
    return base64url.encode(bytes(data))


def garbage(like: Json, kind: str = "chat") -> Json:
    size = len(base64url.decode(like["body"])) if kind == like["kind"] else 272
    new = {"id": base64url.encode(os.urandom(16)), "body": base64url.encode(os.urandom(size))}
    return {**like, **new, "kind": kind}


def numbered(rows: Rows, first: int) -> Rows:
    return [{**row, "seq": first + place} for place, row in enumerate(rows)]


def once(change: Any) -> Any:
    """The change for the first page with several entries, honesty before and after."""
    done: list[bool] = []

    def maybe(rows: Rows) -> Rows:
        if done or len(rows) < 2:
            return rows
        done.append(True)
        changed: Rows = change(rows)
        return changed

    return maybe


def in_first_page(liar: Liar, change: Any) -> None:
    liar.log(once(change))


# Swapped, changed, reordered ---------------------------------------------------------------


@on(ann_reads_the_log, MessageUnreadable)
def swaps_the_bodies_of_two_messages(liar: Liar) -> None:
    """The server gives each of two messages the other's body."""

    def swap(rows: Rows) -> Rows:
        one, two, *rest = rows
        return [{**one, "body": two["body"]}, {**two, "body": one["body"]}, *rest]

    in_first_page(liar, swap)


@on(ann_reads_the_log, Forked, quick=True)
def swaps_two_messages(liar: Liar) -> None:
    """The server tells two messages in each other's place."""
    in_first_page(liar, lambda rows: numbered([rows[1], rows[0], *rows[2:]], rows[0]["seq"]))


@on(ann_reads_the_log, MessageUnreadable)
def changes_one_bit_of_a_message(liar: Liar) -> None:
    """The server changes one bit of a message."""
    in_first_page(liar, lambda rows: [{**rows[0], "body": flipped(rows[0]["body"])}, *rows[1:]])


@on(ann_reads_the_log, MessageUnreadable)
def cuts_a_message_short(liar: Liar) -> None:
    """The server cuts the end of a message off."""

    def cut(rows: Rows) -> Rows:
        body = base64url.encode(base64url.decode(rows[0]["body"])[:-17])
        return [{**rows[0], "body": body}, *rows[1:]]

    in_first_page(liar, cut)


@on(ann_reads_the_log, MessageUnreadable)
def empties_a_message(liar: Liar) -> None:
    """The server tells a message without a body."""
    in_first_page(liar, lambda rows: [{**rows[0], "body": ""}, *rows[1:]])


@on(ann_reads_the_log, MessageUnreadable)
def gives_a_message_another_id(liar: Liar) -> None:
    """The server changes the id of a message."""
    new = base64url.encode(os.urandom(16))
    in_first_page(liar, lambda rows: [{**rows[0], "id": new}, *rows[1:]])


@on(ann_reads_the_log, CommitVoid)
def calls_a_message_a_commit(liar: Liar) -> None:
    """The server tells a message as if it were a commit."""
    in_first_page(liar, lambda rows: [{**rows[0], "kind": "commit"}, *rows[1:]])


@on(ann_reads_across_a_change_of_keys, MessageUnreadable)
def calls_a_commit_a_message(liar: Liar) -> None:
    """The server tells a commit as if it were a message."""
    in_first_page(
        liar,
        lambda rows: [{**row, "kind": "chat"} if row["kind"] == "commit" else row for row in rows],
    )


@on(ann_reads_the_log, WrongParent, quick=True)
def names_a_wrong_parent(liar: Liar) -> None:
    """The server lets an entry in that does not fit its last commit."""
    in_first_page(liar, lambda rows: [{**rows[0], "parent": 0}, *rows[1:]])


@on(ann_reads_the_log, None)
def lies_about_the_time(liar: Liar) -> None:
    """The server dates entries to 1970 and to the year 9999."""
    in_first_page(
        liar,
        lambda rows: [{**r, "at": 253402300799000 * (n % 2)} for n, r in enumerate(rows)],
    )


# Dropped, injected, repeated ---------------------------------------------------------------


@on(ann_reads_the_log, Forked, quick=True)
def leaves_a_message_out(liar: Liar) -> None:
    """The server leaves a message out and closes the gap."""
    in_first_page(liar, lambda rows: numbered(rows[1:], rows[0]["seq"]))


@on(ann_reads_the_log, OutOfOrder)
def leaves_a_gap(liar: Liar) -> None:
    """The server leaves a message out, for good, and leaves the gap."""
    missing: list[int] = []

    def gap(rows: Rows) -> Rows:
        if not missing and len(rows) > 1:
            missing.append(rows[0]["seq"])
        return [row for row in rows if row["seq"] not in missing]

    liar.log(gap)


@on(ann_reads_across_a_change_of_keys, Malformed)
def leaves_a_commit_out(liar: Liar) -> None:
    """The server leaves a commit out and closes the gap."""

    def without(rows: Rows) -> Rows:
        return numbered([row for row in rows if row["kind"] == "chat"], rows[0]["seq"])

    in_first_page(liar, without)


@on(ann_reads_across_a_change_of_keys, MessageUnreadable)
def leaves_a_commit_out_and_mends_the_parents(liar: Liar) -> None:
    """The server leaves a commit out, closes the gap and names the parents as if it never was."""

    def without(rows: Rows) -> Rows:
        kept = [{**row, "parent": rows[0]["parent"]} for row in rows if row["kind"] == "chat"]
        return numbered(kept, rows[0]["seq"])

    in_first_page(liar, without)


@on(ann_reads_the_log, MessageUnreadable)
def injects_garbage_as_a_message(liar: Liar) -> None:
    """The server writes a message of its own, of random bytes."""
    in_first_page(liar, lambda rows: numbered([garbage(rows[0]), *rows], rows[0]["seq"]))


@on(ann_reads_the_log, CommitVoid, quick=True)
def injects_garbage_as_a_commit(liar: Liar) -> None:
    """The server writes a commit of its own, of random bytes."""

    def inject(rows: Rows) -> Rows:
        first = rows[0]["seq"]
        later = [{**row, "parent": first} for row in rows]
        return numbered([garbage(rows[0], "commit"), *later], first)

    in_first_page(liar, inject)


@on(ann_reads_the_log, Forked, quick=True)
def repeats_a_message(liar: Liar) -> None:
    """The server tells a message twice."""
    in_first_page(liar, lambda rows: numbered([rows[0], rows[0], *rows[1:]], rows[0]["seq"]))


@on(ann_reads_the_log, Forked)
def repeats_a_message_at_the_end(liar: Liar) -> None:
    """The server tells the first message once more, behind the last."""
    in_first_page(liar, lambda rows: numbered([*rows, rows[0]], rows[0]["seq"]))


@on(ann_reads_across_a_change_of_keys, MessageUnreadable)
def repeats_a_message_after_a_change_of_keys(liar: Liar) -> None:
    """The server tells a message of an earlier epoch again in the next one."""

    def again(rows: Rows) -> Rows:
        last = rows[-1]
        return [*rows, {**rows[0], "parent": last["parent"], "seq": last["seq"] + 1}]

    in_first_page(liar, again)


@on(ann_reads_across_a_change_of_keys, CommitVoid)
def repeats_a_commit(liar: Liar) -> None:
    """The server tells a commit a second time."""

    def again(rows: Rows) -> Rows:
        told: Rows = []
        parent = rows[0]["parent"]
        for row in rows:
            for _ in range(2 if row["kind"] == "commit" else 1):
                seq = rows[0]["seq"] + len(told)
                told.append({**row, "seq": seq, "parent": parent})
                parent = seq if row["kind"] == "commit" else parent
        return told

    in_first_page(liar, again)


# Rolled back, cut, stretched ---------------------------------------------------------------


@on(ann_comes_back_to_what_she_has_read, Forked, quick=True)
def rolls_the_log_back(liar: Liar) -> None:
    """The server says that the log ends before what it has confirmed."""

    @liar.says("GET", LOG)
    def earlier(page: Any) -> Any:
        return {**page, "entries": [], "head": 1, "lastCommit": 1}


@on(ann_comes_back_to_what_she_has_read, Forked)
def rewrites_what_was_read(liar: Liar) -> None:
    """The server tells an entry that was read before, changed."""
    kept: Rows = []

    @liar.asks("GET", LOG)
    def from_the_start(asked: Asked) -> Asked:
        return asked.at(asked.target.replace(f"after={asked.query('after')}", "after=1"))

    def rewrite(rows: Rows) -> Rows:
        kept.extend(rows)
        return [{**rows[0], "body": flipped(rows[0]["body"])}, *rows[1:]]

    liar.log(rewrite)


@on(ann_comes_back_to_what_she_has_read, None)
def tells_again_what_was_read(liar: Liar) -> None:
    """The server tells all entries once more."""

    @liar.asks("GET", LOG)
    def from_the_start(asked: Asked) -> Asked:
        return asked.at(asked.target.replace(f"after={asked.query('after')}", "after=1"))


@on(ann_reads_the_log, ClientError)
def tells_the_same_page_for_ever(liar: Liar) -> None:
    """The server says that there is always more, and gives the same page again and again."""
    first: list[Any] = []

    @liar.says("GET", LOG)
    def same(page: Any) -> Any:
        if not first and page["entries"]:
            first.append(page["entries"])
        return {**page, "entries": first[0] if first else [], "head": page["head"] + 1000}


@on(ann_reads_the_log, ClientError)
def says_there_is_more_and_gives_nothing(liar: Liar) -> None:
    """The server names a later head and gives no entries."""

    @liar.says("GET", LOG)
    def nothing(page: Any) -> Any:
        return {**page, "entries": []}


@on(ann_reads_the_log, ServerContradicts, quick=True)
def speaks_of_ever_more_than_it_gives(liar: Liar) -> None:
    """The server gives an entry of its own with each page, and always speaks of a thousand more."""
    runs_ahead(liar, garbage)


def runs_ahead(liar: Liar, made: Callable[[Json], Json]) -> None:
    """One entry a page, made up behind the true ones; the head is always a thousand ahead."""
    last: list[Json] = []

    @liar.answers("GET", LOG)
    def page(asked: Asked, answer: Answer) -> Answer:
        after, told = int(asked.query("after") or 0), answer.json
        true = [row for row in told["entries"] if row["seq"] == after + 1]
        row = true[0] if true else {**made(last[0]), "seq": after + 1}
        last[:] = [row]
        return answer.saying({**told, "entries": [row], "head": after + 1001})


@on(ann_reads_the_log, NotInSession, quick=True)
def knows_a_member_and_then_does_not(liar: Liar) -> None:
    """The server knows a member's token when it is asked again, and refuses it each time after."""

    @liar.asks("GET", LOG)
    def page(asked: Asked) -> Asked | Answer:
        again = asked.query("limit") == "1" or asked.query("form") == "digest"
        return asked if again else problem("not-authorised", 401)


# Not the protocol's shape ------------------------------------------------------------------


def entry_with(name: str, value: Any) -> Any:
    return lambda rows: [{**rows[0], name: value}, *rows[1:]]


@on(ann_reads_the_log, Malformed)
def numbers_an_entry_with_a_word(liar: Liar) -> None:
    """The server numbers an entry with a string."""

    @liar.says("GET", LOG)
    def wrong(page: Any) -> Any:
        return {**page, "entries": [{**row, "seq": "2"} for row in page["entries"]]}


@on(ann_reads_the_log, Malformed)
def numbers_an_entry_beyond_all_numbers(liar: Liar) -> None:
    """The server numbers an entry with 2^63."""

    @liar.says("GET", LOG)
    def wrong(page: Any) -> Any:
        return {**page, "entries": [{**row, "seq": 1 << 63} for row in page["entries"]]}


@on(ann_reads_the_log, Malformed)
def sends_a_body_that_is_no_base64url(liar: Liar) -> None:
    """The server sends a body with stray characters."""
    in_first_page(liar, entry_with("body", "not base64url!"))


@on(ann_reads_the_log, Malformed)
def sends_a_body_of_another_type(liar: Liar) -> None:
    """The server sends a number instead of a body."""
    in_first_page(liar, entry_with("body", 7))


@on(ann_reads_the_log, Malformed)
def sends_an_entry_of_an_unknown_kind(liar: Liar) -> None:
    """The server tells an entry of a kind that does not exist."""
    in_first_page(liar, entry_with("kind", "order"))


@on(ann_reads_the_log, ClientError)
def answers_with_something_else(liar: Liar) -> None:
    """The server answers with a list instead of a page."""
    liar.says("GET", LOG)(lambda page: [page])


@on(ann_reads_the_log, ClientError)
def leaves_the_head_out(liar: Liar) -> None:
    """The server answers without saying where the log ends."""
    liar.says("GET", LOG)(lambda page: {"entries": page["entries"]})


@on(ann_reads_the_log, ClientError)
def names_a_head_that_is_no_number(liar: Liar) -> None:
    """The server says that the log ends at "9"."""
    liar.says("GET", LOG)(lambda page: {**page, "head": "9"})


@on(ann_reads_the_log, ClientError)
def answers_with_a_page_of_html(liar: Liar) -> None:
    """Somebody on the way answers with a page of a hotel's network."""

    @liar.answers("GET", LOG)
    def hotel(asked: Asked, answer: Answer) -> Answer:
        return Answer(200, b"<html>Please sign in</html>", {"content-type": "text/html"})


# Not answering -----------------------------------------------------------------------------


@on(ann_reads_the_log, ServerUnreachable)
def never_answers(liar: Liar) -> None:
    """The server takes the request and never answers."""
    liar.asks("GET", LOG)(lambda asked: Fate.NEVER_ANSWERED)


@on(ann_reads_the_log, ServerUnreachable)
def hangs_up_instead_of_answering(liar: Liar) -> None:
    """The server breaks the connection, every time."""
    liar.answers("GET", LOG)(lambda asked, answer: Fate.CUT)


@on(ann_reads_the_log, ServerRefused)
def says_come_back_next_year(liar: Liar) -> None:
    """The server is too busy, and says to come back in a year."""
    busy = problem("unavailable", 503)
    later = Answer(503, busy.body, {**busy.headers, "retry-after": "31536000"})
    liar.asks("GET", LOG)(lambda asked: later)


@on(ann_reads_the_log, ServerRefused)
def sends_elsewhere(liar: Liar) -> None:
    """The server sends the client, with its token, to another address."""
    elsewhere = Answer(307, b"", {"location": "http://localhost:9/elsewhere"})
    liar.asks("GET", LOG)(lambda asked: elsewhere)


@on(ann_reads_the_log, NotInSession)
def says_that_the_token_is_wrong(liar: Liar) -> None:
    """The server denies a member, who was not removed."""
    liar.asks("GET", LOG)(lambda asked: problem("not-authorised", 401))


@on(ann_reads_the_log, ServerRefused)
def breaks_down(liar: Liar) -> None:
    """The server answers 500 every time."""
    liar.asks("GET", LOG)(lambda asked: problem("internal", 500))


@on(ann_reads_the_log, ServerUnreachable)
def claims_four_gigabytes(liar: Liar) -> None:
    """The server says that its answer has 4 GB, and gives the first bytes."""
    claim = {"content-length": str(4 << 30), "content-type": "application/json"}
    liar.answers("GET", LOG)(lambda asked, answer: Answer(200, b'{"entries":[', claim))


@on(ann_reads_the_log, ClientError, quick=True)
def sends_an_answer_without_end(liar: Liar) -> None:
    """The server answers with a hundred megabytes."""
    liar.answers("GET", LOG)(lambda asked, answer: Answer(200, b" " * 100_000_000, JSON))


@on(ann_reads_the_log, ClientError)
def sends_a_bomb(liar: Liar) -> None:
    """The server packs an answer so that a few kilobytes become a gigabyte."""
    packed = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packed.compress(bytes(1 << 20)) for _ in range(1024)) + packed.flush()
    liar.answers("GET", LOG)(
        lambda asked, answer: Answer(200, bomb, {**JSON, "content-encoding": "gzip"})
    )


# The past ----------------------------------------------------------------------------------


@on(ann_reads_the_past, ForkDetected, quick=True)
def tells_the_past_in_another_order(liar: Liar) -> None:
    """The server tells two messages that were read before in each other's place."""
    in_first_page(
        liar,
        lambda rows: [*rows[:-2], *numbered([rows[-1], rows[-2]], rows[-2]["seq"])],
    )


@on(ann_reads_the_past, ForkDetected)
def leaves_out_of_the_past(liar: Liar) -> None:
    """The server leaves a message out of the past and closes the gap."""

    def without(rows: Rows) -> Rows:
        return [*rows[:-2], {**rows[-1], "seq": rows[-2]["seq"]}]

    in_first_page(liar, without)


@on(ann_reads_the_past, ForkDetected)
def tells_a_message_of_the_past_twice(liar: Liar) -> None:
    """The server tells a message of the past a second time in place of another."""
    in_first_page(liar, lambda rows: [*rows[:-1], {**rows[-2], "seq": rows[-1]["seq"]}])


# After removal -----------------------------------------------------------------------------


@on(ann_is_removed, NotInSession)
def goes_on_feeding_a_removed_member(liar: Liar) -> None:
    """The server goes on giving the log to a member who was removed."""
    liar.asks("GET", LOG)(lambda asked: asked.by(liar.master))
