"""Pages of the web client with one check taken out, built and given to a browser by the tests."""

from __future__ import annotations

import json
import mimetypes
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import STDOUT
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import BrowserContext, Route

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WEB = ROOT / "web"
CLIENT = WEB / "vite.config.ts"
CALL_PAGES = ROOT / "tests/browser/call_pages/vite.config.mjs"
BODY = {"content-length", "content-encoding", "content-type", "transfer-encoding", "etag"}


@dataclass(frozen=True)
class Cut:
    """A check by its words in a file below `web/src`, and what stands in its place."""

    file: str
    saying: str
    instead: str

    @property
    def name(self) -> str:
        words = " ".join(self.saying.split()).replace("|", r"\|")
        return f"`{Path(self.file).stem}`: `{words}`"


@contextmanager
def pages_without(cut: Cut, folder: Path, config: Path = CLIENT) -> Iterator[Callable[[], Path]]:
    """Builds pages without a check, meanwhile; the function waits for them and gives their folder.

    Raises `AssertionError` with what the build says where it fails.
    """
    asked = {"config": str(config), "out": str(folder), "cuts": [asdict(cut)]}
    command = ["node", str(HERE / "build.mjs"), json.dumps(asked)]
    with subprocess.Popen(command, cwd=WEB, stdout=subprocess.PIPE, stderr=STDOUT) as build:

        def built() -> Path:
            said, _ = build.communicate()
            assert build.returncode == 0, said.decode()
            return folder

        yield built


def give_pages(context: BrowserContext, server: str, folder: Path) -> None:
    """From now on this context gets the pages of a folder, under the server's own headers."""
    page = httpx.get(server)
    headers = {name: value for name, value in page.headers.items() if name not in BODY}

    def fulfil(route: Route) -> None:
        path = urlsplit(route.request.url).path
        file = folder / path.removeprefix("/")
        file = file if file.is_file() else folder / "index.html"
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        route.fulfill(headers={**headers, "content-type": kind}, body=file.read_bytes())

    context.route(lambda url: "/api/" not in url, fulfil)
