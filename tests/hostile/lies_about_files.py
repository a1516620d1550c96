"""Attacks on the parts of files, and on the list of those that are there (docs/protocol.md §6)."""

from __future__ import annotations

import re

from careseal.client import FileUnavailable, ServerRefused, ServerUnreachable
from careseal.e2ee.errors import SealError, Tampered

from .attack import on
from .liar import PART, Answer, Asked, Fate, Liar, problem
from .paths import a_file_reaches_ann, ann_sends_a_file

FILE = r"/files/[^/]+$"


def renumbered(asked: Asked, change: dict[int, int]) -> Asked:
    number = int(asked.target.rpartition("/")[2])
    return asked.at(re.sub(r"\d+$", str(change.get(number, number)), asked.target))


@on(a_file_reaches_ann, Tampered, quick=True)
def swaps_two_parts_of_a_file(liar: Liar) -> None:
    """The server gives two parts of a file in each other's place."""
    liar.asks("GET", PART)(lambda asked: renumbered(asked, {0: 1, 1: 0}))


@on(a_file_reaches_ann, SealError)
def gives_a_middle_part_for_the_last(liar: Liar) -> None:
    """The server gives another part in place of the last."""
    liar.asks("GET", PART)(lambda asked: renumbered(asked, {2: 1}))


@on(a_file_reaches_ann, Tampered)
def changes_one_bit_of_a_part(liar: Liar) -> None:
    """The server changes one bit of a part."""

    @liar.answers("GET", PART)
    def other(asked: Asked, answer: Answer) -> Answer:
        body = answer.body[:-20] + bytes([answer.body[-20] ^ 1]) + answer.body[-19:]
        return Answer(200, body)


@on(a_file_reaches_ann, SealError)
def cuts_a_part_short(liar: Liar) -> None:
    """The server cuts the end of each part off."""
    liar.answers("GET", PART)(lambda asked, answer: Answer(200, answer.body[:-1000]))


@on(a_file_reaches_ann, SealError)
def gives_empty_parts(liar: Liar) -> None:
    """The server gives parts without a byte."""
    liar.answers("GET", PART)(lambda asked, answer: Answer(200, b""))


@on(a_file_reaches_ann, SealError)
def gives_far_too_large_parts(liar: Liar) -> None:
    """The server gives 40 MB for a part of 4."""
    liar.answers("GET", PART)(lambda asked, answer: Answer(200, bytes(40_000_000)))


@on(a_file_reaches_ann, FileUnavailable)
def says_that_a_part_is_not_there(liar: Liar) -> None:
    """The server says that a part is not there."""
    liar.asks("GET", PART)(lambda asked: problem("not-found", 404))


@on(a_file_reaches_ann, ServerRefused)
def denies_a_member_the_parts(liar: Liar) -> None:
    """The server gives a member no parts."""
    liar.asks("GET", PART)(lambda asked: problem("forbidden", 403))


@on(a_file_reaches_ann, ServerUnreachable)
def breaks_off_in_each_part(liar: Liar) -> None:
    """The server breaks the connection with each part."""
    liar.answers("GET", PART)(lambda asked, answer: Fate.CUT)


@on(ann_sends_a_file, FileUnavailable)
def says_that_all_parts_are_there_already(liar: Liar) -> None:
    """The server says before an upload that it has all parts."""
    liar.says("GET", FILE)(lambda told: {**told, "present": list(range(told["parts"]))})


@on(ann_sends_a_file, FileUnavailable)
def confirms_parts_and_drops_them(liar: Liar) -> None:
    """The server confirms parts and does not keep them."""
    liar.asks("PUT", PART)(lambda asked: Answer(201, b""))


@on(ann_sends_a_file, None)
def says_that_stored_parts_are_not_there(liar: Liar) -> None:
    """The server says that it has no parts, takes each one and says that it has another."""

    @liar.answers("PUT", PART)
    def exists(asked: Asked, answer: Answer) -> Answer:
        return problem("part-exists", 409)


@on(ann_sends_a_file, SealError)
def stores_a_part_with_one_bit_changed(liar: Liar) -> None:
    """The server stores parts with one bit changed."""

    @liar.asks("PUT", PART)
    def other(asked: Asked) -> Asked:
        body = asked.body[:99] + bytes([asked.body[99] ^ 1]) + asked.body[100:]
        return Asked(asked.method, asked.target, body, asked.headers)


@on(ann_sends_a_file, ServerRefused)
def has_no_room(liar: Liar) -> None:
    """The server says that it has no room."""
    liar.asks("PUT", PART)(lambda asked: problem("storage-full", 507))
