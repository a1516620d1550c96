"""The interface over a play (``web/src/app/demo``): every screen at once, without a visit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

WEB = Path(__file__).parents[2] / "web"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@contextmanager
def played(folder: Path) -> Iterator[str]:
    """Builds the play into ``folder`` and serves it; gives the address of its page."""
    command = ["node", "node_modules/vite/bin/vite.js", "build", "--config=demo.config.ts"]
    command += [f"--outDir={folder}", "--logLevel=error"]
    subprocess.run(command, cwd=WEB, check=True)
    serve = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/src/app/demo/index.html"
        server.shutdown()
