"""The command line as its users have it: real processes against a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.serving import ServerProcess, serving


@dataclass
class Shell:
    """One person at one machine."""

    folder: Path
    server: str
    name: str
    environment: dict[str, str] = field(default_factory=dict)

    def start(
        self, *arguments: str, program: Sequence[str] = ("-m", "careseal.cli"), **options: Any
    ) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "CARESEAL_STORE": str(self.folder / self.name),
            "CARESEAL_SERVER": self.server,
            "CARESEAL_NAME": self.name,
            **self.environment,
        }
        pipes: dict[str, Any] = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        # In the background of a shell tests are deaf to Ctrl-C, and so is what they start.
        pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        command = [sys.executable, *program, *arguments]
        return subprocess.Popen(command, env=environment, cwd=self.folder, **pipes | options)

    def run(self, *arguments: str, stdin: bytes = b"", code: int = 0) -> bytes:
        """What it wrote to stdout; with another exit code than `code` the test fails."""
        process = self.start(*arguments)
        out, err = process.communicate(stdin, timeout=60)
        assert process.returncode == code, (arguments, process.returncode, out, err)
        return err if code else out

    def json(self, *arguments: str, stdin: bytes = b"") -> list[dict[str, Any]]:
        lines = self.run(*arguments, "--json", stdin=stdin).splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = ("--limit=entriesPerSecond=100000", "--limit=entriesBurst=100000")
    with serving(tmp_path_factory.mktemp("server"), *limits) as running:
        yield running


@pytest.fixture(scope="session")
def token(server: ServerProcess) -> str:
    return server.careseal("api-token")


@pytest.fixture
def person(server: ServerProcess, token: str, tmp_path: Path) -> Callable[[str], Shell]:
    """Makes a person at a machine of its own; hosts have the account."""

    def make(name: str) -> Shell:
        account = {"CARESEAL_TOKEN": token} if name == "Dr Roe" else {}
        return Shell(tmp_path, server.base_url, name, account)

    return make
