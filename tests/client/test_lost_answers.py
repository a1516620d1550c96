"""What is known of a request whose answer did not arrive, or was somebody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from careseal.client import (
    ApiToken,
    CommitVoid,
    Disconnected,
    Event,
    Link,
    Over,
    ServerRefused,
    ServerUnreachable,
    Session,
    Store,
    TooMany,
    following,
)
from careseal.client.account import sign_in_code
from careseal.client.line import LineOver
from careseal.client.transport import Transport
from careseal.e2ee.secret import MemberToken
from tests.hostile.liar import COMMITS, LOG, Answer, Asked, Fate, Liar, problem
from tests.hostile.proxy import lying
from tests.hostile.scene import texts
from tests.serving import ServerProcess, serving

BUSY = Answer(503, b"<h1>Service Unavailable</h1>", {"content-type": "text/html"})
RATE = problem("too-many", 429, limit="entriesPerSecond")


@dataclass
class Line:
    """A host whose requests pass a proxy, which is honest at first."""

    host: Session
    link: Link
    origin: str
    liar: Liar = field(repr=False)

    def refuses(self, path: str, answer: Answer) -> None:
        """From now on the proxy answers itself, and passes nothing on."""
        self.liar.asks("POST", path)(lambda asked: answer)

    def loses_the_answer(self, path: str, answer: Answer) -> None:
        """The server does what it is asked for once; its answer, and all others, are `answer`."""
        passed: list[Asked] = []

        @self.liar.asks("POST", path)
        def ask(asked: Asked) -> Asked | Answer:
            passed.append(asked)
            return asked if len(passed) == 1 else answer

        self.liar.answers("POST", path)(lambda asked, told: answer)

    def behind(self, session: Session) -> None:
        session._core.transport.origin = self.origin
        session._core.transport._patience = 0.3


@asynccontextmanager
async def line_to(server: ServerProcess, account: ApiToken, store: Store) -> AsyncIterator[Line]:
    liar = Liar()
    async with lying(server.base_url, liar) as origin:
        host, (link,) = await Session.create(store, server.base_url, account, name="Dr Roe")
        async with host:
            line = Line(host, link, origin, liar)
            line.behind(host)
            yield line


@pytest.fixture
async def line(
    server: ServerProcess, account: ApiToken, stores: list[Store]
) -> AsyncIterator[Line]:
    async with line_to(server, account, stores[0]) as made:
        yield made


async def test_a_commit_whose_answer_was_lost_is_kept_until_the_log_tells(
    line: Line, stores: list[Store]
) -> None:
    line.loses_the_answer(COMMITS, BUSY)
    with pytest.raises(ServerRefused):
        await line.host.invite()
    line.liar.honest()
    async with await Session.join(stores[1], line.link, name="Ann") as patient:
        await patient.send("in the epochs after")
        told = await line.host.catch_up()
        assert texts(told) == ["in the epochs after"]
        assert not [event for event in told if isinstance(event, CommitVoid)]
        assert line.host.security_code == patient.security_code
        assert len(patient.policy.invites) == 3


async def test_a_commit_that_a_rate_refused_is_posted_later(line: Line) -> None:
    line.refuses(COMMITS, RATE)
    with pytest.raises(TooMany):
        await line.host.renew()
    assert line.host.state.pending is not None
    line.liar.honest()
    await line.host.catch_up()
    assert line.host.epoch == 1


async def test_a_line_that_ends_while_the_log_cannot_be_read_is_opened_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended:
        async def frames(self) -> AsyncIterator[dict[str, Any]]:
            raise LineOver
            yield {}

        async def send_signal(self, to: object, signal: bytes) -> None:
            raise ServerUnreachable("It has ended.")

    @asynccontextmanager
    async def ended(url: str, token: MemberToken) -> AsyncIterator[Ended]:
        yield Ended()

    monkeypatch.setattr(following, "open_line", ended)
    line.liar.asks("GET", LOG)(lambda asked: BUSY)
    heard: list[Event] = []
    async with line.host.following() as events:
        async for event in events:
            heard.append(event)
            line.liar.honest()
    assert isinstance(heard[0], Disconnected)
    assert heard[1:] == [Over()]


@pytest.mark.parametrize(("name", "status"), [("internal", 500), ("storage-full", 507)])
async def test_a_commit_that_was_stored_counts_though_it_was_refused(
    line: Line, name: str, status: int
) -> None:
    line.loses_the_answer(COMMITS, problem(name, status))
    await line.host.renew()
    assert line.host.epoch == 1


@pytest.mark.parametrize(
    ("name", "status"), [("internal", 500), ("storage-full", 507), ("too-large", 413)]
)
async def test_a_commit_that_was_refused_and_not_stored_does_not_wait(
    line: Line, name: str, status: int
) -> None:
    line.refuses(COMMITS, problem(name, status))
    with pytest.raises(ServerRefused):
        await line.host.renew()
    assert line.host.state.pending is None
    line.liar.honest()
    await line.host.renew()
    assert line.host.epoch == 1


async def test_more_links_than_may_be_open_do_not_stand_in_the_way(
    stores: list[Store], tmp_path: Path
) -> None:
    with serving(tmp_path / "server", "--limit=invites=2") as server:
        account = ApiToken(server.careseal("api-token"))
        async with line_to(server, account, stores[0]) as line:
            with pytest.raises(TooMany):
                await line.host.invite()
            await line.host.remove(line.host.policy.invites[1].id)
            await line.host.invite()


async def test_a_re_sync_whose_answer_was_lost_is_kept_until_the_log_tells(
    line: Line, stores: list[Store], copy_device: Callable[[], Path]
) -> None:
    folder = copy_device()
    async with await Session.join(stores[1], line.link, name="Ann") as patient:
        async with await Session.open(stores[0], line.host.id) as original:
            await original.renew()
        with Store.open(folder) as copied:
            async with await Session.open(copied, line.host.id) as copy:
                line.behind(copy)
                line.loses_the_answer(COMMITS, BUSY)
                with pytest.raises(ServerRefused):
                    await copy.catch_up()
                line.liar.honest()
                await copy.catch_up()
                await patient.catch_up()
                assert copy.security_code == patient.security_code
                assert patient.epoch == 3


@pytest.mark.parametrize(
    "answer",
    [
        Answer(302, b"", {"location": "/maintenance.html"}),
        Answer(401, b"Authorization Required", {"www-authenticate": "Basic"}),
        Answer(403, b"<h1>Forbidden</h1>"),
        Answer(404, b'{"type": "about:blank", "title": "Not Found", "status": 404}'),
        Answer(408, b""),
        RATE,
    ],
    ids=lambda answer: str(answer.status),
)
async def test_what_somebody_else_refuses_waits(line: Line, answer: Answer) -> None:
    line.refuses(LOG, answer)
    with pytest.raises(ServerRefused):
        await line.host.send("Take two tablets.")
    assert line.host.unsent == 1
    line.liar.honest()
    await line.host.catch_up()
    assert line.host.unsent == 0
    assert texts(await line.host.catch_up()) == ["Take two tablets."]


async def test_what_the_server_itself_refuses_does_not_wait(line: Line) -> None:
    line.refuses(LOG, problem("too-large", 413))
    with pytest.raises(ServerRefused):
        await line.host.send("Take two tablets.")
    assert line.host.unsent == 0


@pytest.mark.parametrize("answer", [Fate.CUT, BUSY], ids=["cut", "503"])
async def test_a_sign_in_whose_answer_was_lost_is_not_tried_with_the_used_code(
    server: ServerProcess, answer: Answer | Fate
) -> None:
    liar, link = Liar(), server.careseal("sign-in-link")
    liar.answers("POST", "/sign-in$")(lambda asked, told: answer)
    async with lying(server.base_url, liar) as origin, Transport(origin) as transport:
        with pytest.raises(ServerUnreachable, match="a new one is needed"):
            await transport.sign_in(sign_in_code(link))
    assert len(liar.asked) == 1
