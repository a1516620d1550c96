"""The examples in deploy/: what can run here does, the rest is held against what it names."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from textwrap import dedent

import httpx
import pytest
import typer

from careseal.cli import app
from tests.browser.call_pages.turn import coturn
from tests.eventually import eventually
from tests.ports import free_ports
from tests.postgresql import postgresql
from tests.redis_server import redis_server
from tests.seaweed import KEY, SECRET, seaweed
from tests.server.caddy import Front, before
from tests.server.visits import Visit, new_id
from tests.serving import ServerProcess

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def variables_of_serve() -> set[str]:
    """That ``careseal serve`` reads."""
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    return {option.envvar for option in command.params if option.envvar}


@pytest.mark.small
def test_the_unit_starts_a_server_and_ends_it_in_time(tmp_path: Path) -> None:
    """Its command line and environment, without systemd's fences."""
    unit = RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string((DEPLOY / "careseal.service").read_text())
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name == "careseal"
    name, _, data = unit["Service"]["Environment"].partition("=")
    assert name in variables_of_serve()
    assert data == f"/var/lib/{unit['Service']['StateDirectory']}"
    (port,) = free_ports(1)
    environment = {name: str(tmp_path / "data"), "CARESEAL_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "careseal.cli", *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "careseal is ready" in process.stdout.readline()
        eventually(lambda: httpx.get(f"http://localhost:{port}/readyz").is_success)
        process.send_signal(signal.SIGTERM)
        assert process.wait(int(unit["Service"]["TimeoutStopSec"])) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "careseal.service").read_text()
    unit = tmp_path / "careseal.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    about_it = [line for line in done.stderr.splitlines() if "careseal" in line]
    assert about_it == []


def test_the_compose_file_names_only_what_the_server_reads() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    named = set(re.findall(r"^ +(CARESEAL_\w+):", text, re.MULTILINE))
    assert len(named) > 8
    assert named <= variables_of_serve()
    asked = set(re.findall(r"\$\{(\w+):\?\}", text))
    told = {name for name in asked if f"{name}=..." in text or f"#   {name}=" in text}
    assert asked == told


SECRETS = {
    "DOMAIN": "localhost",
    "DATABASE_PASSWORD": "of-no-value",
    "S3_KEY": KEY,
    "S3_SECRET": SECRET,
    "TURN_SECRET": "quiet",
}


class Compose:
    """What deploy/compose.yaml says, filled in."""

    def __init__(self) -> None:
        text = (DEPLOY / "compose.yaml").read_text()
        self._text = re.sub(r"\$\{(\w+):\?\}", lambda name: SECRETS[name[1]], text)

    def part(self, name: str) -> str:
        """The lines below a service's or a config's name."""
        found = re.search(rf"^  {name}:\n((?: {{3,}}.*\n|\n)+)", self._text, re.MULTILINE)
        assert found is not None, name
        return found[1]

    def command(self, name: str) -> list[str]:
        part = self.part(name)
        if found := re.search(r"^    command: \[(.*)\]$", part, re.MULTILINE):
            return [each.strip().strip('"') for each in found[1].split(",")]
        found = re.search(r"^    command:\n((?:      - .*\n)+)", part, re.MULTILINE)
        assert found is not None, name
        return re.findall(r"- (.*)", found[1])

    def environment(self, name: str) -> dict[str, str]:
        lines = re.findall(r"^      ([A-Z_]+): (.*?)(?: #.*)?$", self.part(name), re.MULTILINE)
        return {variable: value.strip('"') for variable, value in lines}

    def content(self, name: str) -> str:
        return dedent(self.part(name).partition("content: |\n")[2])


@pytest.mark.long
@pytest.mark.small  # it brings the large form along by itself
@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed")
@pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed")
def test_the_parts_of_the_compose_file_work_together(tmp_path: Path) -> None:
    """Its commands, environment and configurations, at the loopback instead of in containers."""
    compose = Compose()
    http, https, port, metrics = free_ports(4)
    valkey, *options = compose.command("valkey")
    assert valkey == "valkey-server"
    with (
        postgresql() as database,
        redis_server(options) as redis,
        seaweed(tmp_path / "s3", compose.command("objects"), compose.content("rights")) as objects,
        coturn(compose.command("coturn")) as relay,
    ):
        places = {
            "postgresql://careseal:of-no-value@postgresql/careseal": database.new_database(),
            "redis://valkey:6379/0": redis.url,
            "http://objects:8333": objects.environment["AWS_ENDPOINT"],
            "https://localhost": f"https://localhost:{https}",
            "0.0.0.0:9464": f"127.0.0.1:{metrics}",
            "stun:localhost:3478": relay.url.replace("turn", "stun"),
            "turn:localhost:3478?transport=udp turn:localhost:3478?transport=tcp": (
                f"{relay.url}?transport=udp {relay.url}?transport=tcp"
            ),
        }
        environment = compose.environment("careseal")
        assert places.keys() <= set(environment.values())
        environment = {name: places.get(value, value) for name, value in environment.items()}
        # In containers Caddy is not at the loopback, whose X-Forwarded-Proto would be believed.
        environment.setdefault("CARESEAL_TRUSTED_PROXIES", "192.0.2.1")
        with ServerProcess(tmp_path / "server", environment=environment, port=port) as server:
            site = compose.content("caddyfile").replace("careseal:8000", f"127.0.0.1:{port}")
            with before(server, site, tmp_path, http, https) as front:
                use(front)
                authority = {"SSL_CERT_FILE": str(front.certificate)}
                done = subprocess.run(
                    [sys.executable, "-m", "careseal.cli", "doctor", f"--data={server.data}"],
                    env=os.environ | environment | authority,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, done.stdout + done.stderr


def use(front: Front) -> None:
    """A visit with a file, through Caddy."""
    with front.client(headers={"Origin": front.url}) as client:
        signed = client.post("/api/accounts/sign-in", json={"code": front.server.sign_in_code})
        assert signed.headers["set-cookie"].startswith("__Host-careseal="), signed.text
        visit = Visit().create(client)
        visit.write(client, visit.host)
        header = visit.host.token.header
        file = {"id": new_id(), "parts": 1, "size": 288}
        client.post(f"{visit.path}/files", json=file, headers=header).raise_for_status()
        part = f"{visit.path}/files/{file['id']}/parts/0"
        content = b"sealed" * 48
        client.put(part, content=content, headers=header).raise_for_status()
        assert client.get(part, headers=header).content == content


def test_both_ways_to_run_coturn_shut_the_same_networks() -> None:
    compose = (DEPLOY / "compose.yaml").read_text()
    example = (DEPLOY / "turnserver.conf").read_text()
    shut = set(re.findall(r"denied-peer-ip=(\S+)", compose))
    assert shut == set(re.findall(r"denied-peer-ip=(\S+)", example))


def test_the_image_copies_what_exists() -> None:
    kept = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert [name for name in kept if not (ROOT / name).exists()] == []
    needed = re.search(
        r"only-include = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL
    )
    assert needed is not None
    assert set(re.findall(r'"([^"]+)"', needed[1])) == set(kept)
