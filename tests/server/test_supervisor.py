"""Workers that do not start (careseal.server.supervisor)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.eventually import eventually

NOT_YET = "a worker does not start; the others go on"


@contextmanager
def supervised(folder: Path, start_at_most: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.server.supervised", str(folder), str(start_at_most)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as running:
        try:
            yield running
        finally:
            running.kill()
            for process in ready(folder):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def ready(folder: Path) -> set[int]:
    """The processes that ever were."""
    return {int(each.stem) for each in folder.glob("*.pid")}


def lives(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def test_where_a_second_worker_does_not_start_nothing_stays(tmp_path: Path) -> None:
    with supervised(tmp_path, start_at_most=1) as running:
        assert running.wait(60) == 3
        (first,) = ready(tmp_path)
        eventually(lambda: not lives(first))


def test_a_worker_that_cannot_be_replaced_yet_takes_no_other_along(tmp_path: Path) -> None:
    with supervised(tmp_path, start_at_most=2) as running:
        eventually((tmp_path / "started").exists)
        before = ready(tmp_path)
        dies, stays = before
        os.kill(dies, signal.SIGKILL)
        eventually(lambda: NOT_YET in (tmp_path / "log").read_text())
        assert lives(stays)
        (tmp_path / "go on").touch()
        eventually(lambda: len(ready(tmp_path)) == 3)
        assert lives(stays)
        running.terminate()
        assert running.wait(60) == 0
        eventually(lambda: not any(map(lives, ready(tmp_path))))


def test_it_ends_while_a_worker_starts(tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    with supervised(tmp_path, start_at_most=1) as running:
        eventually((tmp_path / "starting").exists)
        running.terminate()
        assert running.wait(20) == 0
        eventually(lambda: not any(map(lives, ready(tmp_path))))
