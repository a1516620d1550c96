"""How often and how many: each refusal names its limit (docs/protocol.md §8.3)."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Iterator

import httpx
import pytest

from careseal.server.limits import RateLimiter
from careseal.server.problems import Problem
from careseal.server.settings import Limits, limits_with
from tests.server.visits import Invite, Member, Visit, chat, problem_of
from tests.serving import ServerProcess, serving


@pytest.fixture(scope="module")
def tight_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(
        tmp_path_factory.mktemp("tight"),
        "--limit=entriesPerSecond=0",
        "--limit=entriesBurst=8",
        "--limit=doorsPerSecond=0",
        "--limit=doorsBurst=3",
        "--limit=members=3",
        "--limit=invites=3",
        "--limit=entries=6",
        "--limit=lifetime=1000",
        "--turn-url=turn:turn.example:3478?transport=udp",
        "--turn-url=turns:turn.example:5349",
        "--stun-url=stun:turn.example:3478",
        "--turn-secret=hush",
        "--name=Clinic on the hill",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def clinician(tight_server: ServerProcess) -> Iterator[httpx.Client]:
    with tight_server.sign_in() as client:
        yield client


@pytest.fixture
def visit(clinician: httpx.Client) -> Visit:
    return Visit().create(clinician)


def test_who_writes_too_fast_is_told_when_to_come_back(
    clinician: httpx.Client, visit: Visit
) -> None:
    header = visit.host.token.header
    answers = [
        clinician.post(f"{visit.path}/chat", json=chat(7), headers=header) for _ in range(10)
    ]
    assert [answer.status_code for answer in answers[:8]] == [409] * 8
    refused = answers[-1]
    assert (refused.status_code, problem_of(refused)) == (429, "too-many")
    assert refused.json()["limit"] == "entriesPerSecond"
    assert int(refused.headers["retry-after"]) >= 1


def test_doors_are_not_fetched_without_end(clinician: httpx.Client, visit: Visit) -> None:
    header = visit.guest_invite.token.header
    answers = [clinician.get(f"{visit.path}/door", headers=header) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["limit"] == "doorsPerSecond"
    other = clinician.get(f"{visit.path}/door", headers=visit.host_invite.token.header)
    assert other.status_code == 200


def test_members_are_counted_without_those_revoked(clinician: httpx.Client, visit: Visit) -> None:
    guest = visit.join(clinician, 0)
    visit.join(clinician, 1)
    body = visit.commit(2, member=Member().joins())
    header = visit.guest_invite.token.header
    refused = clinician.post(f"{visit.path}/commits", json=body, headers=header)
    assert (refused.status_code, problem_of(refused)) == (429, "too-many")
    assert refused.json()["limit"] == "members"
    clinician.delete(f"{visit.path}/members/{guest.id}", headers=guest.token.header)
    again = clinician.post(f"{visit.path}/commits", json=body, headers=header)
    assert again.status_code == 201


def test_open_invites_are_counted(clinician: httpx.Client, visit: Visit) -> None:
    header = visit.host.token.header
    body = visit.commit(0, open=[Invite("guest").opened(), Invite("guest").opened()])
    refused = clinician.post(f"{visit.path}/commits", json=body, headers=header)
    assert (problem_of(refused), refused.json()["limit"]) == ("too-many", "invites")
    swapped = body | {"close": [visit.guest_invite.id]}
    answer = clinician.post(f"{visit.path}/commits", json=swapped, headers=header)
    assert answer.status_code == 201


def test_a_log_can_be_full(clinician: httpx.Client, visit: Visit) -> None:
    for _ in range(6):
        visit.write(clinician, visit.host)
    header = visit.host.token.header
    refused = clinician.post(f"{visit.path}/chat", json=chat(), headers=header)
    assert (refused.status_code, problem_of(refused)) == (507, "storage-full")
    assert refused.json()["limit"] == "entries"


def test_a_lifetime_is_limited_and_kept(clinician: httpx.Client) -> None:
    too_long = Visit(lifetime=1001)
    refused = clinician.post("/api/telemedicine/sessions", json=too_long.founding())
    assert (problem_of(refused), refused.json()["limit"]) == ("too-large", "lifetime")
    for asked, given in ((500, 500), (None, 1000)):
        body = Visit(lifetime=asked).founding()
        session = clinician.post("/api/telemedicine/sessions", json=body).json()
        assert session["expiresAt"] - session["createdAt"] == given * 1000


def test_limits_are_published(clinician: httpx.Client, visit: Visit) -> None:
    server = clinician.get("/api/server").json()
    assert server["name"] == "Clinic on the hill"
    expected = limits_with(
        {
            "entriesPerSecond": 0,
            "entriesBurst": 8,
            "doorsPerSecond": 0,
            "doorsBurst": 3,
            "members": 3,
            "invites": 3,
            "entries": 6,
            "lifetime": 1000,
        }
    ).published()
    assert server["limits"] == expected
    session = clinician.get(visit.path, headers=visit.host.token.header).json()
    assert session["limits"] == expected


def test_turn_credentials_are_of_limited_time(clinician: httpx.Client, visit: Visit) -> None:
    answer = clinician.get(f"{visit.path}/ice", headers=visit.host.token.header).json()
    stun, turn = answer["iceServers"]
    assert stun == {"urls": ["stun:turn.example:3478"]}
    assert turn["urls"] == ["turn:turn.example:3478?transport=udp", "turns:turn.example:5349"]
    expires, _, random = turn["username"].partition(":")
    assert 3500 < int(expires) - time.time() <= 3600
    assert answer["ttl"] == 3600
    assert visit.host.id not in turn["username"]
    assert len(random) == 16
    proof = hmac.digest(b"hush", turn["username"].encode(), "sha1")
    assert turn["credential"] == base64.b64encode(proof).decode()


def test_a_bucket_fills_at_its_rate() -> None:
    now = 0.0
    limits = Limits(entries_per_second=2, entries_burst=3)
    limiter = RateLimiter(limits, lambda: now)
    for _ in range(3):
        limiter.take("entriesPerSecond", "a")
    limiter.take("entriesPerSecond", "b")
    with pytest.raises(Problem) as refused:
        limiter.take("entriesPerSecond", "a")
    assert refused.value.headers == {"Retry-After": "1"}
    now = 0.5
    limiter.take("entriesPerSecond", "a")
    now = 100
    for _ in range(3):
        limiter.take("entriesPerSecond", "a")
    with pytest.raises(Problem):
        limiter.take("entriesPerSecond", "a")


def test_buckets_of_those_who_left_are_forgotten() -> None:
    now = 0.0
    limiter = RateLimiter(Limits(), lambda: now)
    for who in range(10_001):
        limiter.take("entriesPerSecond", who)
    now = 60
    limiter.take("entriesPerSecond", "new")
    assert len(limiter._buckets) == 1
