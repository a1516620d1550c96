"""Somebody with Firefox, driven over WebDriver BiDi by the names that people see."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
DRIVER = Path(__file__).with_name("drive.mjs")
PACKAGES = ROOT / "web/package.json"
LEAVE_WITHIN = 20  # s


class Fox:
    """One Firefox with one page. Each verb waits for what it needs, or fails the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, verb: str, **options: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"verb": verb, **options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "Firefox's driver has ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def click(self, name: str, role: str = "button") -> None:
        self.do("click", role=role, name=name)

    def fill(self, name: str, text: str) -> None:
        self.do("fill", role="textbox", name=name, text=text)

    def shows(self, name: str, role: str = "button") -> None:
        self.do("shown", role=role, name=name)

    def no_longer_shows(self, name: str, role: str = "button") -> None:
        self.do("gone", role=role, name=name)

    def write(self, text: str) -> None:
        self.fill("Message", text)
        self.click("Send")

    def sees(self, text: str) -> None:
        """The text stands in the chat."""
        log = """document.querySelector('[aria-label="Messages"]')?.textContent"""
        self.until(f"{log}?.includes({json.dumps(text)})")

    def until(self, script: str) -> None:
        self.do("until", script=script)

    def evaluate(self, script: str) -> Any:
        return self.do("evaluate", script=script)


@contextmanager
def firefox(downloads: Path) -> Iterator[Fox]:
    """A Firefox with made-up camera and microphone and a profile of its own."""
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    assert found, "Firefox is not installed: tests/install-system"
    command = ["node", str(DRIVER), str(PACKAGES), found, str(downloads)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield Fox(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(LEAVE_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
