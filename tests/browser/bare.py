"""A browser that nobody watches: driven by a handful of DevTools commands.

Playwright keeps the network agent of each page on, and that keeps the bodies of answers (up to
200 MB a page); where memory is measured, it would be the test's that is measured.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import sync_playwright
from websockets.sync.client import ClientConnection, connect

from tests.browser.chromium import options_of_chromium

SOON = 30.0  # s


class BarePage:
    """The one page of a browser with a profile of its own."""

    def __init__(
        self, process: subprocess.Popen[bytes], socket: ClientConnection, downloads: Path
    ) -> None:
        self._process = process
        self._socket = socket
        self._sent = 0
        self.downloads = downloads

    def command(self, method: str, **params: Any) -> Any:
        """Sends a DevTools command and gives its result."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while (answer := json.loads(self._socket.recv(SOON))).get("id") != self._sent:
            pass  # an event
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    def evaluate(self, expression: str) -> Any:
        result = self.command(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    def until(self, expression: str, seconds: float = SOON) -> Any:
        """Asks until the expression is true, and gives its value."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if value := self.evaluate(expression):
                    return value
            except RuntimeError as error:
                if "context" not in str(error):  # else one page has gone, the next is coming
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{expression}, but:\n{self.evaluate('document.body.innerText')}"
                )
            time.sleep(0.1)

    def click(self, button: str) -> None:
        """Clicks the button of that name, as soon as it can be."""
        name = json.dumps(button)
        self.until(
            "(() => { const found = [...document.querySelectorAll('button:not([disabled])')]"
            f".find((one) => (one.ariaLabel ?? one.textContent).trim() === {name});"
            "found?.click(); return found !== undefined })()"
        )

    def fill(self, selector: str, text: str) -> None:
        where = json.dumps(selector)
        self.until(f"document.querySelector({where}) !== null")
        self.evaluate(
            f"(() => {{ const field = document.querySelector({where}); field.value = "
            f"{json.dumps(text)}; field.dispatchEvent(new Event('input', {{ bubbles: true }}))"
            " })()"
        )

    def choose(self, selector: str, file: Path) -> None:
        """Puts a file into the file field."""
        root = self.command("DOM.getDocument")["root"]["nodeId"]
        node = self.command("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.command("DOM.setFileInputFiles", files=[str(file)], nodeId=node)

    def kill(self) -> None:
        """The browser is gone without a word (SIGKILL)."""
        self._process.kill()
        self._process.wait()

    def downloaded(self, name: str, seconds: float) -> Path:
        """The finished download of that name."""
        path = self.downloads / name
        deadline = time.monotonic() + seconds
        while not path.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(name)
            time.sleep(0.1)
        return path


def bare_options() -> dict[str, Any]:
    """Of Chromium, with the path of its program."""
    options = options_of_chromium()
    if "executable_path" not in options:
        with sync_playwright() as playwright:
            options["executable_path"] = playwright.chromium.executable_path
    return options


@contextmanager
def bare_browser(options: dict[str, Any], folder: Path, url: str) -> Iterator[BarePage]:
    """A browser with its profile in ``folder`` that shows ``url``."""
    profile, downloads = folder / "profile", folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    active = profile / "DevToolsActivePort"
    active.unlink(missing_ok=True)  # of a browser that was killed
    command = [
        options["executable_path"],
        "--headless",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        *options["args"],
        url,
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        port = first_line_of(active)
        pages = httpx.get(f"http://127.0.0.1:{port}/json/list").raise_for_status().json()
        [address] = [page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"]
        with connect(address, max_size=None) as socket:
            page = BarePage(process, socket, downloads)
            page.command(
                "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads)
            )
            yield page
    finally:
        process.terminate()
        process.wait(20)


def first_line_of(path: Path) -> str:
    """Of a file that the browser writes once it listens."""
    deadline = time.monotonic() + SOON
    while not (path.exists() and (lines := path.read_text().splitlines())):
        if time.monotonic() > deadline:
            raise TimeoutError(path.name)
        time.sleep(0.05)
    return lines[0]
