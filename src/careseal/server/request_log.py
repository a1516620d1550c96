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


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            fields = fields | {"exception": _described(record.exc_info[1])}
        level = record.levelname.lower()
        return _line(record.created, level, record.name, record.getMessage(), fields)


def _line(seconds: float, level: str, logger: str, event: str, fields: dict[str, Any]) -> str:
    at = f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03}Z"
    about = {"time": at, "level": level, "logger": logger, "event": event}
    return wire.encode(about | fields).decode()


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
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self.say(line)

    def say(self, line: str) -> None:
        """Write a line soon."""
        with self.lock or nullcontext():
            self._lines.append(line)
            first = len(self._lines) == 1
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if first:
            loop.call_soon(self.flush)

    def flush(self) -> None:
        with self.lock or nullcontext():
            lines, self._lines = self._lines, []
            with suppress(OSError, ValueError):  # nobody reads any more; that stops nothing
                self.stream.write("".join(f"{line}\n" for line in lines))
                self.stream.flush()


_together: _Together | None = None


def set_up(stream: TextIO = sys.stderr) -> None:
    """Send all logs to ``stream``; libraries speak up only to warn."""
    global _together  # noqa: PLW0603 - as with loggers, there is one for the process
    handler = _together = _Together(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("careseal").setLevel(logging.INFO)


def event(logger: logging.Logger, name: str, **fields: Any) -> None:
    """Log ``name`` with plain values."""
    logger.info(name, extra={"fields": fields})


def request(method: str, route: str, status: int, seconds: float, request_id: str) -> None:
    """Log that a request, or a WebSocket with its close code, is over."""
    if _together is None:
        return
    fields = {"method": method, "route": route, "status": status}
    fields |= {"ms": round(seconds * 1000, 1), "request": request_id}
    # Past the loggers, whose way costs five times as much and is paid for by every request.
    _together.say(_line(time.time(), "info", "careseal.request", "request", fields))


def _described(failure: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(failure.__traceback__)[-8:]
    return {
        "type": type(failure).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
