"""Signing in, and what a cookie or an API token may do."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.server.visits import Visit, problem_of, random_b64
from tests.serving import ServerProcess, serving

SESSIONS = "/api/telemedicine/sessions"


def test_a_sign_in_link_works_once(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.client() as browser:
        me = browser.get("/api/accounts/me")
        assert (me.status_code, problem_of(me)) == (401, "not-authorised")

        signed_in = browser.post("/api/accounts/sign-in", json={"code": server.sign_in_code})
        assert (signed_in.status_code, signed_in.content) == (204, b"")
        cookie = signed_in.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert browser.get("/api/accounts/me").json()["name"] == "Clinician"

        again = server.client().post("/api/accounts/sign-in", json={"code": server.sign_in_code})
        assert (again.status_code, problem_of(again)) == (401, "not-authorised")
        assert "set-cookie" not in again.headers

        first = server.sign_in_code
        server.restart()
        assert server.sign_in_code != first
        assert browser.get("/api/accounts/me").status_code == 200  # the cookie outlives it


def test_signing_out_ends_the_cookie(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.sign_in() as browser:
        copied = {"Cookie": f"careseal={browser.cookies['careseal']}"}
        gone = browser.post("/api/accounts/sign-out")
        assert gone.status_code == 204
        assert "Max-Age=0" in gone.headers["set-cookie"]
        stolen = server.client().get("/api/accounts/me", headers=copied)
        assert stolen.status_code == 401


def test_behind_tls_the_cookie_is_for_this_host_and_tls_only(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        answer = server.client().post(
            "/api/accounts/sign-in",
            json={"code": server.sign_in_code},
            headers={"X-Forwarded-Proto": "https"},
        )
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-careseal=")
        assert "Secure" in cookie.split("; ")
        assert answer.headers["strict-transport-security"] == "max-age=63072000"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_cookie_changes_nothing_from_other_pages(
    server: ServerProcess, signed_in: httpx.Client, headers: dict[str, str]
) -> None:
    visit = Visit()
    cookie = {"Cookie": f"careseal={signed_in.cookies['careseal']}"}
    made = server.client().post(SESSIONS, json=visit.founding(), headers=headers | cookie)
    assert (made.status_code, problem_of(made)) == (403, "forbidden")
    visit.create(signed_in)
    gone = server.client().delete(visit.path, headers=headers | cookie)
    assert problem_of(gone) == "forbidden"


def test_no_other_page_signs_a_browser_in(server: ServerProcess) -> None:
    answer = server.client().post(
        "/api/accounts/sign-in",
        json={"code": random_b64(32)},
        headers={"Origin": "https://elsewhere.example"},
    )
    assert problem_of(answer) == "forbidden"


def test_an_api_token_makes_sessions(server: ServerProcess, client: httpx.Client) -> None:
    token = server.careseal("api-token")
    headers = {"Authorization": f"Bearer {token}"}
    visit = Visit()
    made = client.post(SESSIONS, json=visit.founding(), headers=headers)
    assert made.status_code == 201, made.text
    listed = client.get(SESSIONS, headers=headers).json()["sessions"]
    assert visit.id in {session["id"] for session in listed}
    wrong = client.get(SESSIONS, headers={"Authorization": f"Bearer {random_b64(32)}"})
    assert problem_of(wrong) == "not-authorised"


def test_a_session_is_made_once(signed_in: httpx.Client) -> None:
    visit = Visit()
    body = visit.founding()
    first, again = (signed_in.post(SESSIONS, json=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert set(first.json()) == {
        "id", "head", "lastCommit", "createdAt", "expiresAt", "ended", "limits"
    }  # fmt: skip
    other = signed_in.post(SESSIONS, json=visit.founding())
    assert (other.status_code, problem_of(other)) == (409, "session-exists")


def test_the_founder_comes_by_a_host_invite_of_the_session(signed_in: httpx.Client) -> None:
    visit = Visit()
    body = visit.founding()
    by_guest = body | {"member": body["member"] | {"invite": visit.guest_invite.id}}
    assert problem_of(signed_in.post(SESSIONS, json=by_guest)) == "forbidden"
    by_none = body | {"member": body["member"] | {"invite": random_b64(16)}}
    assert problem_of(signed_in.post(SESSIONS, json=by_none)) == "malformed"


def test_whoever_made_a_session_can_delete_it(
    signed_in: httpx.Client, client: httpx.Client, visit: Visit
) -> None:
    assert signed_in.delete(visit.path).status_code == 204
    gone = client.get(visit.path, headers=visit.host.token.header)
    assert problem_of(gone) == "not-authorised"
    assert problem_of(signed_in.delete(visit.path)) == "not-authorised"
    listed = signed_in.get(SESSIONS).json()["sessions"]
    assert visit.id not in {session["id"] for session in listed}
