"""Files straight to and from the store, and through the server where that fails (§6.1)."""

from __future__ import annotations

import filecmp
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from careseal.client import ApiToken, MessageReceived, Session, Store
from careseal.e2ee.errors import Tampered
from careseal.e2ee.payload import File
from tests.ports import free_ports
from tests.seaweed import Seaweed
from tests.serving import ServerProcess, serving
from tests.store_front import Front, Spoil, store_front

SIZE = 9_000_000  # three parts


@pytest.fixture(scope="module")
def server(bucket: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("direct"), **bucket.direct()) as running:
        yield running


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "scan.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


async def founded(server: ServerProcess, store: Store) -> Session:
    account = ApiToken(server.careseal("api-token"))
    session, _ = await Session.create(store, server.base_url, account, name="Dr. Roth")
    return session


async def sent_and_received(session: Session, source: Path, target: Path) -> None:
    await session.send_file(source)
    (file,) = [
        event.payload
        async for event in session.history()
        if isinstance(event, MessageReceived) and isinstance(event.payload, File)
    ]
    await session.receive_file(file, target)
    assert filecmp.cmp(target, source, shallow=False)


def asked(server: ServerProcess) -> list[tuple[str, str, str]]:
    """Method, end of the route and status of the requests for parts."""
    found = re.findall(
        r'"method":"(\w+)","route":"[^"]*/parts/\{number\}(/direct)?","status":(\d+)', server.log
    )
    return sorted(found)


async def test_parts_go_to_the_store_and_come_from_there(
    server: ServerProcess,
    stores: list[Store],
    source: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with await founded(server, stores[0]) as session:
            await sent_and_received(session, source, tmp_path / "received")
    steps = [("GET", "/direct", "200"), ("POST", "/direct", "201"), ("PUT", "/direct", "201")]
    assert asked(server) == sorted(3 * steps)
    assert "X-Amz-Signature" not in caplog.text


@pytest.fixture(scope="module")
def front(bucket: Seaweed) -> Iterator[Front]:
    with store_front(bucket) as running:
        yield running


@pytest.fixture(scope="module")
def fronted(
    bucket: Seaweed, front: Front, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    environment = bucket.direct() | {"CARESEAL_OBJECTS_DIRECT": front.address}
    with serving(tmp_path_factory.mktemp("fronted"), **environment) as running:
        yield running


async def test_neither_token_nor_cookie_goes_to_the_store(
    fronted: ServerProcess, front: Front, stores: list[Store], source: Path, tmp_path: Path
) -> None:
    front.heal()
    async with await founded(fronted, stores[0]) as session:
        await sent_and_received(session, source, tmp_path / "received")
    assert sorted(method for method, _ in front.asked) == 3 * ["GET"] + 3 * ["PUT"]
    for _, headers in front.asked:
        known = {
            "host",
            "accept-encoding",
            "content-length",
            "if-none-match",
            "x-amz-checksum-sha256",
        }
        assert set(headers) <= known


@pytest.mark.parametrize(
    ("spoilt", "spoils"),
    [
        ("PUT", lambda method, _body: 403 if method == "PUT" else None),
        ("PUT", lambda method, _body: 500 if method == "PUT" else None),
        ("PUT", lambda method, _body: 307 if method == "PUT" else None),
        ("GET", lambda method, _body: 404 if method == "GET" else None),
        ("GET", lambda method, body: body[:-1] if method == "GET" else None),
        ("GET", lambda method, body: body + b"x" if method == "GET" else None),
    ],
)
async def test_what_the_store_spoils_goes_through_the_server(
    fronted: ServerProcess,
    front: Front,
    stores: list[Store],
    source: Path,
    tmp_path: Path,
    spoilt: str,
    spoils: Spoil,
) -> None:
    front.heal()
    front.spoils = spoils
    before = through(fronted, spoilt)
    async with await founded(fronted, stores[0]) as session:
        await sent_and_received(session, source, tmp_path / "received")
    assert through(fronted, spoilt) == before + 3


async def test_a_store_that_fails_in_the_middle_costs_no_part(
    fronted: ServerProcess, front: Front, stores: list[Store], source: Path, tmp_path: Path
) -> None:
    front.heal()

    def after_the_first(method: str, _body: bytes) -> int | None:
        return 503 if sum(each == method for each, _ in front.asked) > 1 else None

    front.spoils = after_the_first
    async with await founded(fronted, stores[0]) as session:
        await sent_and_received(session, source, tmp_path / "received")


async def test_bytes_that_the_store_changed_do_not_open(
    fronted: ServerProcess, front: Front, stores: list[Store], source: Path, tmp_path: Path
) -> None:
    front.heal()
    front.spoils = lambda method, body: bytes(len(body)) if method == "GET" else None
    async with await founded(fronted, stores[0]) as session:
        with pytest.raises(Tampered):
            await sent_and_received(session, source, tmp_path / "received")


def through(server: ServerProcess, method: str) -> int:
    """How many parts went through the server that way."""
    return sum(each[:2] == (method, "") for each in asked(server))


async def test_a_store_that_cannot_be_reached_costs_nothing_but_time(
    bucket: Seaweed, stores: list[Store], source: Path, tmp_path: Path
) -> None:
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}/careseal"
    environment = bucket.direct() | {"CARESEAL_OBJECTS_DIRECT": nowhere}
    with serving(tmp_path / "server", **environment) as server:
        async with await founded(server, stores[0]) as session:
            await sent_and_received(session, source, tmp_path / "received")
        through = [each for each in asked(server) if not each[1]]
        assert through == sorted(3 * [("GET", "", "200"), ("PUT", "", "201")])
