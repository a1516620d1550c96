"""Several worker processes on one listening socket: kept alive, replaced one by one on SIGHUP."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from careseal.server import metrics
from careseal.server.request_log import event

READY_WITHIN: Final = 60.0  # s
LOOK_EVERY: Final = 0.5  # s, whether the server is to end, while a worker starts
GONE_WITHIN: Final = 30.0  # s after SIGTERM, then SIGKILL
QUICK: Final = 3  # workers that end before they are ready, one after the other: give up
FIRST_PAUSE: Final = 1.0  # s before a worker that did not start is tried again, then twice it
LAST_PAUSE: Final = 60.0
log = logging.getLogger(__name__)
multiprocessing.allow_connection_pickling()

Work = Callable[[socket.socket, Connection], None]


class CannotWork(Exception):
    """Workers end before they are ready."""


class _Ending(Exception):
    """The server is to end."""


def say_ready(parent: Connection) -> None:
    """Tell the supervisor, and end at once when it does, however that happens."""
    parent.send(True)

    def follow_it() -> None:
        with suppress(OSError, EOFError):
            parent.recv()
        os._exit(1)

    threading.Thread(target=follow_it, name="supervisor", daemon=True).start()


class Supervisor:
    """Runs ``work(listening, parent)`` in each process, which calls ``say_ready(parent)``."""

    def __init__(self, work: Work, listening: socket.socket, count: int) -> None:
        self._work = work
        self._listening = listening
        self._count = count
        self._workers: list[SpawnProcess] = []
        self._children: dict[SpawnProcess, Connection] = {}
        self._pause, self._again_at = FIRST_PAUSE, 0.0
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._ending = False
        self._woken, self._wake = os.pipe()

    def run(self, started: Callable[[], None]) -> None:
        """Until SIGTERM or SIGINT. ``started`` is called when all are ready.

        Raises ``CannotWork``.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)
        try:
            while self._missing():
                self._workers.append(self._start())
            started()
            while self._next() != signal.SIGTERM:
                pass
        except _Ending:
            pass
        finally:
            for worker in self._workers:
                self._stop(worker, wait=False)
            for worker in self._workers:
                self._stop(worker)

    def _signalled(self, number: int, _frame: object) -> None:
        self._ending = self._ending or number != signal.SIGHUP
        self._signals.put(number)
        os.write(self._wake, b".")

    def _next(self) -> int:
        """Wait for a signal or a worker's end, and do what it asks; SIGTERM for the end."""
        pause = max(0, self._again_at - time.monotonic()) if self._missing() else None
        wait([self._woken, *(worker.sentinel for worker in self._workers)], pause)
        for worker in [each for each in self._workers if not each.is_alive()]:
            event(log, "a worker ended", code=worker.exitcode)
            metrics.worker_gone(worker.pid or 0)
            self._workers.remove(worker)
        self._fill_up()
        if self._signals.empty():
            return 0
        os.read(self._woken, 1)
        if self._signals.get() != signal.SIGHUP:
            return signal.SIGTERM
        self._replace()
        return 0

    def _missing(self) -> int:
        return self._count - len(self._workers)

    def _fill_up(self) -> None:
        """Workers for those that ended; where none starts just now, later, if any is left."""
        if not self._missing() or time.monotonic() < self._again_at:
            return
        try:
            while self._missing():
                self._workers.append(self._start())
            self._pause = FIRST_PAUSE
        except CannotWork:
            if not self._workers:
                raise
            event(log, "a worker does not start; the others go on", again_in=self._pause)
            self._again_at = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LAST_PAUSE)

    def _replace(self) -> None:
        """Each when its successor is ready; where that does not start, the old ones go on."""
        try:
            for index, worker in enumerate(self._workers):
                self._workers[index] = self._start()
                self._stop(worker)
        except CannotWork:
            event(log, "workers not replaced: what is installed now does not start")
            return
        event(log, "workers replaced", count=len(self._workers))

    def _start(self) -> SpawnProcess:
        """A worker that is ready. Raises ``CannotWork``, ``_Ending``."""
        for _ in range(QUICK):
            child, parent = multiprocessing.Pipe()
            context = multiprocessing.get_context("spawn")
            worker = context.Process(target=self._work, args=(self._listening, parent))
            worker.start()
            parent.close()
            if self._says_ready(child):
                self._children[worker] = child
                return worker
            self._stop(worker)
            if self._ending:
                raise _Ending
        raise CannotWork("Workers end before they are ready; the log says why.")

    def _says_ready(self, child: Connection) -> bool:
        until = time.monotonic() + READY_WITHIN
        while not child.poll(LOOK_EVERY):
            if self._ending or time.monotonic() > until:
                return False
        try:
            child.recv()
        except EOFError:
            event(log, "a worker did not start")
            return False
        return True

    def _stop(self, worker: SpawnProcess, *, wait: bool = True) -> None:
        worker.terminate()
        if not wait:
            return
        worker.join(GONE_WITHIN)
        self._children.pop(worker, None)
        if worker.exitcode is None:
            worker.kill()
            worker.join()
        metrics.worker_gone(worker.pid or 0)
