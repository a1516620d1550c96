"""What all suites share."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.form import Large, large
from tests.seaweed import Seaweed, seaweed

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


ENDS_WITHIN = 20  # s


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="Also what takes long (make test-long).")
    text = "small: SQLite and a folder; large: PostgreSQL and S3"
    parser.addoption("--form", choices=("small", "large"), default="small", help=text)


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether what takes long is asked for: more rounds, then."""
    return bool(request.config.getoption("long"))


@pytest.fixture(scope="session", autouse=True)
def _form(request: pytest.FixtureRequest) -> Iterator[None]:
    """Starts what the large form needs, once, if that is what is tested."""
    if request.config.getoption("form") == "small":
        yield
        return
    folder = request.getfixturevalue("tmp_path_factory").mktemp("large")
    with large(folder) as chosen:
        Large.chosen = chosen
        yield
        Large.chosen = None


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A real S3 server: the large form's own, where that is what is tested."""
    if Large.chosen is not None:
        yield Large.chosen.seaweed
        return
    with seaweed(tmp_path_factory.mktemp("bucket")) as running:
        yield running


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that look into SQLite's file or the folder of objects are of the small form only."""
    left_out = {"small"} if config.getoption("form") == "large" else set()
    if not config.getoption("long"):
        left_out.add("long")
    out = [item for item in items if left_out & {mark.name for mark in item.iter_markers()}]
    items[:] = [item for item in items if item not in out]
    config.hook.pytest_deselected(items=out)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """A thread that does not end would keep the run from ending: that is a failure, not a wait."""

    def give_up() -> None:
        others = [each for each in threading.enumerate() if each is not threading.main_thread()]
        stuck = [each.name for each in others if not each.daemon]
        if not stuck:
            return  # a worker of xdist, which waits for the others
        print(f"threads that did not end: {', '.join(stuck)}", file=sys.stderr, flush=True)
        os._exit(1)

    watch = threading.Timer(ENDS_WITHIN, give_up)
    watch.daemon = True
    watch.start()
