"""A real server for the SDK's tests, and an account that may make sessions on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from careseal.client import ApiToken, Store
from tests.serving import ServerProcess, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = ("--limit=entriesPerSecond=100000", "--limit=entriesBurst=100000")
    with serving(tmp_path_factory.mktemp("server"), *limits) as running:
        yield running


@pytest.fixture(scope="session")
def account(server: ServerProcess) -> ApiToken:
    made = server.careseal("api-token")
    return ApiToken(made)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[Store]]:
    """Four devices' stores."""
    opened = [Store.open(tmp_path / f"device-{number}") for number in range(4)]
    yield opened
    for store in opened:
        store.close()


@pytest.fixture
def copy_device(stores: list[Store], tmp_path: Path) -> Callable[[], Path]:
    """Copies the first device as it is now; the folder of the copy."""

    def copy() -> Path:
        stores[0].close()
        folder = shutil.copytree(stores[0].folder, tmp_path / "copy")
        stores[0] = Store.open(stores[0].folder)
        return folder

    return copy
