"""``careseal doctor`` against real parts that are well, and against each one ill."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest

from careseal.server.store.engines import parse
from careseal.server.store.migration import LATEST, upgrade
from tests.browser.call_pages.turn import coturn
from tests.form import Large, large
from tests.ports import free_ports
from tests.seaweed import KEY, SECRET, seaweed
from tests.server.caddy import caddy
from tests.server.visits import Visit, new_id
from tests.serving import ServerProcess

MIB = 1024 * 1024
pytestmark = pytest.mark.small  # that brings the large form along by itself


def doctor(data: Path, *options: str, **environment: str) -> tuple[int, list[dict[str, str]], str]:
    """Exit code, findings, and all that it wrote."""
    done = subprocess.run(
        [sys.executable, "-m", "careseal.cli", "doctor", f"--data={data}", "--json", *options],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, findings, done.stdout + done.stderr


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    with large(tmp_path_factory.mktemp("large")) as running:
        yield running


@pytest.mark.long
def test_all_is_well(parts: Large, tmp_path: Path) -> None:
    with ExitStack() as running:
        relay = running.enter_context(coturn())
        stores = parts.new_stores()
        with ServerProcess(tmp_path, environment=stores) as server:
            server.stop()
        options = [f"--turn-url={relay.url}{query}" for query in ("", "?transport=tcp")]
        if shutil.which("caddy"):
            front = running.enter_context(caddy(tmp_path / "caddy"))
            stores["SSL_CERT_FILE"] = str(front.certificate)
            options.append(f"--public-url={front.url}")
        code, findings, wrote = doctor(
            server.data, *options, CARESEAL_TURN_SECRET=relay.secret, **stores
        )
    certificate = "its certificate is good for"  # half a day: Caddy's own authority
    ill = [each for each in findings if each["state"] != "ok" and certificate not in each["says"]]
    assert (code, ill) == (0, []), wrote
    said = " ".join(each["says"] for each in findings)
    for wanted in (
        "only their owner",
        "are free at",
        "of this release",
        "acknowledged is on disk",
        "the clocks agree",
        "written once, read, listed and deleted",
        "(allStoredBytes)",
        "what one says another hears",
        "relays with credentials",
        *(
            (certificate, "headers that protect", "WebSockets get through")
            if len(options) > 2
            else ()
        ),
    ):
        assert wanted in said
    assert said.count("relays with credentials") == 2


@pytest.mark.long
def test_each_trouble_is_said_and_no_secret(parts: Large, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    (data / "secrets.json").write_text("{}")
    (data / "secrets.json").chmod(0o644)
    (nobody,) = free_ports(1)
    stores = parts.new_stores() | {
        "AWS_SECRET_ACCESS_KEY": "canary-objects",
        "CARESEAL_REDIS_URL": f"redis://:canary-redis@127.0.0.1:{nobody}/0",
        "CARESEAL_DATABASE_URLS": f"postgresql://careseal:canary-database@127.0.0.1:{nobody}/x",
        "CARESEAL_TURN_SECRET": "canary-turn",
    }
    with coturn() as relay, bare_page() as url:
        relays = (f"--turn-url={relay.url}", f"--turn-url=turn:127.0.0.1:{nobody}?transport=tcp")
        code, findings, wrote = doctor(data, *relays, f"--public-url={url}", **stores)
    assert code == 1
    ill = [f"{each['what']}: {each['says']}" for each in findings if each["state"] == "fail"]
    for wanted in (
        "secrets: others can read",
        "database: OperationalError",
        "objects: ",
        "redis: ConnectionError",
        "turn: 127.0.0.1:",
        "refuses the credentials (401)",
        "does not answer",
        "public url: missing or changed: Cross-Origin-Opener-Policy",
        "public url: WebSockets do not get through",
    ):
        assert any(wanted in each for each in ill), (wanted, wrote)
    assert all(each["do"] for each in findings if each["state"] != "ok")
    assert "canary" not in wrote


@pytest.mark.long
def test_a_database_that_is_not_durable_is_said(parts: Large, tmp_path: Path) -> None:
    url = parts.postgresql.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
        try:
            code, _, wrote = doctor(tmp_path, f"--database-url={url}")
        finally:
            connection.execute("ALTER SYSTEM RESET full_page_writes")
            connection.execute("SELECT pg_reload_conf()")
    assert code == 1
    assert "it is not durable: full_page_writes off" in wrote
    assert "it is empty" in wrote


def test_a_database_that_cannot_be_written_is_said(parts: Large, tmp_path: Path) -> None:
    """As a replica after a failover, with the tables and before there are any."""
    url = parts.postgresql.new_database()
    name = url.rpartition("/")[2]
    with psycopg.connect(parts.postgresql.url, autocommit=True) as connection:
        connection.execute(
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode()
        )
        assert databases_of(tmp_path, url)[0] == read_only("CREATE TABLE")
        connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
        assert databases_of(tmp_path, url)[0] == ("warn", "it is empty")
        upgrade(parse(url))
        assert databases_of(tmp_path, url)[0] == WRITTEN
        with psycopg.connect(url) as looking:
            assert looking.execute("SELECT id FROM pulse").fetchall() == []
        connection.execute(
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode()
        )
        assert databases_of(tmp_path, url)[0] == read_only("INSERT")


def read_only(tried: str) -> tuple[str, str]:
    return "fail", f"it cannot be written: cannot execute {tried} in a read-only transaction"


WRITTEN = ("ok", f"it can be written, and its tables are of this release ({LATEST})")


def databases_of(data: Path, url: str) -> list[tuple[str, str]]:
    _, findings, _ = doctor(data, f"--database-url={url}")
    return [(each["state"], each["says"]) for each in findings if each["what"] == "database"]


def test_keys_that_may_not_list_objects_are_said(tmp_path: Path) -> None:
    """Deleting a session and the sweep of orphans need it."""
    whole, narrow = (
        {"name": key, "credentials": [{"accessKey": key, "secretKey": SECRET}], "actions": actions}
        for key, actions in ((KEY, ["Admin", "Read", "Write", "List"]), ("n", ["Read", "Write"]))
    )
    rights = json.dumps({"identities": [whole, narrow]})
    with seaweed(tmp_path / "seaweed", rights=rights) as store:
        where = store.environment | {"CARESEAL_OBJECTS_URL": store.new_url()}
        for key, state in ((KEY, "ok"), ("n", "fail")):
            _, findings, wrote = doctor(tmp_path, **where | {"AWS_ACCESS_KEY_ID": key})
            (found,) = [each for each in findings if each["what"] == "objects"]
            assert found["state"] == state, wrote
    assert (found["says"], found["do"]) == (
        "they cannot be listed, which deleting a session and the sweep need",
        "Allow these keys to list the bucket (s3:ListBucket).",
    )


def test_how_full_the_storage_is_is_said(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, environment={}) as server, server.sign_in() as client:
        visit = Visit().create(client)
        asked = {"id": new_id(), "parts": 1, "size": 3 * MIB}
        path = f"{visit.path}/files"
        client.post(path, json=asked, headers=visit.host.token.header).raise_for_status()

    def storage(*options: str) -> tuple[str, str, str]:
        _, findings, _ = doctor(server.data, *options)
        (one,) = (each for each in findings if each["what"] == "storage")
        return one["state"], one["says"], one["do"]

    state, says, _ = storage(f"--limit=allStoredBytes={10 * MIB}")
    assert (state, says) == ("ok", "sessions hold 3.0 MiB, of 10.0 MiB (allStoredBytes)")
    state, says, do = storage(f"--limit=allStoredBytes={32 * MIB // 10}")
    assert (state, "0.2 MiB are left" in says, "Soon" in do) == ("warn", True, True)
    state, says, do = storage(f"--limit=allStoredBytes={3 * MIB}")
    assert (state, "new files are refused" in says, "raise" in do) == ("fail", True, True)
    state, says, do = storage()  # as good as no limit: the disk is full first
    assert (state, "the disk is full before that" in says) == ("warn", True)
    advised = do.removeprefix("Give --limit ").partition(",")[0]
    assert storage(f"--limit={advised}")[0] == "ok"
    (server.data / "careseal.sqlite3").unlink()
    assert "sessions hold 0.0 MiB" in storage()[1]


def test_a_public_url_without_tls_is_said(tmp_path: Path) -> None:
    code, _, wrote = doctor(tmp_path, "--public-url=http://visits.example.org")
    assert code == 1
    assert "without TLS" in wrote


@contextmanager
def bare_page() -> Iterator[str]:
    """A server that answers, but not as careseal does."""

    class Bare(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Bare) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_direct_transfer_is_examined_as_browsers_see_it(parts: Large, tmp_path: Path) -> None:
    url, direct = "--public-url=http://localhost:1", parts.seaweed.direct()
    _, findings, wrote = doctor(tmp_path, url, **direct)
    said = [each["says"] for each in findings if each["what"] == "direct"]
    assert said == [
        "the store checks length, hash and that nothing is overwritten",
        "pages of http://localhost:1 may use it",
    ], wrote
    (nobody,) = free_ports(1)
    elsewhere = f"http://127.0.0.1:{nobody}/careseal"
    code, findings, wrote = doctor(tmp_path, url, **direct | {"CARESEAL_OBJECTS_DIRECT": elsewhere})
    (found,) = [each for each in findings if each["what"] == "direct"]
    assert (code, found["state"]) == (1, "fail")
    assert "cannot be reached from here" in found["says"]
    assert "X-Amz" not in wrote
