"""The HTTP interface as an OpenAPI document: the shapes that are enforced, nothing of anybody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import msgspec

from careseal import __version__
from careseal.server import wire
from careseal.server.problems import KINDS

Auth = Literal["member", "invite", "account", "cookie"]
SESSION: Final = "/api/telemedicine/sessions/{session}"
FILE: Final = f"{SESSION}/files/{{file}}"
PART: Final = f"{FILE}/parts/{{number}}"
DIRECT: Final = f"{PART}/direct"
APPENDING: Final = ("stale-parent", "wrong-place", "entry-exists", "session-ended")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a route. `body` is a shape, or `bytes` for a sealed part.

    `refuses` names the problems that are its own, beside those of whatever it has: see `problems`.
    """

    does: str
    auth: tuple[Auth, ...]
    answers: tuple[int, ...]
    body: type[Any] | None = None
    query: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()

    def problems(self, method: str, path: str) -> list[str]:
        """All that it can answer with, by name, as docs/protocol.md §8.2 lists them."""
        found = {"malformed", "internal", "unavailable", *self.refuses}
        if self.auth:
            found.add("not-authorised")
        if path.startswith(SESSION):
            found.add("too-many")  # of wrong tokens
        if self.body is not None:
            found |= {"too-large", "unsupported-media-type"}
        if method != "GET":
            found |= {"storage-full"}  # of the disk
        return [kind for kind in KINDS if kind in found]


MEMBER: Final = ("member",)
LINK: Final = ("invite",)
BOTH: Final = ("member", "invite")
ACCOUNT: Final = ("account", "cookie")

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/api/telemedicine/sessions"): Operation(
        "Makes a session.",
        ACCOUNT,
        (200, 201),
        wire.CreateSession,
        refuses=("forbidden", "session-exists", "too-many"),
    ),
    ("GET", "/api/telemedicine/sessions"): Operation("Sessions of this account.", ACCOUNT, (200,)),
    ("GET", SESSION): Operation("What the server knows of a session.", BOTH, (200,)),
    ("DELETE", SESSION): Operation(
        "Erases a session. Hosts, and who made it.",
        ("member", "cookie"),
        (204,),
        refuses=("forbidden",),
    ),
    ("POST", f"{SESSION}/end"): Operation(
        "Ends a session. Hosts.", MEMBER, (204,), refuses=("forbidden",)
    ),
    ("GET", f"{SESSION}/door"): Operation(
        "Door and key box.", BOTH, (200,), query=("invite",), refuses=("not-found",)
    ),
    ("PUT", f"{SESSION}/door"): Operation(
        "Mends the door.",
        MEMBER,
        (204,),
        wire.PutDoor,
        refuses=("forbidden", "stale-parent", "session-ended"),
    ),
    ("POST", f"{SESSION}/commits"): Operation(
        "Appends a commit.", BOTH, (200, 201), wire.AppendCommit, refuses=("forbidden", *APPENDING)
    ),
    ("POST", f"{SESSION}/chat"): Operation(
        "Appends a message.", MEMBER, (200, 201), wire.AppendChat, refuses=("forbidden", *APPENDING)
    ),
    ("GET", f"{SESSION}/chat"): Operation(
        "Entries of the log.",
        BOTH,
        (200,),
        query=("after", "limit", "wait", "form"),
        refuses=("forbidden",),
    ),
    ("DELETE", f"{SESSION}/members/{{member}}"): Operation(
        "Revokes a member's token.", MEMBER, (204,), refuses=("forbidden", "not-found")
    ),
    ("POST", f"{SESSION}/knocks"): Operation(
        "Knocks.", LINK, (200, 201), wire.NewKnock, refuses=("forbidden", "session-ended")
    ),
    ("GET", f"{SESSION}/knocks"): Operation(
        "Who knocks. Hosts.", MEMBER, (200,), refuses=("forbidden",)
    ),
    ("GET", f"{SESSION}/knocks/{{knock}}"): Operation(
        "What became of a knock.",
        LINK,
        (200,),
        query=("wait",),
        refuses=("forbidden", "not-found", "session-ended"),
    ),
    ("PUT", f"{SESSION}/knocks/{{knock}}"): Operation(
        "Admits. Hosts.",
        MEMBER,
        (204,),
        wire.AdmitKnock,
        refuses=("forbidden", "not-found", "stale-parent"),
    ),
    ("DELETE", f"{SESSION}/knocks/{{knock}}"): Operation(
        "Refuses, takes back.", BOTH, (204,), refuses=("forbidden", "not-found")
    ),
    ("POST", f"{SESSION}/files"): Operation(
        "Makes a file.",
        MEMBER,
        (200, 201),
        wire.CreateFile,
        refuses=("forbidden", "file-exists", "too-many-open", "session-ended"),
    ),
    ("GET", FILE): Operation(
        "Which parts are there.", MEMBER, (200,), refuses=("forbidden", "not-found")
    ),
    ("DELETE", FILE): Operation(
        "Removes a file.", MEMBER, (204,), refuses=("forbidden", "not-found")
    ),
    ("PUT", PART): Operation(
        "Stores a sealed part.",
        MEMBER,
        (200, 201),
        bytes,
        refuses=("forbidden", "not-found", "part-exists", "session-ended"),
    ),
    ("GET", PART): Operation(
        "A sealed part; ranges are honoured.",
        MEMBER,
        (200, 206),
        refuses=("forbidden", "not-found", "range"),
    ),
    ("POST", DIRECT): Operation(
        "An address to put a sealed part to.",
        MEMBER,
        (200, 201),
        wire.DirectPart,
        refuses=("forbidden", "not-found", "part-exists", "too-many-open", "session-ended"),
    ),
    ("PUT", DIRECT): Operation(
        "A part was put there.",
        MEMBER,
        (200, 201),
        wire.DirectPart,
        refuses=("forbidden", "not-found", "part-exists", "session-ended"),
    ),
    ("GET", DIRECT): Operation(
        "An address to get a sealed part from.", MEMBER, (200,), refuses=("forbidden", "not-found")
    ),
    ("GET", f"{SESSION}/ice"): Operation(
        "STUN and TURN servers.", MEMBER, (200,), refuses=("forbidden",)
    ),
    ("POST", "/api/accounts/sign-in"): Operation(
        "Signs in.", (), (204,), wire.SignIn, refuses=("forbidden", "not-authorised")
    ),
    ("POST", "/api/accounts/sign-out"): Operation("Signs out.", (), (204,), refuses=("forbidden",)),
    ("GET", "/api/accounts/me"): Operation("Who is signed in.", ACCOUNT, (200,)),
    ("GET", "/api/server"): Operation("Name, version, limits.", (), (200,)),
    ("GET", "/api/openapi.json"): Operation("This document.", (), (200,)),
    ("GET", "/healthz"): Operation("Whether the process runs.", (), (200,)),
    ("GET", "/readyz"): Operation("Whether it can write.", (), (200,)),
}

_ANY: Final = "[A-Za-z0-9_-]"
_LAST: Final = (_ANY, "[AQgw]", "[AEIMQUYcgkosw048]")  # by the octets beyond threes: no bit is left

_SCHEMES: Final = {
    "member": {"type": "http", "scheme": "bearer", "description": "A member's token."},
    "invite": {"type": "http", "scheme": "bearer", "description": "An invite's access token."},
    "account": {"type": "http", "scheme": "bearer", "description": "An API token."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-careseal"},
}


@cache
def document() -> dict[str, Any]:
    """The same for every server of this version. WebSockets are in docs/protocol.md §8.1."""
    shapes = [each.body for each in OPERATIONS.values() if each.body not in (None, bytes)]
    _, schemas = msgspec.json.schema_components(
        shapes, schema_hook=_octets, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Any] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _described(method, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "careseal", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": _SCHEMES,
        },
    }


def _described(method: str, path: str, operation: Operation) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
        for name in names
    ] + [{"name": name, "in": "query", "schema": {"type": "string"}} for name in operation.query]
    kinds: dict[int, list[str]] = {}
    for kind in operation.problems(method, path):
        kinds.setdefault(KINDS[kind][0], []).append(kind)
    described: dict[str, Any] = {
        "summary": operation.does,
        "parameters": parameters,
        "security": [{each: []} for each in operation.auth],
        "responses": {str(status): {"description": "Done."} for status in operation.answers}
        | {str(status): _refused(status, names) for status, names in kinds.items()},
    }
    if operation.body is bytes:
        content: dict[str, Any] = {"application/octet-stream": {}}
        described["requestBody"] = {"required": True, "content": content}
    elif operation.body is not None:
        schema = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        content = {"application/json": {"schema": schema}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _refused(status: int, kinds: list[str]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"enum": [f"urn:careseal:problem:{kind}" for kind in kinds]},
            "title": {"enum": [KINDS[kind][1] for kind in kinds]},
            "status": {"const": status},
            "detail": {"type": "string"},
            "limit": {"type": "string"},
        },
    }
    return {
        "description": "Refused, and nothing was stored.",
        "content": {"application/problem+json": {"schema": schema}},
    }


def _path_schema(name: str) -> dict[str, Any]:
    if name == "number":
        return {"type": "integer", "minimum": 0}
    return _octets(wire.Id)


def _octets(kind: type[Any]) -> dict[str, Any]:
    """Base64url text in its one form, of one length where the bytes have one."""
    if issubclass(kind, wire.Fixed):
        more = -(-kind.size * 4 // 3) - 1
        return {"type": "string", "pattern": f"^{_ANY}{{{more}}}{_LAST[kind.size % 3]}$"}
    if issubclass(kind, wire.Octets):
        ends = f"{_ANY}{_LAST[1]}|{_ANY}{{2}}{_LAST[2]}|{_ANY}{{4}}"
        return {"type": "string", "pattern": f"^(?:{_ANY}{{4}})*(?:{ends})$"}
    raise NotImplementedError
