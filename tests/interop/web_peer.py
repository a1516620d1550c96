"""The web client's modules as a peer: a Node process that answers one request a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
ROLLDOWN = ROOT / "web/node_modules/rolldown/bin/cli.mjs"


class PeerRefused(Exception):
    """The peer's own rules would not do what was asked, or did not open what it was given."""


class WebPeers:
    """Any number of devices in one Node process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="careseal-interop-")
        bundle = Path(self._folder.name, "bridge.mjs")
        node = _node()
        source = Path(__file__).with_name("bridge.ts")
        command = [node, str(ROLLDOWN), str(source), "--file", str(bundle), "--format", "esm"]
        built = subprocess.run(
            [*command, "--platform", "node"],
            cwd=ROOT / "web",
            check=False,
            capture_output=True,
            text=True,
        )
        if built.returncode:
            raise RuntimeError(f"the bridge could not be built:\n{built.stderr}{built.stdout}")
        self._process = subprocess.Popen(
            [node, str(bundle)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._folder.cleanup()

    def call(self, op: str, **values: Any) -> dict[str, Any]:
        """Raises `PeerRefused` for what the sealing refuses, `RuntimeError` for a crash."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"op": op, **values}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if answer is None:
            raise RuntimeError(f"the bridge has no {op}")
        if answer.get("error") == "seal":
            raise PeerRefused(answer["message"])
        if "error" in answer:
            raise RuntimeError(f"{op}: {answer['stack']}")
        return answer


def _node() -> str:
    beside = Path(sys.executable).with_name("node")
    return str(beside) if beside.exists() else os.environ.get("NODE", "node")
