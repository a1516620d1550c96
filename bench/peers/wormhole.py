"""Magic Wormhole: a file from one process to another, over loopback only."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.peers.processes import Missing, packages, running
from tests.ports import free_ports

WITHIN = 600  # s


class Wormhole:
    """Sends files through a mailbox and straight from process to process."""

    def __init__(self, program: Path, mailbox: str, folder: Path) -> None:
        self._start = [str(program), f"--relay-url={mailbox}", "--transit-helper="]
        self._folder = folder
        self._numbers = count(1)

    def seconds(self, source: Path) -> float:
        """From the start of both commands until both have ended and the file is there."""
        code = f"{next(self._numbers)}-{os.urandom(4).hex()}"
        target = self._folder / "received"
        target.unlink(missing_ok=True)
        send = ["send", "--hide-progress", "--no-qr", f"--code={code}", str(source)]
        receive = ["receive", "--hide-progress", "--accept-file", f"-o{target}", code]
        began = time.monotonic()
        both = [self._run(send), self._run(receive)]
        try:
            for process in both:
                _, complaint = process.communicate(timeout=WITHIN)
                if process.returncode:
                    raise Missing(f"magic-wormhole does not work here: {complaint[-300:]}")
        finally:
            for process in both:
                process.kill()
                process.wait()
        spent = time.monotonic() - began
        if target.stat().st_size != source.stat().st_size:
            raise Missing("magic-wormhole did not bring the whole file")
        return spent

    def _run(self, arguments: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._start, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._folder,
        )


@contextmanager
def wormhole(folder: Path) -> Iterator[Wormhole]:
    """Raises `Missing`."""
    wanted = ["magic-wormhole", "magic-wormhole-mailbox-server"]
    programs = packages("magic-wormhole", *wanted)
    folder.mkdir(parents=True)
    (port,) = free_ports(1)
    server = [programs / "twist", "wormhole-mailbox", f"--port=tcp:{port}:interface=127.0.0.1"]
    server.append(f"--channel-db={folder / 'mailbox.sqlite'}")
    with running(*server, port=port, log=folder / "mailbox.log"):
        yield Wormhole(programs / "wormhole", f"ws://127.0.0.1:{port}/v1", folder)
