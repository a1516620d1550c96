"""A sealed file up and down with the SDK, beside a bare PUT and GET, Magic Wormhole, and age.

    python -m bench.files [--quick]

Each round does all of them once, one after the other, so that what else the machine does hits all,
and which of sealed and bare is first changes: the second finds the pages that the first let go.
The bare server is on the stack of careseal's and writes as durably; its client is the SDK's HTTP
client. From device to device is up and then down; what wormhole's commands take for a file of one
byte is not counted. To reach: 0.8 of bare, and twice as fast as wormhole. A peer that cannot be
had is left out, and that is said.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import httpx

from bench.peers.age import Age
from bench.peers.processes import Missing, bare_server
from bench.peers.wormhole import Wormhole, wormhole
from careseal.client import ApiToken, File, MessageReceived, Session, Store
from tests.ports import free_ports
from tests.serving import ServerProcess, serving

MIB = 1 << 20
OF_BARE, OF_WORMHOLE = 0.8, 2.0
CHUNK = MIB


def synthetic(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
        os.fsync(file.fileno())
    return path


async def bare_up(client: httpx.AsyncClient, url: str, source: Path, size: int) -> float:
    async def content() -> AsyncIterator[bytes]:
        with source.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk

    length = {"Content-Length": str(size)}
    began = time.monotonic()
    (await client.put(url, content=content(), headers=length)).raise_for_status()
    return time.monotonic() - began


async def bare_down(client: httpx.AsyncClient, url: str, target: Path) -> float:
    began = time.monotonic()
    with target.open("wb") as file:
        async with client.stream("GET", url) as answer:
            async for chunk in answer.aiter_bytes():
                file.write(chunk)
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return time.monotonic() - began


class Pair:
    """Two devices in one session."""

    def __init__(self, host: Session, guest: Session) -> None:
        self._host, self._guest = host, guest

    async def up(self, source: Path) -> float:
        began = time.monotonic()
        await self._host.send_file(source)
        return time.monotonic() - began

    async def down(self, target: Path) -> float:
        told = await self._guest.catch_up()
        files = [e.payload for e in told if isinstance(e, MessageReceived)]
        last = next(each for each in reversed(files) if isinstance(each, File))
        began = time.monotonic()
        await self._guest.receive_file(last, target)
        return time.monotonic() - began


async def measure(
    server: ServerProcess,
    bare: str,
    peers: dict[str, Wormhole | Age],
    source: Path,
    size: int,
    rounds: int,
) -> dict[str, list[float]]:
    folder = source.parent
    account = ApiToken(server.careseal("api-token"))
    taken: dict[str, list[float]] = {}
    with Store.open(folder / "host") as mine, Store.open(folder / "guest") as theirs:
        host, (link,) = await Session.create(mine, server.base_url, account, name="Dr Roe")
        client = httpx.AsyncClient(timeout=600)
        async with host, await Session.join(theirs, link, name="Ann") as guest, client:
            pair = Pair(host, guest)
            target = folder / "target"

            async def one(which: str, way: str, url: str) -> float:
                if way == "up":
                    if which == "sealed":
                        return await pair.up(source)
                    return await bare_up(client, url, source, size)
                down = pair.down(target) if which == "sealed" else bare_down(client, url, target)
                seconds = await down
                target.unlink()
                return seconds

            for number in range(rounds):
                spent: dict[str, float] = {}
                for way in ("up", "down"):
                    for which in ("sealed", "bare") if number % 2 else ("bare", "sealed"):
                        spent[f"{which} {way}"] = await one(which, way, f"{bare}/{number}")
                for name, peer in peers.items():
                    if number < 2:  # a median of two is enough of those
                        spent[name] = await asyncio.to_thread(peer.seconds, source)
                for name, seconds in spent.items():
                    taken.setdefault(name, []).append(seconds)
    return taken


def main(size: int, rounds: int) -> int:
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        peers: dict[str, Wormhole | Age] = {}
        started = 0.0
        try:
            peer = running.enter_context(wormhole(folder / "wormhole"))
            tiny = folder / "tiny"
            tiny.write_bytes(b"x")
            started = min(peer.seconds(tiny) for _ in range(2))
            peers["wormhole"] = peer
        except Missing as missing:
            print(f"left out: {missing}")
        try:
            age = Age(folder / "age")
            peers[age.name] = age
        except Missing as missing:
            print(f"left out: {missing}")
        source = synthetic(folder / "file.bin", size)
        server = running.enter_context(serving(folder / "server"))
        bare = running.enter_context(bare_server(folder, free_ports(1)[0]))
        taken = asyncio.run(measure(server, bare, peers, source, size, rounds))
    taken["wormhole"] = [each - started for each in taken.get("wormhole", [])]
    return tell(taken, size)


def tell(taken: dict[str, list[float]], size: int) -> int:
    through = [sum(both) for both in zip(taken["sealed up"], taken["sealed down"], strict=True)]
    taken["sealed, device to device"] = through
    rate = {what: size / median(spent) / 1e6 for what, spent in taken.items() if spent}
    ratios = []
    print("| what | MB/s | ratio | to reach |\n|---|---|---|---|")
    for way in ("up", "down"):
        pairs = zip(taken[f"bare {way}"], taken[f"sealed {way}"], strict=True)
        ratio = median(bare / sealed for bare, sealed in pairs)
        ratios.append(ratio / OF_BARE)
        print(f"| bare, {way} | {rate[f'bare {way}']:,.0f} | | |")
        print(f"| sealed, {way} | {rate[f'sealed {way}']:,.0f} | {ratio:.2f} of bare | {OF_BARE} |")
    for what, speed in rate.items():
        if what.split()[0] not in ("bare", "sealed", "sealed,"):
            print(f"| {what} | {speed:,.0f} | | |")
    line = f"| sealed, device to device | {rate['sealed, device to device']:,.0f} |"
    if "wormhole" in rate:
        ratio = median(taken["wormhole"]) / median(through)
        ratios.append(ratio / OF_WORMHOLE)
        print(f"{line} {ratio:.1f} times wormhole | {OF_WORMHOLE} |")
    else:
        print(f"{line} | |")
    reached = min(ratios) >= 1
    print(f"\n{'Reached.' if reached else 'NOT reached.'} {size / MIB:,.0f} MiB.")
    return 0 if reached else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="256 MiB, two rounds")
    quick = parser.parse_args().quick
    sys.exit(main(256 * MIB if quick else 1024 * MIB, 2 if quick else 3))
