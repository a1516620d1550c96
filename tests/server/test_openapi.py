"""The server is as its OpenAPI document says, whatever it is asked (docs/protocol.md §8)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from careseal.server.openapi import SESSION
from tests.server.visits import Visit
from tests.serving import ServerProcess, serving

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[ServerProcess]:
    """So much is asked of this one that limits would answer in the place of routes."""
    limits = ("entriesPerSecond", "entriesBurst", "refusalsBurst")
    with serving(tmp_path, *(f"--limit={each}=100000" for each in limits)) as running:
        yield running


@pytest.mark.parametrize("who", ["nobody", "a clinician", "a host"])
@pytest.mark.timeout(300)
def test_whatever_is_asked_the_answer_is_one_that_the_document_has(
    asked: ServerProcess, who: str, tmp_path: Path, long: bool
) -> None:
    """Each answer's status is a documented one of its route, with the problem's name beside it."""
    options = []
    if who == "a clinician":
        options = [f"--header=Authorization: Bearer {asked.careseal('api-token')}"]
    elif who == "a host":  # of a session that is there, and stays
        with asked.sign_in() as client:
            visit = Visit().create(client)
        (tmp_path / "schemathesis.toml").write_text(
            f'[parameters]\n"path.session" = "{visit.id}"\n'
        )
        options = [f"--header=Authorization: {visit.host.token.header['Authorization']}"]
        options += [
            f"--exclude-name={each}" for each in (f"DELETE {SESSION}", f"POST {SESSION}/end")
        ]
    run = subprocess.run(
        [
            SCHEMATHESIS,
            "run",
            f"{asked.base_url}/api/openapi.json",
            "--generation-deterministic",
            "--phases=coverage,fuzzing",
            f"--max-examples={5 if long else 2}",
            f"--checks={CHECKS}",
            "--no-color",
            *options,
        ],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr
