"""What a join costs at 2, 10, 50 and 200 members, beside ts-mls alone; and joins a second.

    python -m bench.joins [--quick]

A join is the SDK's whole one: door fetched and opened, group validated, commit made, posted and
acknowledged, log read, everything on this device's disk. ts-mls makes nothing but the external
commit, at the same size with the same suite, in turn with the joins. Server and joiners share the
machine; processor time is counted for each, and what the server takes of it must be the smaller
part: it is never the bottleneck.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import multiprocessing
import os
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.mls import grown
from careseal.client import ApiToken, InviteOptions, Link, Session, Store
from careseal.mls import encode_message
from tests.serving import ServerProcess, serving
from tests.unit.mls.ts_mls import TsMls, available

SIZES = (2, 10, 50, 200)
DEVICES = 16  # most that one link lets in
LIMITS = ("members=300", "entriesPerSecond=100000", "entriesBurst=100000")
LIMITS += ("doorsPerSecond=100000", "doorsBurst=100000")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Of one join."""

    seconds: float
    server: float  # s of processor
    client: float


def processor(pid: int) -> float:
    """Seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Joining:
    """A session that devices join one after another."""

    def __init__(self, folder: Path, server: ServerProcess, account: ApiToken) -> None:
        self._folder, self._server, self._account = folder, server, account
        self._links: list[Link] = []
        self.size = 0

    async def found(self, most: int) -> None:
        invites = [InviteOptions(devices=DEVICES)] * math.ceil(most / DEVICES)
        self._folder.mkdir(parents=True)
        with Store.open(self._folder / "host") as store:
            host, links = await Session.create(
                store, self._server.base_url, self._account, name="Dr Roe", invites=invites
            )
            await host.close()
        self._links = [link for link in links for _ in range(DEVICES)]
        self.size = 1

    async def join(self) -> Cost:
        assert self._server.process is not None
        pid, number = self._server.process.pid, self.size
        with Store.open(self._folder / str(number)) as store:
            before = time.monotonic(), processor(pid), time.process_time()
            joined = await Session.join(store, self._links[number - 1], name=f"Guest {number}")
            after = time.monotonic(), processor(pid), time.process_time()
            await joined.close()
        self.size += 1
        return Cost(*(late - early for early, late in zip(before, after, strict=True)))


async def costs(
    folder: Path, server: ServerProcess, account: ApiToken, size: int, samples: int
) -> tuple[list[Cost], list[float]]:
    """Of joins as the ``size``-th member or a few behind it, and of ts-mls in ms."""
    peer_ms: list[float] = []
    taken: list[Cost] = []
    info = encode_message(grown(size - 1).group_info()).hex() if available() is None else ""
    session = Joining(folder / "0", server, account)
    await session.found(size + samples)
    while session.size < size - 1:
        await session.join()
    with TsMls() if info else nullcontext() as peer:
        for number in range(-2, samples):  # the first two warm what is compiled late
            if size == 2:
                session = Joining(folder / f"two{number}", server, account)
                await session.found(1)
            cost = await session.join() if number >= 0 or size == 2 else None
            spent = 0.0
            if peer is not None:
                peer("keyPackage", f"{size}/{number}")
                spent = peer("joinExternally", f"{size}/{number}", groupInfo=info)["ms"]
            if cost is not None and number >= 0:
                taken.append(cost)
                peer_ms.append(spent)
    return taken, peer_ms if peer is not None else []


def crowd(
    folder: Path, server: ServerProcess, account: str, until: float, joined: multiprocessing.Queue
) -> None:
    """Joins sessions of two until the time is over; run in a process of its own."""

    async def run() -> int:
        done = 0
        while time.monotonic() < until:
            session = Joining(folder / str(done), server, ApiToken(account))
            await session.found(1)
            await session.join()
            done += 1
        return done

    joined.put(asyncio.run(run()))


def joins_a_second(
    folder: Path, server: ServerProcess, account: str, seconds: float
) -> tuple[float, float]:
    """Sessions founded and joined a second by as many processes as cores; the server's cores."""
    assert server.process is not None
    results: multiprocessing.Queue = multiprocessing.Queue()
    began, before = time.monotonic(), processor(server.process.pid)
    workers = [
        multiprocessing.Process(
            target=crowd, args=(folder / str(n), server, account, began + seconds, results)
        )
        for n in range(os.cpu_count() or 2)
    ]
    for worker in workers:
        worker.start()
    count = sum(results.get() for _ in workers)
    for worker in workers:
        worker.join()
    spent = time.monotonic() - began
    return count / spent, (processor(server.process.pid) - before) / spent


def main(sizes: tuple[int, ...], samples: int, seconds: float) -> int:
    missing = available()
    if missing is not None:
        print(f"ts-mls is left out: {missing}")
    limits = [f"--limit={limit}" for limit in LIMITS]
    server_is_most = 0
    costs_of: list[float] = []
    print("| members | join | processor, device | processor, server | ts-mls alone | ratio |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name, serving(Path(name) / "server", *limits) as server:
        folder, text = Path(name), server.careseal("api-token")
        for size in sizes:
            taken, peer = asyncio.run(
                costs(folder / str(size), server, ApiToken(text), size, samples)
            )
            whole, device = (
                1000 * median(getattr(each, what) for each in taken)
                for what in ("seconds", "client")
            )
            # The kernel counts in ticks of 10 ms, so only the sum says something.
            relay = 1000 * sum(each.server for each in taken) / len(taken)
            server_is_most += relay > device
            costs_of.append(whole)
            row = f"| {size} | {whole:.0f} ms | {device:.0f} ms | {relay:.1f} ms |"
            if peer:
                row += f" {median(peer):.0f} ms | {whole / median(peer):.2f} |"
            print(row if peer else f"{row} | |", flush=True)
        rate, share = joins_a_second(folder / "crowd", server, text, seconds)
    more, dearer = sizes[-1] / sizes[1], costs_of[-1] / costs_of[1]
    print(f"\n{more:.0f} times the members than {sizes[1]}: {dearer:.1f} times the time.")
    each = share / rate
    print(f"{rate:.1f} sessions made and joined a second by {os.cpu_count()} processes;")
    print(
        f"the server took {share:.2f} cores, {1000 * each:.0f} ms each: at most {1 / each:.0f}/s."
    )
    reached = not server_is_most and share < 0.9
    print(f"{'Reached' if reached else 'NOT reached'}: the server is never the bottleneck.")
    return 0 if reached else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without 200 members, fewer samples")
    quick = parser.parse_args().quick
    sys.exit(main(SIZES[:3], 3, 3) if quick else main(SIZES, 9, 10))
