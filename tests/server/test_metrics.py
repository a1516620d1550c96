"""What Prometheus gets: true numbers of all workers, and nothing of whom or what."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.browser.canaries import forms
from tests.eventually import eventually
from tests.form import new_stores
from tests.ports import free_ports
from tests.server.following import following
from tests.server.test_backup import upload
from tests.server.visits import Visit
from tests.serving import ServerProcess, serving

SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? ([0-9.e+-]+|\+Inf)")


def samples(text: str) -> dict[str, float]:
    """By name and labels."""
    found = [SAMPLE.fullmatch(line) for line in text.splitlines() if not line.startswith("#")]
    assert all(found), text
    return {f"{one[1]}{{{one[2] or ''}}}": float(one[3]) for one in found if one}


def test_a_visit_is_counted_and_not_described(tmp_path: Path) -> None:
    (port,) = free_ports(1)

    def scraped() -> str:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").raise_for_status().text

    with (
        serving(tmp_path, f"--metrics=127.0.0.1:{port}", "--name=CanaryClinic") as server,
        server.sign_in() as signed_in,
        server.client() as client,
    ):
        visit = Visit().create(signed_in)
        guest = visit.join(client, 0)
        for _ in range(3):
            visit.write(client, guest, 1)
        file, body = upload(client, visit)
        part = f"{visit.path}/files/{file}/parts/0"
        assert client.get(part, headers=guest.token.header).content == body
        client.get(f"/{visit.id}?{guest.token.text}")
        client.request(f"X{visit.id}", f"/api/{guest.id}")
        with following(server, visit, visit.host) as host:
            host.next("entry")
            eventually(lambda: samples(scraped())["careseal_followers{}"] == 1, within=20)
        count = 'method="POST",route="/api/telemedicine/sessions/{session}/chat"'
        eventually(
            lambda: any('method="WEBSOCKET"' in one for one in samples(scraped())),
            within=20,
        )
        text = scraped()
        public = client.get("/metrics").status_code
    found = samples(text)
    assert found[f'careseal_requests_total{{{count},status="201"}}'] == 3
    assert found[f"careseal_request_seconds_count{{{count}}}"] == 3
    assert found['careseal_entries_total{kind="chat"}'] == 3
    assert found['careseal_entries_total{kind="commit"}'] == 1
    assert found['careseal_object_bytes_total{direction="in"}'] == len(body)
    assert found['careseal_object_bytes_total{direction="out"}'] == len(body)
    assert found["careseal_write_group_count{}"] > 5
    assert found["careseal_workers{}"] == int(server.environment.get("CARESEAL_WORKERS", "1"))
    assert public == 404
    secrets = [visit.id, visit.host.id, guest.id, file, guest.token.text, visit.host.token.text]
    secrets += [visit.guest_invite.id, visit.guest_invite.token.text, "CanaryClinic"]
    for secret in secrets:
        assert not any(form in text.encode() for _, form in forms(secret)), text
        assert secret not in text


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, ("--metrics=9464",), new_stores())
    with pytest.raises(RuntimeError, match="--metrics is HOST:PORT"):
        server.start()
