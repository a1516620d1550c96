"""Logs as JSON lines: what was asked and how it went, never by whom or with what.

A request is logged by its route's template, so no id, token, query or body gets into a log.
Exceptions are logged by type and place, without their texts.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import traceback
from contextlib import nullcontext, suppress
from functools import lru_cache
from typing import Any, TextIO

from careseal.server import wire

log = logging.getLogger("careseal.request")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = f"{_second(int(record.created))}.{int(record.msecs):03}Z"
        line: dict[str, Any] = {"time": at}
        line |= {"level": record.levelname.lower(), "logger": record.name}
        line["event"] = record.getMessage()
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line["exception"] = _described(record.exc_info[1])
        return wire.encode(line).decode()


@lru_cache(1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class _Together(logging.StreamHandler[TextIO]):
    """Writes the lines of one turn of the event loop at once; from elsewhere, each by itself."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if len(self._lines) == 1:
            loop.call_soon(self.flush)

    def flush(self) -> None:
        with self.lock or nullcontext():
            lines, self._lines = self._lines, []
            with suppress(OSError, ValueError):  # nobody reads any more; that stops nothing
                self.stream.write("".join(f"{line}\n" for line in lines))
                self.stream.flush()


def set_up(stream: TextIO = sys.stderr) -> None:
    """Send all logs to ``stream``; libraries speak up only to warn."""
    for unused in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        setattr(logging, unused, False)  # not looked up for every line
    handler = _Together(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("careseal").setLevel(logging.INFO)


def event(logger: logging.Logger, name: str, **fields: Any) -> None:
    """Log ``name`` with plain values."""
    if logger.isEnabledFor(logging.INFO):
        extra = {"fields": fields}  # without the place in the code, which takes long to find
        made = logger.makeRecord(logger.name, logging.INFO, "", 0, name, (), None, extra=extra)
        logger.handle(made)


def request(method: str, route: str, status: int, seconds: float, request_id: str) -> None:
    """Log that a request, or a WebSocket with its close code, is over."""
    fields = {"method": method, "route": route, "status": status}
    event(log, "request", **fields, ms=round(seconds * 1000, 1), request=request_id)


def _described(failure: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(failure.__traceback__)[-8:]
    return {
        "type": type(failure).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
