"""Attacks on what clients write: messages, commits, confirmations (docs/protocol.md §4, §5, §8)."""

from __future__ import annotations

import os

from careseal.client import (
    ClientError,
    CommitVoid,
    Forked,
    MessageUnreadable,
    NotInSession,
    SendingStopped,
    ServerContradicts,
    ServerRefused,
    ServerUnreachable,
    SessionEnded,
)
from careseal.e2ee import base64url

from .attack import on
from .liar import COMMITS, LOG, Answer, Asked, Fate, Liar, problem
from .lies_about_doors import JSON
from .lies_about_the_log import flipped
from .paths import ann_renews_the_keys, ann_writes, roe_removes_ann

MADE = Answer(201, b'{"seq":3,"at":0}', JSON)
STALE = problem("stale-parent", 409, head=2, lastCommit=2)


def once(liar: Liar, method: str, path: str, instead: Answer) -> None:
    done: list[bool] = []

    def asking(asked: Asked) -> Asked | Answer:
        if done:
            return asked
        done.append(True)
        return instead

    liar.asks(method, path)(asking)


@on(ann_writes, MessageUnreadable, quick=True)
def stores_a_message_with_one_bit_changed(liar: Liar) -> None:
    """The server stores a message with one bit changed."""

    @liar.asks("POST", LOG)
    def other(asked: Asked) -> Asked:
        body = asked.json
        return asked.saying({**body, "encryptedMessage": flipped(body["encryptedMessage"])})


@on(ann_writes, MessageUnreadable)
def stores_a_message_under_another_id(liar: Liar) -> None:
    """The server stores a message under another id."""
    liar.asks("POST", LOG)(
        lambda asked: asked.saying({**asked.json, "id": base64url.encode(os.urandom(16))})
    )


@on(ann_writes, Forked, quick=True)
def confirms_a_message_and_drops_it(liar: Liar) -> None:
    """The server confirms a message and does not put it into the log."""
    once(liar, "POST", LOG, MADE)


@on(ann_writes, ClientError, quick=True)
def says_for_ever_that_a_message_came_too_late(liar: Liar) -> None:
    """The server refuses every message as too late."""
    liar.asks("POST", LOG)(lambda asked: STALE)


@on(ann_writes, ServerContradicts)
def says_once_that_a_message_came_too_late_and_keeps_it(liar: Liar) -> None:
    """The server takes a message, answers that it came too late, and so gets it a second time."""
    done: list[bool] = []

    @liar.answers("POST", LOG)
    def late(asked: Asked, answer: Answer) -> Answer:
        if done:
            return answer
        done.append(True)
        return STALE


@on(ann_writes, None)
def takes_a_message_and_hangs_up(liar: Liar) -> None:
    """The server takes a message and breaks the connection before it has confirmed it."""
    done: list[bool] = []

    @liar.answers("POST", LOG)
    def cut(asked: Asked, answer: Answer) -> Answer | Fate:
        if done:
            return answer
        done.append(True)
        return Fate.CUT


@on(ann_writes, ServerUnreachable)
def never_confirms_a_message(liar: Liar) -> None:
    """The server takes a message and never answers."""
    liar.answers("POST", LOG)(lambda asked, answer: Fate.NEVER_ANSWERED)


@on(ann_writes, SessionEnded)
def says_that_the_session_has_ended(liar: Liar) -> None:
    """The server says that the session has ended, which no host has said."""
    liar.asks("POST", LOG)(lambda asked: problem("session-ended", 410))


@on(ann_writes, NotInSession)
def says_that_the_writer_is_not_in(liar: Liar) -> None:
    """The server says that the writer is not in the session, who was not removed."""
    liar.asks("POST", LOG)(lambda asked: problem("not-authorised", 401))


@on(ann_writes, ServerRefused)
def says_that_a_message_is_too_large(liar: Liar) -> None:
    """The server says that a short message is too large."""
    liar.asks("POST", LOG)(lambda asked: problem("too-large", 413, limit="encryptedMessage"))


@on(ann_writes, ClientError)
def confirms_a_message_with_nonsense(liar: Liar) -> None:
    """The server confirms a message with a place in the log that is no number."""
    liar.asks("POST", LOG)(lambda asked: Answer(201, b'{"seq":"first"}', JSON))


@on(ann_writes, SendingStopped)
def confirms_a_message_at_another_place(liar: Liar) -> None:
    """The server confirms a message at another place in the log than it has."""

    @liar.says("POST", LOG)
    def elsewhere(told: dict[str, int]) -> dict[str, int]:
        return {**told, "seq": told["seq"] - 1}


# Commits -----------------------------------------------------------------------------------


@on(ann_renews_the_keys, CommitVoid)
def stores_a_commit_with_one_bit_changed(liar: Liar) -> None:
    """The server stores a commit with one bit changed."""
    liar.asks("POST", COMMITS)(
        lambda asked: asked.saying({**asked.json, "commit": flipped(asked.json["commit"])})
    )


@on(ann_renews_the_keys, ClientError, quick=True)
def confirms_a_commit_and_drops_it(liar: Liar) -> None:
    """The server confirms a commit and does not put it into the log."""
    liar.asks("POST", COMMITS)(lambda asked: MADE)


@on(ann_renews_the_keys, ClientError)
def says_for_ever_that_a_commit_came_too_late(liar: Liar) -> None:
    """The server refuses every commit as too late."""
    liar.asks("POST", COMMITS)(lambda asked: STALE)


@on(ann_renews_the_keys, None)
def takes_a_commit_and_says_that_it_came_too_late(liar: Liar) -> None:
    """The server takes a commit and answers that another came first."""
    done: list[bool] = []

    @liar.answers("POST", COMMITS)
    def late(asked: Asked, answer: Answer) -> Answer:
        if done:
            return answer
        done.append(True)
        return STALE


@on(ann_renews_the_keys, None)
def takes_a_commit_and_hangs_up(liar: Liar) -> None:
    """The server takes a commit and breaks the connection before it has confirmed it."""
    done: list[bool] = []

    @liar.answers("POST", COMMITS)
    def cut(asked: Asked, answer: Answer) -> Answer | Fate:
        if done:
            return answer
        done.append(True)
        return Fate.CUT


@on(ann_renews_the_keys, ServerRefused)
def refuses_a_commit(liar: Liar) -> None:
    """The server refuses a member's commit as forbidden."""
    liar.asks("POST", COMMITS)(lambda asked: problem("forbidden", 403))


@on(roe_removes_ann, ClientError)
def confirms_a_removal_and_drops_it(liar: Liar) -> None:
    """The server confirms a removal and does not put it into the log."""
    liar.asks("POST", COMMITS)(lambda asked: MADE)


@on(roe_removes_ann, None)
def removes_nobody_at_the_server(liar: Liar) -> None:
    """The server stores a removal, and lets the removed go on reading what it stores."""

    @liar.asks("POST", COMMITS)
    def keep(asked: Asked) -> Asked:
        body = {**asked.json, "close": [], "revoke": []}
        return asked.saying(body)


@on(roe_removes_ann, ServerRefused)
def refuses_a_removal(liar: Liar) -> None:
    """The server refuses a host's removal."""
    liar.asks("POST", COMMITS)(lambda asked: problem("forbidden", 403))
