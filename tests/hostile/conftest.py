"""A real server for attacks, and what their table is made from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from careseal.client import ApiToken
from tests.serving import ServerProcess, serving

from .liar import Liar
from .proxy import lying
from .scene import Scene, visit


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "attack(name, does, happens): a row of the table in docs/attacks.md"
    )


@pytest.fixture(scope="session")
def hostile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = ("--limit=entriesPerSecond=100000", "--limit=entriesBurst=100000")
    with serving(tmp_path_factory.mktemp("hostile"), *limits) as running:
        yield running


@pytest.fixture(scope="session")
def hostile_account(hostile_server: ServerProcess) -> ApiToken:
    command = [sys.executable, "-m", "careseal.cli", "api-token", f"--data={hostile_server.data}"]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return ApiToken(made.stdout.strip())


@pytest.fixture
async def scene(
    hostile_server: ServerProcess,
    hostile_account: ApiToken,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Scene]:
    monkeypatch.setenv("CARESEAL_PATIENCE", "2")
    liar, server = Liar(), hostile_server.base_url
    async with (
        lying(server, liar) as origin,
        visit(server, origin, liar, hostile_account, tmp_path) as made,
    ):
        yield made
