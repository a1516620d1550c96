"""Both languages in one session: the short form of ``python -m tests.interop``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.bad_commits import KINDS
from tests.interop.scenario import Scenario
from tests.interop.web_peer import WebPeers

UNMAKEABLE = {"join_with_a_key_in_use", "x509_credential"}
"""What `careseal.mls` refuses to make even for an attacker."""


@pytest.fixture(scope="module")
def web() -> Iterator[WebPeers]:
    with WebPeers() as peers:
        yield peers


@pytest.mark.parametrize("attacker_is_host", [True, False])
def test_every_kind_of_bad_commit_is_void_to_both(web: WebPeers, attacker_is_host: bool) -> None:
    scenario = Scenario(f"bad-{attacker_is_host}", web)
    tried = scenario.run_bad_commits(attacker_is_host)
    by_hosts = {"bad_successor", "policy_without_the_invite_of_somebody_in"}
    by_guests = {"guests_removal", "guests_policy"}
    assert set(KINDS) - tried == (by_guests if attacker_is_host else by_hosts) | UNMAKEABLE


@pytest.mark.parametrize("number", range(30))
def test_python_and_the_web_client_agree_in_a_random_session(web: WebPeers, number: int) -> None:
    scenario = Scenario(f"short-{number}", web)
    try:
        scenario.run(12)
    except Exception as error:
        error.add_note(f"after {' → '.join(scenario.steps)}")
        raise
    finally:
        scenario.close()
