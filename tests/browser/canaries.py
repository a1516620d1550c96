"""Random strings put into a visit, and the search for them in whatever the server has."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Canaries:
    """Names what each random string stood for, and finds it again in any usual form."""

    strings: dict[str, str] = field(default_factory=dict)

    def plant(self, where: str) -> str:
        """A new random string of 24 letters and digits, remembered under ``where``."""
        return self.strings.setdefault(where, "Cq" + secrets.token_hex(11))

    def found_in(self, name: str, data: bytes) -> list[str]:
        """Sentences for every canary that ``data`` holds, in whatever form."""
        return [
            f"{where} is in {name} as {form}"
            for where, text in self.strings.items()
            for form, pattern in forms(text)
            if pattern in data
        ]

    def found_under(self, folder: Path) -> list[str]:
        """The same for every file below ``folder`` and for their names."""
        found = []
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            found += self.found_in("the file name " + name, name.encode())
            if path.is_file():
                found += self.found_in(name, path.read_bytes())
        return found


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each form searched for: plain, hex, base64 in all alignments, UTF-16."""
    plain = text.encode()
    yield "plain text", plain
    yield "hex", plain.hex().encode()
    yield "upper-case hex", plain.hex().upper().encode()
    yield "UTF-16 little-endian", text.encode("utf-16-le")
    yield "UTF-16 big-endian", text.encode("utf-16-be")
    for shift in range(3):
        body = base64.b64encode(bytes(shift) + plain)
        core = body[4 if shift else 0 : len(body) - 4]  # what does not depend on the neighbours
        yield f"base64, shifted by {shift}", core
