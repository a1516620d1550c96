"""Memory of each follower and how late an entry is heard, beside a bare WebSocket that echoes.

    python -m bench.followers [--quick]

One worker. As many sockets as may be open are spread over sessions of ten; then entries are
written, one session after the other, and every socket of it says when it heard. The bare server is
on the stack of careseal's: one socket of a room sends, all ten hear. Memory is the growth of the
server's process. The crowd runs in this process, on the same machine, so that what it takes
to read is in the times of both. To reach: 40 KiB each, heard within 250 ms by 99 of 100.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from bench.appends import SERVE, found
from bench.peers.plain_http import Connection, connected, post
from bench.peers.processes import running
from tests.ports import free_ports
from tests.server.visits import Visit, chat
from tests.serving import ServerProcess, serving

KIB_EACH, HEARD_WITHIN = 40.0, 0.250
ROOM, AT_ONCE, SPARE = 10, 48, 500
PAUSE = 0.01  # s between two entries

Enter = Callable[[int], Awaitable[ClientConnection]]
Say = Callable[[int], Awaitable[object]]
Measured = tuple[float, float, list[float]]  # KiB each, s until all came, s until each heard


def memory(process: subprocess.Popen[bytes]) -> float:
    """KiB that are in use."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


async def gather(enter: Enter, count: int) -> list[ClientConnection]:
    waiting = iter(range(count))
    here: dict[int, ClientConnection] = {}

    async def work() -> None:
        for number in waiting:
            here[number] = await enter(number)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return [here[number] for number in range(count)]


async def fan_out(sockets: list[ClientConnection], say: Say, entries: int) -> list[float]:
    """Seconds until each socket of a session heard what was said there."""
    heard: list[float] = []
    for turn in range(entries):
        number = turn % (len(sockets) // ROOM)
        room = sockets[number * ROOM : (number + 1) * ROOM]
        began = time.monotonic()

        async def hear(socket: ClientConnection, began: float = began) -> None:
            while b'"beat"' in (frame := await socket.recv(decode=False)) or b'"pres' in frame:
                pass
            heard.append(time.monotonic() - began)

        await asyncio.gather(say(number), *map(hear, room))
        await asyncio.sleep(PAUSE)
    return heard


async def of_one(
    process: subprocess.Popen[bytes], enter: Enter, say: Say, count: int, entries: int
) -> Measured:
    for socket in await gather(enter, ROOM):  # what is loaded late is loaded now
        await socket.close()
    before, began = memory(process), time.monotonic()
    sockets = await gather(enter, count)
    took = time.monotonic() - began
    each = (memory(process) - before) / count
    heard = await fan_out(sockets, say, entries)
    for socket in sockets:
        socket.transport.abort()
    return each, took, heard


async def careseal(server: ServerProcess, token: str, count: int, entries: int) -> Measured:
    visits = await found(server, token, count // ROOM)
    writers: list[Connection] = []

    async def enter(number: int) -> ClientConnection:
        visit: Visit = visits[number // ROOM]
        url = f"ws://127.0.0.1:{server.port}{visit.path}/follow"
        socket = await connect(url, compression=None, ping_interval=None, open_timeout=60)
        auth = {"type": "auth", "token": visit.host.token.text}
        await socket.send(msgspec.json.encode(auth).decode())
        while b'"ready"' not in await socket.recv(decode=False):
            pass
        return socket

    async def say(number: int) -> None:
        visit = visits[number]
        if not writers:  # only now: the server closes what is idle for long
            writers.append(await connected(server.base_url))
        await writers[0].ask(post(f"{visit.path}/chat", chat(), visit.host.token.text))

    assert server.process is not None
    return await of_one(server.process, enter, say, count, entries)


async def echo(process: subprocess.Popen[bytes], port: int, count: int, entries: int) -> Measured:
    senders: dict[int, ClientConnection] = {}

    async def enter(number: int) -> ClientConnection:
        url = f"ws://127.0.0.1:{port}/{number // ROOM}"
        socket = await connect(url, compression=None, ping_interval=None, open_timeout=60)
        await socket.recv()
        senders[number // ROOM] = socket
        return socket

    async def say(number: int) -> None:
        await senders[number].send(msgspec.json.encode(chat()).decode())

    return await of_one(process, enter, say, count, entries)


def main(most: int, rounds: int, entries: int) -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(most, hard - SPARE) // ROOM * ROOM
    taken: dict[str, list[Measured]] = {"echo": [], "careseal": []}
    serve = [*SERVE, f"--limit=followers={2 * ROOM}"]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for _ in range(rounds):
            (port,) = free_ports(1)
            with tempfile.TemporaryDirectory() as name:
                command = [sys.executable, "-m", "bench.peers.bare_echo", name, str(port)]
                with running(*command, port=port, log=Path(name) / "log") as process:
                    taken["echo"].append(runner.run(echo(process, port, count, entries)))
                with serving(Path(name) / "server", *serve) as server:
                    token = server.careseal("api-token")
                    taken["careseal"].append(runner.run(careseal(server, token, count, entries)))
    print(f"{count} followers, {ROOM} in a session\n")
    print("| server | KiB each | heard, median | heard, 99 % | all came within |")
    print("|---|---|---|---|---|")
    rows = {}
    for name, runs in taken.items():
        late = [quantiles(heard, n=100) for _, _, heard in runs]
        kib, took = median(each for each, _, _ in runs), median(took for _, took, _ in runs)
        half, tail = median(each[49] for each in late), median(each[98] for each in late)
        rows[name] = kib, tail
        shown = f"{1000 * half:.1f} ms | {1000 * tail:.1f} ms | {took:.0f} s"
        print(f"| {name} | {kib:.1f} | {shown} |")
    (kib, tail), (bare_kib, bare_tail) = rows["careseal"], rows["echo"]
    print(f"\nOf the bare one: {kib / bare_kib:.2f} the memory, {tail / bare_tail:.2f} the tail.")
    reached = kib <= KIB_EACH and tail <= HEARD_WITHIN
    print(f"{'Reached' if reached else 'NOT reached'}: {KIB_EACH:.0f} KiB each, 250 ms.")
    return 0 if reached else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 followers, one round")
    quick = parser.parse_args().quick
    sys.exit(main(1000, 1, 100) if quick else main(10_000, 1, 500))
