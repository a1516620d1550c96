"""One server process for all tests that do not need a server of their own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.server.visits import Visit
from tests.serving import ServerProcess, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = (
        "--limit=entriesPerSecond=100000",
        "--limit=entriesBurst=100000",
        "--limit=refusalsBurst=100000",
    )
    with serving(tmp_path_factory.mktemp("server"), *limits) as running:
        yield running


@pytest.fixture(scope="session")
def signed_in(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.sign_in() as client:
        yield client


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    """Nobody in particular: each request brings its own token."""
    with server.client() as anonymous:
        yield anonymous


@pytest.fixture
def visit(signed_in: httpx.Client) -> Visit:
    return Visit().create(signed_in)
