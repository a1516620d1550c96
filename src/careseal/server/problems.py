"""Everything the server answers when it refuses (docs/protocol.md §8.2, RFC 9457)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

KINDS: Final[dict[str, tuple[int, str]]] = {
    "malformed": (400, "The request is not what the protocol says"),
    "not-authorised": (401, "Not authorised"),
    "forbidden": (403, "Not allowed for you"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "This cannot be done here"),
    "stale-parent": (409, "Another commit came first"),
    "session-exists": (409, "Another session has this id"),
    "wrong-place": (409, "The log goes on at another place"),
    "entry-exists": (409, "Another entry has this id"),
    "part-exists": (409, "This part is stored with other bytes"),
    "file-exists": (409, "Another file has this id"),
    "too-many-open": (409, "Too many open uploads"),
    "session-ended": (410, "The session has ended"),
    "too-large": (413, "Too large"),
    "unsupported-media-type": (415, "Unsupported media type"),
    "range": (416, "The range lies outside of the part"),
    "too-many": (429, "Too many"),
    "internal": (500, "The server made a mistake"),
    "unavailable": (503, "Unavailable at the moment"),
    "storage-full": (507, "No room is left"),
}


class Problem(Exception):
    """A refusal with a stable name. Nothing was stored.

    ``limit`` names the limit that was reached, ``members`` are further members of the document.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        limit: str | None = None,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.status, self.title = KINDS[kind]
        self.detail = detail
        self.limit = limit
        self.headers = headers or {}
        self.members = members

    def response(self) -> Response:
        """The problem document."""
        document: dict[str, Any] = {
            "type": f"urn:careseal:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.limit is not None:
            document["limit"] = self.limit
        return Response(
            msgspec.json.encode(document | self.members),
            self.status,
            {"Cache-Control": "no-store", **self.headers},
            "application/problem+json",
        )


def malformed(detail: str) -> Problem:
    return Problem("malformed", detail)


def not_authorised() -> Problem:
    """One answer for a wrong token, a closed invite and a session that is not there."""
    return Problem(
        "not-authorised",
        "There is no such session, or this token does not open it.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def forbidden(detail: str) -> Problem:
    return Problem("forbidden", detail)


def too_large(limit: str, most: int) -> Problem:
    return Problem("too-large", f"More than the {most} that the limit {limit} allows.", limit=limit)


def too_many(limit: str, retry_after: int) -> Problem:
    """``retry_after`` is in seconds."""
    return Problem(
        "too-many",
        f"The limit {limit} is reached; try again in {retry_after} s.",
        limit=limit,
        headers={"Retry-After": str(retry_after)},
    )
