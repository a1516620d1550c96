"""Attacks on the line of a follower: entries, signals and the rest (docs/protocol.md §7, §8)."""

from __future__ import annotations

from typing import Any

from careseal.client import (
    CommitVoid,
    Disconnected,
    Forked,
    MessageUnreadable,
    WrongParent,
)
from careseal.e2ee import base64url

from .attack import on
from .liar import Fate, Json, Liar
from .lies_about_the_log import flipped, garbage
from .paths import ann_follows, ann_is_called

FOLLOW = r"/follow$"


def entries(liar: Liar, change: Any) -> None:
    @liar.tells
    def told(frame: Json) -> list[Any]:
        changed: list[Any] = change(frame) if frame["type"] == "entry" else [frame]
        return changed


def signals(liar: Liar, change: Any) -> None:
    @liar.tells
    def told(frame: Json) -> list[Any]:
        changed: list[Any] = change(frame) if frame["type"] == "signal" else [frame]
        return changed


# Entries -----------------------------------------------------------------------------------


@on(ann_follows, MessageUnreadable, quick=True)
def changes_one_bit_of_an_entry_on_the_line(liar: Liar) -> None:
    """The server changes one bit of each entry that it sends to a follower."""
    entries(liar, lambda frame: [{**frame, "body": flipped(frame["body"])}])


@on(ann_follows, None, quick=True)
def drops_an_entry_on_the_line(liar: Liar) -> None:
    """The server leaves one entry out on the line; it is read from the log."""
    dropped: list[int] = []

    def drop(frame: Json) -> list[Any]:
        if not dropped:
            dropped.append(frame["seq"])
        return [] if frame["seq"] in dropped else [frame]

    entries(liar, drop)


@on(ann_follows, None)
def sends_each_entry_three_times(liar: Liar) -> None:
    """The server sends each entry three times."""
    entries(liar, lambda frame: [frame, frame, frame])


@on(ann_follows, None)
def sends_entries_in_another_order(liar: Liar) -> None:
    """The server holds an entry back until the next one has gone out."""
    held: list[Json] = []

    def hold(frame: Json) -> list[Any]:
        held.append(frame)
        return [frame, held[0]] if len(held) == 2 else [frame] if len(held) > 2 else []

    entries(liar, hold)


@on(ann_follows, Forked, quick=True)
def sends_an_entry_again_with_another_body(liar: Liar) -> None:
    """The server sends an entry, and then another one in its place."""
    entries(liar, lambda frame: [frame, garbage(frame)])


@on(ann_follows, WrongParent)
def sends_an_entry_with_a_wrong_parent(liar: Liar) -> None:
    """The server sends entries that do not fit its last commit."""
    entries(liar, lambda frame: [{**frame, "parent": 0}])


@on(ann_follows, CommitVoid)
def sends_an_entry_as_a_commit(liar: Liar) -> None:
    """The server sends a message as if it were a commit."""
    entries(liar, lambda frame: [{**frame, "kind": "commit"}])


@on(ann_follows, None)
def sends_what_is_no_entry_once(liar: Liar) -> None:
    """The server sends an entry without a number; the line is made anew."""
    done: list[bool] = []

    def once(frame: Json) -> list[Any]:
        if done:
            return [frame]
        done.append(True)
        return [{**frame, "seq": None}]

    entries(liar, once)


# Other frames ------------------------------------------------------------------------------


@on(ann_follows, None)
def sends_frames_that_mean_nothing(liar: Liar) -> None:
    """The server sends lists, numbers, unknown types and members of other types in between."""
    nonsense: list[Any] = [
        "[]",
        "7",
        "null",
        '{"type":"surprise"}',
        '{"type":7}',
        '{"type":"signal","signal":7}',
        '{"type":"signal","from":"x","signal":"not base64url!"}',
        '{"type":"present","members":[1,"x",null]}',
        '{"type":"opened","invite":"x"}',
        '{"type":"opened"}',
        '{"type":"beat","head":"x"}',
        '{"type":"ready","head":null,"members":{}}',
    ]
    liar.tells(lambda frame: [frame, *nonsense])


@on(ann_follows, None)
def sends_a_frame_that_is_no_json(liar: Liar) -> None:
    """The server sends a frame that is no JSON, once; the line is made anew."""
    done: list[bool] = []

    @liar.tells
    def once(frame: Json) -> list[Any]:
        if done or frame["type"] != "entry":
            return [frame]
        done.append(True)
        return ["{", frame]


@on(ann_follows, None)
def says_that_everybody_is_here(liar: Liar) -> None:
    """The server says that members are connected who are not, and says so without end."""
    present = {"type": "present", "members": [base64url.encode(bytes(16))]}
    liar.tells(lambda frame: [present, frame, present])


@on(ann_follows, Forked)
def says_that_the_log_is_shorter_than_it_was(liar: Liar) -> None:
    """The server greets a follower with a head before what it had confirmed, and holds to it."""

    @liar.tells
    def greet(frame: Json) -> list[Any]:
        return [{**frame, "head": 0}] if frame["type"] == "ready" else [frame]

    liar.says("GET", r"/chat$")(lambda page: {**page, "entries": [], "head": 1, "lastCommit": 1})


@on(ann_follows, Disconnected)
def never_takes_up_the_line(liar: Liar) -> None:
    """The server takes the connection of a follower and never answers."""
    liar.asks("GET", FOLLOW)(lambda asked: Fate.NEVER_ANSWERED)


@on(ann_follows, Disconnected)
def never_greets(liar: Liar) -> None:
    """The server takes up the line of a follower and then says nothing."""
    liar.tells(lambda frame: [])


@on(ann_follows, Disconnected)
def hangs_up_on_a_follower(liar: Liar) -> None:
    """The server breaks the line of a follower, every time."""
    liar.asks("GET", FOLLOW)(lambda asked: Fate.CUT)


# Signals -----------------------------------------------------------------------------------


@on(ann_is_called, None, quick=True)
def changes_one_bit_of_a_signal(liar: Liar) -> None:
    """The server changes one bit of each signal; none is taken."""
    signals(liar, lambda frame: [{**frame, "signal": flipped(frame["signal"])}])


@on(ann_is_called, None, quick=True)
def relays_each_signal_three_times(liar: Liar) -> None:
    """The server relays each signal three times; each is taken once."""
    signals(liar, lambda frame: [frame, frame, frame])


@on(ann_is_called, None)
def relays_signals_in_another_order(liar: Liar) -> None:
    """The server holds signals back; one that is older than the last is not taken."""
    held: list[Json] = []

    def hold(frame: Json) -> list[Any]:
        if not held:
            held.append(frame)
            return []
        return [frame, held.pop()]

    signals(liar, hold)


@on(ann_is_called, None)
def relays_old_signals_again(liar: Liar) -> None:
    """The server relays every earlier signal again after each new one, a hang-up among them."""
    heard: list[Json] = []

    def again(frame: Json) -> list[Any]:
        heard.append(frame)
        return [frame, *heard]

    signals(liar, again)


@on(ann_is_called, None)
def relays_signals_in_the_name_of_somebody_else(liar: Liar) -> None:
    """The server says that a signal is of somebody else; its signature says of whom it is."""
    signals(liar, lambda frame: [{**frame, "from": base64url.encode(bytes(16))}])


@on(ann_is_called, None)
def relays_a_signal_back_to_its_sender(liar: Liar) -> None:
    """The server gives a client its own signals as if they were another's."""
    own: list[str] = []

    @liar.hears
    def hear(frame: Json) -> list[Any]:
        if frame["type"] == "signal":
            own.append(frame["signal"])
        return [frame]

    def mix(frame: Json) -> list[Any]:
        return [{**frame, "signal": each} for each in own] + [frame]

    signals(liar, mix)


@on(ann_is_called, None)
def moves_a_signal_to_another_epoch(liar: Liar) -> None:
    """The server changes the epoch in front of a signal."""

    def moved(frame: Json) -> list[Any]:
        data = bytearray(base64url.decode(frame["signal"]))
        data[7] ^= 1
        return [{**frame, "signal": base64url.encode(bytes(data))}]

    signals(liar, moved)


@on(ann_is_called, None)
def floods_with_signals_that_do_not_open(liar: Liar) -> None:
    """The server sends two thousand signals of random bytes between any two frames."""
    flood = {"type": "signal", "from": base64url.encode(bytes(16))}
    frames = [{**flood, "signal": base64url.encode(bytes([n % 256]) * 296)} for n in range(2000)]
    signals(liar, lambda frame: [*frames, frame])
