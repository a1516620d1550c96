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

import httpx
import pytest
import typer

from careseal.cli import app
from tests.eventually import eventually
from tests.ports import free_ports

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
