"""The server as a process: what outlives it, how it goes, what it says."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.eventually import eventually
from tests.server.following import following, unauthenticated
from tests.server.visits import SIGNAL_SIZE, Member, Visit, chat, new_id, problem_of, random_b64
from tests.serving import ServerProcess, serving

FAST = "--limit=entriesPerSecond=100000", "--limit=entriesBurst=100000"


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Eight write as fast as they can, then SIGKILL: nothing acknowledged is lost or doubled."""
    with serving(tmp_path, *FAST) as server:
        with server.sign_in() as clinician:
            visit = Visit().create(clinician)
        acknowledged: dict[str, int] = {}
        enough = threading.Event()

        def write() -> None:
            with suppress(httpx.TransportError), server.client() as client:
                while True:
                    body = chat()
                    acknowledged[body["id"]] = client.post(
                        f"{visit.path}/chat", json=body, headers=visit.host.token.header
                    ).json()["seq"]
                    if len(acknowledged) > 300:
                        enough.set()

        with ThreadPoolExecutor(8) as writers:
            for _ in range(8):
                writers.submit(write)
            assert enough.wait(30)
            server.kill()
        server.start()
        with server.client() as client:
            log: list[dict[str, Any]] = []
            while page := client.get(
                f"{visit.path}/chat?after={len(log)}&limit=1000", headers=visit.host.token.header
            ).json()["entries"]:
                log += page
            assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
            kept = {entry["id"]: entry["seq"] for entry in log}
            assert len(kept) == len(log)
            assert acknowledged.items() <= kept.items()
            assert visit.write(client, visit.host)["seq"] == len(log) + 1


def test_an_acknowledged_part_survives_a_kill(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with server.sign_in() as client:
            visit = Visit().create(client)
            file = {"id": new_id(), "parts": 1, "size": 288}
            header = visit.host.token.header
            client.post(f"{visit.path}/files", json=file, headers=header)
            part = f"{visit.path}/files/{file['id']}/parts/0"
            content = b"sealed" * 48
            assert client.put(part, content=content, headers=header).status_code == 201
        server.kill()
        server.start()
        assert server.client().get(part, headers=header).content == content


def test_followers_go_on_after_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.sign_in() as client:
        visit = Visit().create(client)
        with following(server, visit, visit.host) as follower:
            visit.write(client, visit.host)
            assert follower.next("entry")["seq"] == 1
            server.restart()
            assert follower.closed() == (1001, "the server is going away")
        visit.write(client, visit.host)
        with following(server, visit, visit.host, after=1) as follower:
            assert follower.next("entry")["seq"] == 2


def test_a_stop_answers_whoever_waits(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with server.sign_in() as client:
            visit = Visit().create(client)
        with ThreadPoolExecutor(1) as pool, following(server, visit, visit.host):
            poll = pool.submit(
                httpx.get,
                f"{server.base_url}{visit.path}/chat?wait=25",
                headers=visit.host.token.header,
                timeout=60,
            )
            eventually(poll.running)
            begun = time.monotonic()
            with suppress(httpx.TransportError):
                assert server.stop() == 0
                assert poll.result().json()["entries"] == []
            assert time.monotonic() - begun < 20


def test_writers_are_answered_while_the_server_stops(tmp_path: Path) -> None:
    """Each append that got an answer of success is in the log after the next start."""
    with serving(tmp_path, *FAST) as server:
        with server.sign_in() as client:
            visit = Visit().create(client)
        done: list[str] = []

        def write() -> None:
            with suppress(httpx.TransportError), server.client() as client:
                while True:
                    body = chat()
                    answer = client.post(
                        f"{visit.path}/chat", json=body, headers=visit.host.token.header
                    )
                    if answer.status_code != 201:
                        return
                    done.append(body["id"])

        with ThreadPoolExecutor(4) as writers:
            for _ in range(4):
                writers.submit(write)
            eventually(lambda: len(done) > 50)
            assert server.stop() == 0
        server.start()
        header = visit.host.token.header
        path = f"{server.base_url}{visit.path}/chat?limit=1000&form=digest"
        log = httpx.get(path, headers=header).json()
        assert set(done) <= {entry["id"] for entry in log["entries"]} or log["head"] > 1000


def test_data_is_for_its_owner_only(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.client().get("/readyz").json() == {"status": "ready"}
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
        for path in server.data.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        secrets = (server.data / "secrets.json").read_bytes()
        server.restart()
        assert (server.data / "secrets.json").read_bytes() == secrets


def test_logs_hold_nothing_of_whom_or_what(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with server.sign_in() as client:
            visit = Visit().create(client)
            guest = visit.join(client, 0)
            body = chat(1)
            secret = [visit.id, guest.id, guest.token.text, guest.token.hash, body["id"]]
            secret += [
                body["encryptedMessage"],
                visit.guest_invite.token.text,
                *client.cookies.values(),
            ]
            secret += [server.sign_in_code, visit.guest_invite.id]
            for more in ({}, {"extra": "canary"}):
                path = f"{visit.path}/chat"
                client.post(path, json=body | more, headers=guest.token.header)
            client.get(f"{visit.path}/none?token={guest.token.text}")
            client.get(f"/telemedicine/{visit.id}")
            with following(server, visit, guest, after=1) as follower:
                follower.send(type="signal", to=None, signal=random_b64(SIGNAL_SIZE))
            with unauthenticated(server, visit.path) as follower:
                follower.send(type="auth", token=Member().token.text, canary=1)
                follower.closed()
            client.post(f"{visit.path}/end", headers=visit.host.token.header)
        server.stop()
        lines = [json.loads(line) for line in server.log.splitlines()]
        for word in (*secret, "canary"):
            assert word not in server.log
        requests = [line for line in lines if line["event"] == "request"]
        chats = [line for line in requests if line["route"].endswith("/sessions/{session}/chat")]
        assert [line["status"] for line in chats] == [201, 400]
        followed = [line for line in requests if line["method"] == "WEBSOCKET"]
        assert len(followed) == 2
        for line in requests:
            assert set(line) == {
                "time", "level", "logger", "event", "method", "route", "status", "ms", "request"
            }  # fmt: skip
            assert re.fullmatch("[0-9a-f]{16}", line["request"])


def test_an_expired_session_is_gone_with_its_objects(tmp_path: Path) -> None:
    with serving(tmp_path, "--sweep=0.2", "--orphan-age=0") as server, server.sign_in() as client:
        visit = Visit(lifetime=5).create(client)
        header = visit.host.token.header
        file = {"id": new_id(), "parts": 1, "size": 288}
        client.post(f"{visit.path}/files", json=file, headers=header)
        part = f"{visit.path}/files/{file['id']}/parts/0"
        assert client.put(part, content=bytes(288), headers=header).status_code == 201

        assert len(server.objects) == 1
        eventually(lambda: client.get(visit.path, headers=header).status_code == 401)
        eventually(lambda: not server.objects)
        assert client.get("/api/telemedicine/sessions").json() == {"sessions": []}


@pytest.mark.small
def test_objects_that_belong_to_nothing_are_removed_at_the_start(tmp_path: Path) -> None:
    with serving(tmp_path, "--orphan-age=0") as server, server.sign_in() as client:
        visit = Visit().create(client)
        header = visit.host.token.header
        file = {"id": new_id(), "parts": 1, "size": 288}
        client.post(f"{visit.path}/files", json=file, headers=header)
        part = f"{visit.path}/files/{file['id']}/parts/0"
        client.put(part, content=bytes(288), headers=header)
        [kept] = [server.data / "objects" / name for name in server.objects]
        orphans = [kept.with_name("0" * 32), kept.with_name("1" * 32 + "#1")]
        for orphan in orphans:
            orphan.write_bytes(b"left by a crash")
        server.restart()
        eventually(lambda: not any(orphan.exists() for orphan in orphans))
        assert client.get(part, headers=header).content == bytes(288)


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "careseal.cli", "serve", "--port=0"]
    with serving(tmp_path) as server:
        second = [*command, f"--data={server.data}"]
        done = subprocess.run(second, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "Another careseal server" in done.stderr
        assert server.client().get("/readyz").status_code == 200


def test_a_port_that_is_taken_is_told(server: ServerProcess, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "careseal.cli", "serve", f"--data={tmp_path / 'data'}"]
    taken = [*command, f"--port={server.port}"]
    done = subprocess.run(taken, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "The server cannot start" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--limit=nonsense=1"], ["--limit=members=x"], ["--port=x"], ["--limit=part=1"]]
)
def test_a_wrong_option_is_told_before_anything_starts(
    tmp_path: Path, arguments: list[str]
) -> None:
    command = [sys.executable, "-m", "careseal.cli", "serve", f"--data={tmp_path / 'data'}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert not (tmp_path / "data").exists()


@pytest.mark.small
def test_a_single_worker_that_is_told_to_be_replaced_stays(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.client() as client:
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: "one worker is not replaced" in server.log)
        assert client.get("/healthz").is_success


@pytest.mark.small
def test_health_tells_apart_alive_and_ready(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.client().get("/healthz").json() == {"status": "ok"}
        objects = server.data / "objects"
        objects.rename(server.data / "away")
        objects.write_text("no folder")
        answer = server.client().get("/readyz")
        assert (answer.status_code, problem_of(answer)) == (503, "unavailable")
        assert server.client().get("/healthz").status_code == 200
