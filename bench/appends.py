"""Durable appends a second, beside a POST of the same framework that does next to nothing.

    python -m bench.appends [--quick]

One worker on SQLite, 64 writers, each in a session of its own and each waiting for its answer. The
bare server reads and answers JSON of the same size on the same stack: once it writes nothing, once
it syncs a line to disk, in groups as careseal does. Each round does all three, one after the other.
To reach: 0.6 of the bare POST that is as durable.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import uvloop

from bench.peers.plain_http import connected, post, rate
from bench.peers.processes import running
from tests.ports import free_ports
from tests.server.visits import Visit, chat
from tests.serving import ServerProcess, serving

WRITERS = 64
TO_REACH = 0.6
LIMITS = ("entriesPerSecond=1000000", "entriesBurst=1000000", "entries=10000000")
SERVE = [f"--limit={limit}" for limit in LIMITS]


async def found(server: ServerProcess, token: str, count: int) -> list[Visit]:
    """New sessions with a host in each."""
    connection = await connected(server.base_url)
    visits = [Visit() for _ in range(count)]
    for visit in visits:
        await connection.ask(post("/api/telemedicine/sessions", visit.founding(), token))
    connection.transport.close()
    return visits


def appends(visit: Visit) -> Iterator[bytes]:
    while True:
        yield post(f"{visit.path}/chat", chat(), visit.host.token.text)


def bare(path: str) -> Iterator[bytes]:
    while True:
        yield post(path, chat())


async def measure(
    server: ServerProcess, token: str, origin: str, rounds: int, seconds: float
) -> dict[str, list[float]]:
    visits = await found(server, token, WRITERS)
    works = {
        "nothing": lambda: rate(origin, [bare("/nothing") for _ in range(WRITERS)], seconds),
        "synced": lambda: rate(origin, [bare("/synced") for _ in range(WRITERS)], seconds),
        "append": lambda: rate(server.base_url, [appends(each) for each in visits], seconds),
    }
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(-1, rounds):  # the first warms up
        for name, work in works.items():
            a_second = await work()
            if number >= 0:
                taken[name].append(a_second)
    return taken


def main(rounds: int, seconds: float) -> int:
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as name, serving(Path(name) / "server", *SERVE) as server:
        folder, token = Path(name), server.careseal("api-token")
        command = [sys.executable, "-m", "bench.peers.bare_posts", folder / "bare", str(port)]
        with running(*command, port=port, log=folder / "bare.log"):
            origin = f"http://localhost:{port}"
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                taken = runner.run(measure(server, token, origin, rounds, seconds))
    print("| what | a second | append to it |")
    print("|---|---|---|")
    of = {
        name: median(a / b for a, b in zip(taken["append"], taken[name], strict=True))
        for name in ("nothing", "synced")
    }
    print(
        f"| bare POST that writes nothing | {median(taken['nothing']):.0f} | {of['nothing']:.2f} |"
    )
    print(f"| bare POST, a line synced | {median(taken['synced']):.0f} | {of['synced']:.2f} |")
    print(f"| append | {median(taken['append']):.0f} | |")
    reached = of["synced"] >= TO_REACH
    print(f"{'Reached' if reached else 'NOT reached'}: {TO_REACH} of the bare one that is durable.")
    return 0 if reached else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    quick = parser.parse_args().quick
    sys.exit(main(2, 2) if quick else main(5, 4))
