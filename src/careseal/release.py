"""The web client of this release: which files it has, and what names it as a whole."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

WEB_CLIENT: Final = Path(__file__).parent / "server/web"
PAGE: Final = "index.html"
BROTLI: Final = ".br"  # beside a file, the same packed


def web_files(folder: Path = WEB_CLIENT) -> dict[str, bytes]:
    """The files of ``folder`` by their path in it, in order; empty where nothing was built."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != BROTLI)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def fingerprint(files: dict[str, bytes]) -> str:
    """SHA-256, as hex, over each file's hash and name as ``sha256sum`` lists them."""
    lines = (f"{sha256(body).hexdigest()}  {name}\n" for name, body in sorted(files.items()))
    return sha256("".join(lines).encode()).hexdigest()
