"""What the build promises: locks that any mirror can serve, a page that a strict CSP lets run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

from careseal import release

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src/careseal/server/web/index.html"


class Scripts(HTMLParser):
    """Collects what the page would run: script sources, inline script text, on… attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str | None] = []
        self.inline: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script"
        if self._inside:
            self.sources.append(dict(attrs).get("src"))
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("lock", ["run", "test", "release"])
def test_a_python_lock_names_no_package_host_and_hashes_every_package(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.txt").read_text()
    assert "://" not in text
    assert "--index-url" not in text
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in requirement


def test_the_web_lock_names_no_package_host() -> None:
    assert '"resolved"' not in (ROOT / "web/package-lock.json").read_text()


def test_the_built_page_runs_only_scripts_of_its_own_origin() -> None:
    if not PAGE.exists():
        pytest.skip("the web client is not built: make web")
    page = Scripts()
    page.feed(PAGE.read_text())
    assert page.inline == []
    assert page.sources
    assert all(source and source.startswith("/assets/") for source in page.sources)


def test_two_builds_in_different_folders_give_the_same_bytes(tmp_path: Path) -> None:
    """Each from its own copy of the sources and packages, as two people would build it."""
    built = []
    for name in ("one", "another/and deeper"):
        copy = tmp_path / name
        (copy / "src/careseal/server").mkdir(parents=True)
        shutil.copy(ROOT / "hatch_build.py", copy)
        shutil.copytree(ROOT / "web", copy / "web", symlinks=True, copy_function=os.link)
        (copy / "web/node_modules/.careseal-build").unlink(missing_ok=True)
        subprocess.run([sys.executable, "hatch_build.py"], cwd=copy, check=True)
        built.append(release.web_files(copy / "src/careseal/server/web"))
    assert len(built[0]) > 20
    assert built[0] == built[1]


def test_the_wheel_is_reproducible_and_lists_the_packages_of_the_web_client(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        command = [
            "-m",
            "hatchling",
            "build",
            "--target",
            "wheel",
            "--directory",
            str(tmp_path / name),
        ]
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = (tmp_path / name).glob("*.whl")
        made.append(wheel.read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(wheel) as archive:
        (listed,) = (name for name in archive.namelist() if "/sboms/" in name)
        sbom = json.loads(archive.read(listed))
    packages = json.loads((ROOT / "web/package.json").read_text())["dependencies"]
    assert packages.keys() <= {component["name"] for component in sbom["components"]} | {
        f"{component.get('group', '')}/{component['name']}" for component in sbom["components"]
    }
