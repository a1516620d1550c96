"""Byte ranges of a stored part (RFC 9110 §14)."""

from __future__ import annotations

import re

from careseal.server.problems import Problem

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def requested_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Start and end (exclusive); None for the whole. Raises ``range``.

    A header that is no single range of bytes is ignored, as RFC 9110 §14.2 allows.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise Problem(
            "range", f"The part has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
        )
    return start, end


def content_range(start: int, end: int, size: int) -> str:
    """The header's value for ``start`` to ``end`` (exclusive)."""
    return f"bytes {start}-{end - 1}/{size}"
