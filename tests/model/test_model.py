"""The model in step with both implementations: the short form of ``python -m tests.model``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.web_peer import WebPeers
from tests.model.walk import WAYS, Count, explore, shrink

CROSSINGS = 8


@pytest.fixture(scope="module")
def web() -> Iterator[WebPeers]:
    with WebPeers() as peers:
        yield peers


@pytest.mark.parametrize("number", range(CROSSINGS))
def test_both_implementations_do_what_the_model_says(web: WebPeers, number: int) -> None:
    count = Count()
    failure = explore(f"short-{number}", web, count)
    if failure is not None:
        pytest.fail(str(shrink(failure, web, tries=60)))
    assert count.ways == WAYS
