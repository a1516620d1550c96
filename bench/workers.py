"""Appends a second with two workers beside one, and PostgreSQL beside SQLite.

    python -m bench.workers [--quick]

64 writers in 64 sessions. PostgreSQL and Redis are real ones on this machine, which the writers
share as well, so it is also told how busy all cores were: where they are full, more workers have
nothing to work with. To reach: 1.6 times one worker where a core is left for it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import uvloop

from bench.appends import SERVE, WRITERS, appends, found
from bench.peers.plain_http import rate
from tests.postgresql import postgresql
from tests.redis_server import redis_server
from tests.server.visits import Visit
from tests.serving import ServerProcess, serving

TO_REACH, FULL = 1.6, 0.9
FORMS = ("SQLite, 1 worker", "PostgreSQL, 1 worker", "PostgreSQL, 2 workers")


def clock() -> tuple[int, int]:
    """Ticks of all cores: busy, and all."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


async def measure(
    server: ServerProcess, visits: list[Visit], seconds: float
) -> tuple[float, float]:
    before = clock()
    a_second = await rate(server.base_url, [appends(each) for each in visits], seconds)
    after = clock()
    return a_second, (after[0] - before[0]) / max(1, after[1] - before[1])


def main(rounds: int, seconds: float) -> int:
    taken: dict[str, list[float]] = {form: [] for form in FORMS}
    busy: dict[str, list[float]] = {form: [] for form in FORMS}
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        cluster = running.enter_context(postgresql())
        redis = running.enter_context(redis_server())
        stores = {"CARESEAL_REDIS_URL": redis.url}

        def start(number: int, **stores: str) -> ServerProcess:
            return running.enter_context(serving(Path(name) / str(number), *SERVE, **stores))

        def large(number: int, workers: int) -> ServerProcess:
            url = cluster.new_database()
            return start(
                number, CARESEAL_DATABASE_URLS=url, CARESEAL_WORKERS=str(workers), **stores
            )

        servers = dict(zip(FORMS, (start(0), large(1, 1), large(2, 2)), strict=True))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            visits = {
                form: runner.run(found(server, server.careseal("api-token"), WRITERS))
                for form, server in servers.items()
            }
            for number in range(-1, rounds):  # the first warms up
                for form, server in servers.items():
                    a_second, full = runner.run(measure(server, visits[form], seconds))
                    if number >= 0:
                        taken[form].append(a_second)
                        busy[form].append(full)
    print(f"{os.cpu_count()} cores\n\n| form | appends a second | cores busy |\n|---|---|---|")
    for form in FORMS:
        print(f"| {form} | {median(taken[form]):.0f} | {100 * median(busy[form]):.0f} % |")
    sqlite, one, two = (taken[form] for form in FORMS)
    gain = median(a / b for a, b in zip(two, one, strict=True))
    other = median(a / b for a, b in zip(one, sqlite, strict=True))
    print(f"\nTwo workers of one: {gain:.2f}. PostgreSQL of SQLite, one worker each: {other:.2f}.")
    if gain < TO_REACH and median(busy[FORMS[1]]) >= FULL:
        print(f"Not judged: with one worker all cores are full, so {TO_REACH} cannot be reached.")
        return 0
    print(f"{'Reached' if gain >= TO_REACH else 'NOT reached'}: {TO_REACH} times one worker.")
    return 0 if gain >= TO_REACH else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    quick = parser.parse_args().quick
    sys.exit(main(2, 2) if quick else main(5, 4))
