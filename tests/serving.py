"""A real server process for tests: started on a free port, stopped, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.form import new_stores, objects_at, without_marks

START_WITHIN = 60  # s
STOP_WITHIN = 30  # s
ANSWER_WITHIN = 60  # s


@dataclass
class ServerProcess:
    """``careseal serve`` on ``folder/data``; its port stays the same over restarts.

    As a context manager it starts, and stops at the end if it still runs. What it writes, the
    sign-in link aside, is in ``log``.
    """

    folder: Path
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=new_stores)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    module: str = "careseal.cli"

    def __enter__(self) -> ServerProcess:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None:
            self.stop()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def base_url(self) -> str:
        """``http://localhost:PORT``: a secure context for browsers."""
        return f"http://localhost:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://localhost:{self.port}"

    @property
    def sign_in_link(self) -> str:
        """The link of the latest start; it works once."""
        return self._link_file.read_text().strip()

    @property
    def sign_in_code(self) -> str:
        return self.sign_in_link.partition("#")[2]

    @property
    def log(self) -> str:
        """All that the process wrote to stderr, over all starts."""
        return (self.folder / "server.log").read_text()

    @property
    def objects(self) -> set[str]:
        """The names of the objects that are stored."""
        if url := self.environment.get("CARESEAL_OBJECTS_URL"):
            return objects_at(url)
        folder = self.data / "objects"
        return without_marks(
            str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()
        )

    @property
    def _link_file(self) -> Path:
        return self.folder / "sign-in-link"

    def start(self) -> ServerProcess:
        """Start, and return when the server answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._link_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", self.module, "serve", f"--data={self.data}"]
        command += [f"--port={self.port}", f"--sign-in-link-file={self._link_file}"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.arguments],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self._await_link()
        self.port = int(self.sign_in_link.split("/sign-in")[0].rpartition(":")[2])
        return self

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL: no goodbye, nothing flushed."""
        return self._end(signal.SIGKILL)

    def restart(self) -> ServerProcess:
        """Stop if it runs, then start on the same data and port."""
        if self.process is not None:
            self.stop()
        return self.start()

    def careseal(self, command: str) -> str:
        """What one of the operator's commands prints about this server's data."""
        done = subprocess.run(
            [sys.executable, "-m", "careseal.cli", command, f"--data={self.data}"],
            env=os.environ | self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def client(self, **options: Any) -> httpx.Client:
        """A client without a cookie, patient enough for a busy machine."""
        return httpx.Client(base_url=self.base_url, timeout=ANSWER_WITHIN, **options)

    def sign_in(self) -> httpx.Client:
        """A client with a clinician's cookie, which says that it is the server's own page.

        It uses up the sign-in link of this start.
        """
        with self.client() as stranger:
            answer = stranger.post("/api/accounts/sign-in", json={"code": self.sign_in_code})
        cookies = dict(answer.raise_for_status().cookies)
        return self.client(headers={"Origin": self.base_url}, cookies=cookies)

    def _await_link(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_WITHIN
        while not self._link_file.exists():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server did not start:\n{self.log}")
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"the server did not start in time:\n{self.log}")
            time.sleep(0.02)

    def _end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        try:
            return self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[ServerProcess]:
    """A running server with its data in ``folder``, stopped at the end."""
    with ServerProcess(folder, arguments, new_stores() | environment) as server:
        yield server
