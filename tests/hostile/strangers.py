"""Whoever asks the server for what is not theirs, and the routes that there are to ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from careseal.server.app import create_app
from careseal.server.settings import Settings
from tests.server.visits import Invite, Token, Visit, new_id

SESSION = "/api/telemedicine/sessions/{session}"
PART = f"{SESSION}/files/{{file}}/parts/{{number}}"
DIRECT = f"{PART}/direct"

MEMBERS = frozenset({"a guest", "a host"})
HOSTS = frozenset({"a host"})
LINKS = frozenset({"a guest's link", "a host's link"})
CLINICIAN = frozenset({"the clinician's cookie", "the clinician's api token"})

MAY: dict[tuple[str, str], frozenset[str]] = {
    ("POST", "/api/telemedicine/sessions"): CLINICIAN,
    ("GET", "/api/telemedicine/sessions"): CLINICIAN,
    ("GET", "/api/accounts/me"): CLINICIAN,
    ("GET", SESSION): MEMBERS | LINKS,
    ("DELETE", SESSION): HOSTS | {"the clinician's cookie"},
    ("POST", f"{SESSION}/end"): HOSTS,
    ("GET", f"{SESSION}/door"): MEMBERS | LINKS,
    ("PUT", f"{SESSION}/door"): MEMBERS,
    ("POST", f"{SESSION}/commits"): MEMBERS | LINKS,
    ("POST", f"{SESSION}/chat"): MEMBERS,
    ("GET", f"{SESSION}/chat"): MEMBERS,
    ("FOLLOW", f"{SESSION}/follow"): MEMBERS,
    ("DELETE", f"{SESSION}/members/{{member}}"): HOSTS,
    ("POST", f"{SESSION}/knocks"): LINKS,
    ("GET", f"{SESSION}/knocks"): HOSTS,
    ("GET", f"{SESSION}/knocks/{{knock}}"): LINKS,
    ("PUT", f"{SESSION}/knocks/{{knock}}"): HOSTS,
    ("DELETE", f"{SESSION}/knocks/{{knock}}"): HOSTS | LINKS,
    ("POST", f"{SESSION}/files"): MEMBERS,
    ("GET", f"{SESSION}/files/{{file}}"): MEMBERS,
    ("DELETE", f"{SESSION}/files/{{file}}"): HOSTS,
    ("PUT", PART): HOSTS,
    ("GET", PART): MEMBERS,
    ("POST", DIRECT): HOSTS,
    ("PUT", DIRECT): HOSTS,
    ("GET", DIRECT): MEMBERS,
    ("GET", f"{SESSION}/ice"): MEMBERS,
}
"""Who gets past the door of a route: a host made the file and is the member that is named."""

PUBLIC = frozenset(
    {
        ("POST", "/api/accounts/sign-in"),
        ("POST", "/api/accounts/sign-out"),
        ("GET", "/api/server"),
        ("GET", "/api/openapi.json"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    }
)
"""Routes that ask for nothing, beside the pages and files of the web client."""


def routes() -> Iterator[tuple[str, str]]:
    """Method and path of every route that the application has; ``FOLLOW`` for WebSockets."""
    app = create_app(Settings(data=Path("never-opened")))
    for route in app.routes:
        for method in sorted(getattr(route, "methods", None) or {"FOLLOW"}):
            yield method, route.path  # type: ignore[attr-defined]


def api_routes() -> list[tuple[str, str]]:
    """Without pages and files of the web client, which everybody may read."""
    pages = ("/", "/sign-in", "/telemedicine/{session}", "/assets/{name:path}", "/{name}")
    return [route for route in routes() if route[1] not in pages]


@dataclass
class Town:
    """A visit with a file in it, and everybody who could ask for something."""

    visit: Visit
    file: str
    headers: dict[str, dict[str, str]]
    cookies: dict[str, str]

    def path(self, route: str, **instead: str) -> str:
        filled = {
            "session": self.visit.id,
            "file": self.file,
            "member": self.visit.host.id,
            "number": "0",
            "knock": new_id(),
        }
        return route.format(**(filled | instead))

    def ask(
        self, client: httpx.Client, route: tuple[str, str], who: str, **options: Any
    ) -> httpx.Response:
        method, path = route
        filled = self.path(path, **options.pop("instead", {}))
        own = who == "the clinician's cookie"
        headers = self.headers[who] | options.pop("headers", {})
        if own and self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return client.request(method, filled, headers=headers, **options)


def town(client: httpx.Client, clinician: httpx.Client, api_token: str) -> Town:
    visit, other = Visit().create(clinician), Visit().create(clinician)
    host = visit.host.token.header
    guest, gone = visit.join(client, 0), visit.join(client, 1)
    closed = Invite("guest")
    for body in (
        visit.commit(2, open=[closed.opened()]),
        visit.commit(3, close=[closed.id]),
    ):
        assert client.post(f"{visit.path}/commits", json=body, headers=host).status_code == 201
    client.delete(f"{visit.path}/members/{gone.id}", headers=gone.token.header)
    file = {"id": new_id(), "parts": 1, "size": 288}
    assert client.post(f"{visit.path}/files", json=file, headers=host).status_code == 201
    part = f"{visit.path}/files/{file['id']}/parts/0"
    assert client.put(part, content=bytes(288), headers=host).status_code == 201
    headers = {
        "nobody": {},
        "a stranger": Token().header,
        "no token": {"Authorization": "Bearer x"},
        "another scheme": {"Authorization": f"Basic {visit.host.token.text}"},
        "a host of another session": other.host.token.header,
        "a link of another session": other.guest_invite.token.header,
        "a closed link": closed.token.header,
        "a removed guest": gone.token.header,
        "a guest's link": visit.guest_invite.token.header,
        "a host's link": visit.host_invite.token.header,
        "a guest": guest.token.header,
        "a host": host,
        "the clinician's cookie": {"Origin": str(client.base_url).rstrip("/")},
        "the clinician's api token": {"Authorization": f"Bearer {api_token}"},
    }
    return Town(visit, str(file["id"]), headers, dict(clinician.cookies))
