"""ts-mls in Node as a peer of the Python core."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

SCRIPT = Path(__file__).with_name("ts_mls_peer.mjs")
PACKAGE = Path(__file__).parents[3] / "web" / "node_modules" / "ts-mls"


def available() -> str | None:
    """None if the peer can run, else what is missing."""
    if shutil.which("node") is None:
        return "node is not installed"
    return None if PACKAGE.exists() else "ts-mls is not installed: run `npm ci` in web/"


class TsMls:
    """A Node process with members of groups in it; use it as a context manager."""

    def __enter__(self) -> TsMls:
        self._process = subprocess.Popen(
            ["node", str(SCRIPT), str(PACKAGE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def __call__(self, do: str, who: str, **arguments: Any) -> dict[str, Any]:
        """Asks for one action; raises `RuntimeError` with the peer's error."""
        request = {"do": do, "who": who, **arguments}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer
