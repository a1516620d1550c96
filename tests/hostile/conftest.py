"""A real server for attacks, and what their table is made from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from careseal.client import ApiToken
from tests.serving import ServerProcess, serving

from .liar import Liar
from .proxy import lying
from .scene import Scene, visit

HERE = Path(__file__).parent
SLOW_STRANGERS = ("slow_ones", "sockets_without", "time_tells", "too_large")
QUICK_PATHS = {"ann_reads_the_log", "ann_joins", "ann_writes", "ann_is_called"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "attack(name, does, happens, check): a row of the table in docs/attacks.md; the check that "
        "stops it where there is one by name",
    )
    config.addinivalue_line(
        "markers", "check(name, check): a row of the table of checks that were taken out"
    )
    config.addinivalue_line(
        "markers", "stopped_by(name, check): without the check the attack of that name succeeds"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In `make test` a part of the attacks is enough; `make hostile` runs them all."""
    for item in items:
        if (mark := item.get_closest_marker("attack")) is not None:
            item.user_properties.append(("attack", mark.args))
        if (mark := item.get_closest_marker("check")) is not None:
            item.user_properties.append(("check", mark.args))
        if (mark := item.get_closest_marker("stopped_by")) is not None:
            item.user_properties.append(("stopped by", mark.args))
    if os.environ.get("CARESEAL_ATTACKS") == "all":
        return
    left_out = [item for item in items if HERE in item.path.parents and not _is_quick(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _is_quick(item: pytest.Item) -> bool:
    if item.path.name in ("test_checks.py", "test_calls.py"):
        return True
    if item.path.name == "test_strangers.py":
        return not any(name in item.name for name in SLOW_STRANGERS)
    call: Any = getattr(item, "callspec", None)
    parameters: dict[str, Any] = {} if call is None else call.params
    attack = parameters.get("attack")
    if attack is not None:
        return bool(attack.quick)
    if "path" in parameters:
        return parameters["path"].__name__ in QUICK_PATHS
    return item.path.name == "test_members.py" and not parameters and "door" not in item.name


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
