"""Appends and follows with 2, 1,000 and 100,000 sessions stored, and a long log opened.

    python -m bench.growth [--quick]

The sessions are put into SQLite by the server's own tables, each with a host, a guest invite and
three entries; then a server is started on them. The same number of writers writes into one of them,
and sockets that follow another are opened one after the other. The log of
100,000 entries is read from its beginning, 1,000 a page. Sizes take turns, as all rounds run
on the same machine. To reach: within 20 % of the smallest.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import msgspec
import uvloop
from sqlalchemy import Connection, insert
from websockets.asyncio.client import connect

from bench.appends import SERVE, appends
from bench.peers.plain_http import connected, get, rate
from bench.pictures.lines import Line, drawn
from careseal.server.store.engines import open_engines, parse
from careseal.server.store.log import CHAT
from careseal.server.store.migration import upgrade
from careseal.server.store.schema import door, entry, invite, member, session
from tests.server.visits import CHAT_SIZE, DOOR_SIZE, Visit
from tests.serving import ServerProcess, serving

FLAT = 1.2
WRITERS, FOLLOWS, ENTRIES, PAGE = 16, 100, 3, 1000
AT_ONCE = 500  # sessions a statement
A_YEAR = 365 * 24 * 3600 * 1000  # ms
PICTURE = Path(__file__).parent / "pictures/growth.svg"


def octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def put_session(connection: Connection, visits: list[Visit], entries: int) -> None:
    """Sessions as the server keeps them, without asking it."""
    now = time.time_ns() // 1_000_000
    sessions, doors, invites, members, log = [], [], [], [], []
    for visit in visits:
        mine = octets(visit.id)
        of = {"session_id": mine}
        sessions.append(
            {
                "id": mine,
                "account_id": bytes(16),
                "founding": secrets.token_bytes(32),
                "head": entries,
                "last_commit": 0,
                "stored_bytes": entries * CHAT_SIZE,
                "ended": False,
                "created_at": now,
                "expires_at": now + A_YEAR,
                "last_activity_at": now,
            }
        )
        doors.append(of | {"door": secrets.token_bytes(DOOR_SIZE)})
        for each, used in ((visit.host_invite, True), (visit.guest_invite, False)):
            values = {"id": octets(each.id), "role": each.role, "open": True, "used": used}
            values["access_token_hash"] = octets(each.token.hash)
            invites.append(of | values)
        host = {"id": octets(visit.host.id), "invite_id": octets(visit.host_invite.id)}
        host |= {"token_hash": octets(visit.host.token.hash), "revoked": False, "joined_at": now}
        members.append(of | host)
        for seq in range(1, entries + 1):
            values = {"seq": seq, "kind": CHAT, "parent": 0, "id": secrets.token_bytes(16)}
            values |= {"digest": secrets.token_bytes(64), "at": now}
            log.append(of | values | {"body": secrets.token_bytes(CHAT_SIZE)})
    for table, rows in (
        (session, sessions),
        (door, doors),
        (invite, invites),
        (member, members),
        (entry, log),
    ):
        connection.execute(insert(table), rows)


def filled(folder: Path, count: int, entries: int) -> list[Visit]:
    """``count`` sessions in the database of a server that is not there yet; first and last."""
    (folder / "data").mkdir(parents=True)
    url = parse(f"sqlite:///{folder / 'data/careseal.sqlite3'}")
    upgrade(url)
    engines = open_engines(url)
    kept: list[Visit] = []
    for first in range(0, count, AT_ONCE):
        visits = [Visit() for _ in range(min(AT_ONCE, count - first))]
        with engines.writing.connect() as connection, connection.begin():
            put_session(connection, visits, entries)
        kept = [*kept, *visits]
        kept = [kept[0], kept[-1]]
    engines.dispose()
    return kept


async def follows(server: ServerProcess, visit: Visit) -> float:
    """Median ms from the handshake until a follower has all there was."""
    spent = []
    for _ in range(FOLLOWS):
        url = f"ws://127.0.0.1:{server.port}{visit.path}/follow?after=0"
        began = time.monotonic()
        async with connect(url, compression=None) as socket:
            auth = {"type": "auth", "token": visit.host.token.text}
            await socket.send(msgspec.json.encode(auth).decode())
            heard = 0
            while heard < ENTRIES:
                heard += b'"entry"' in await socket.recv(decode=False)
            spent.append(1000 * (time.monotonic() - began))
    return median(spent)


async def writes(server: ServerProcess, visit: Visit, seconds: float) -> float:
    return await rate(server.base_url, [appends(visit) for _ in range(WRITERS)], seconds)


async def opened(server: ServerProcess, visit: Visit, entries: int) -> list[float]:
    """ms of each page of a log from its beginning."""
    connection = await connected(server.base_url)
    spent = []
    for after in range(0, entries, PAGE):
        asked = get(f"{visit.path}/chat?after={after}&limit={PAGE}", visit.host.token.text)
        began = time.monotonic()
        await connection.ask(asked)
        spent.append(1000 * (time.monotonic() - began))
    connection.transport.close()
    return spent


def main(sizes: tuple[int, ...], long: int, rounds: int, seconds: float) -> int:
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        servers: dict[int, tuple[ServerProcess, list[Visit]]] = {}
        for size in sizes:
            visits = filled(Path(name) / str(size), size, ENTRIES)
            server = running.enter_context(serving(Path(name) / str(size), *SERVE))
            servers[size] = server, visits
        logbook = filled(Path(name) / "long", 1, long)[0]
        reader = running.enter_context(serving(Path(name) / "long", *SERVE))
        late: dict[int, list[float]] = {size: [] for size in sizes}
        fast: dict[int, list[float]] = {size: [] for size in sizes}
        pages: list[list[float]] = []
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            for number in range(-1, rounds):  # the first warms up
                for size, (server, visits) in servers.items():
                    came = runner.run(follows(server, visits[-1]))
                    a_second = runner.run(writes(server, visits[0], seconds))
                    if number >= 0:
                        late[size].append(came)
                        fast[size].append(a_second)
                pages.append(runner.run(opened(reader, logbook, long)))
    print("| sessions | appends a second | of the first | follow, with 3 entries | of the first |")
    print("|---|---|---|---|---|")
    worst = 1.0
    for size in sizes:
        slower = median(a / b for a, b in zip(fast[sizes[0]], fast[size], strict=True))
        later = median(a / b for a, b in zip(late[size], late[sizes[0]], strict=True))
        worst = max(worst, slower, later)
        shown = f"{median(fast[size]):.0f} | {1 / slower:.2f} | {median(late[size]):.1f} ms"
        print(f"| {size:,} | {shown} | {later:.2f} |")
    each = [median(column) for column in zip(*pages, strict=True)]
    tenth = max(1, len(each) // 10)
    first, last = median(each[:tenth]), median(each[-tenth:])
    print(
        f"\nA log of {long:,}: {sum(each) / 1000:.2f} s in {len(each)} pages; a page of its first"
    )
    print(f"tenth {first:.1f} ms, of its last {last:.1f} ms: {last / first:.2f}.")
    worst = max(worst, last / first)
    follow = Line("a follow, ms", [median(late[size]) for size in sizes])
    append = Line("appends a second", [median(fast[size]) for size in sizes])
    PICTURE.write_text(drawn("sessions stored", list(sizes), [append, follow]))
    reached = worst <= FLAT
    print(f"{'Reached' if reached else 'NOT reached'}: within 20 %; the worst is {worst:.2f}.")
    return 0 if reached else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="at most 10,000 sessions and entries")
    quick = parser.parse_args().quick
    sys.exit(
        main((2, 1000, 10_000), 10_000, 2, 1) if quick else main((2, 1000, 100_000), 100_000, 5, 2)
    )
