"""When lines of the log are written (careseal.server.request_log)."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest

from careseal.server.request_log import event, set_up

log = logging.getLogger("careseal.test")


class Stream(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[list[str]] = []

    def write(self, text: str) -> int:
        self.written.append([json.loads(line)["event"] for line in text.splitlines()])
        return len(text)


@pytest.fixture
def stream() -> Iterator[Stream]:
    root, own = logging.getLogger(), logging.getLogger("careseal")
    handlers, levels = root.handlers[:], (root.level, own.level)
    stream = Stream()
    set_up(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])


async def test_lines_of_one_turn_of_the_event_loop_are_written_at_once(stream: Stream) -> None:
    event(log, "first")
    event(log, "second")
    assert stream.written == []
    await asyncio.sleep(0)
    assert stream.written == [["first", "second"]]
    event(log, "third")
    await asyncio.sleep(0)
    assert stream.written[1:] == [["third"]]


async def test_a_line_of_a_thread_waits_for_nothing(stream: Stream) -> None:
    event(log, "of the loop")
    await asyncio.to_thread(event, log, "of a thread")
    assert [line for lines in stream.written for line in lines] == ["of the loop", "of a thread"]


def test_outside_of_an_event_loop_each_line_is_written(stream: Stream) -> None:
    event(log, "first")
    event(log, "second")
    assert stream.written == [["first"], ["second"]]
