"""What the faults share, and their sum."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.disk import Disk, build
from tests.faults.work import FAST, Found
from tests.serving import ServerProcess

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "quick: a fault that `make test` tries as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In `make test` a part of the faults is enough; `make faults` runs them all."""
    if os.environ.get("CARESEAL_FAULTS") == "all":
        return
    mine = [item for item in items if HERE in item.path.parents]
    left_out = [item for item in mine if not item.get_closest_marker("quick")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@dataclass
class Tally:
    """Reported with the test, and summed up at the end of `make faults`."""

    record: list[tuple[str, object]]

    def add(self, name: str, kills: int, found: Found) -> None:
        self.record.append(("faults", (kills, found.acknowledged, found.lost, found.doubled)))
        print(f"{name}: {kills} kills or cuts, {found}")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    return Tally(request.node.user_properties)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("library"))


@dataclass
class ServerOnDisk(ServerProcess):
    """Its data is below ``folder/disk``; what else it writes is not."""

    @property
    def data(self) -> Path:
        return self.folder / "disk/data"


@pytest.fixture
def disk(library: Path, tmp_path: Path) -> Disk:
    (tmp_path / "server/disk").mkdir(parents=True)
    return Disk(library, tmp_path / "server/disk", tmp_path / "notes")


@pytest.fixture
def on_disk(disk: Disk, tmp_path: Path) -> Iterator[ServerOnDisk]:
    """A server whose disk and clock the test can break."""
    server = ServerOnDisk(tmp_path / "server", FAST, disk.environment)
    with server:
        yield server
