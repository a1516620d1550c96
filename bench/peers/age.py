"""age-and-copy: a file encrypted, copied, and decrypted; with age, else with rage for Python."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench.peers.processes import packages
from careseal.server.durable import sync_file

RAGE = """
import sys, pyrage
key, how, source, target = sys.argv[1:]
who = pyrage.x25519.Identity.from_str(open(key).read().split()[-1])
if how == "encrypt":
    pyrage.encrypt_file(source, target, [who.to_public()])
else:
    pyrage.decrypt_file(source, target, [who])
"""


class Age:
    """Its commands' seconds count, the copy, and that copy and file are on disk at the end."""

    def __init__(self, folder: Path) -> None:
        """Raises `Missing`."""
        folder.mkdir(parents=True)
        self._folder = folder
        self._key = folder / "key"
        if found := shutil.which("age"):
            self.name = "age"
            subprocess.run(["age-keygen", "-o", self._key], check=True, stderr=subprocess.DEVNULL)
            said = subprocess.run(
                ["age-keygen", "-y", self._key], check=True, capture_output=True, text=True
            )
            self._encrypt = [found, "-r", said.stdout.strip(), "-o"]
            self._decrypt = [found, "-d", "-i", str(self._key), "-o"]
            self._command: Callable[[str, Path, Path], list[str]] = self._by_age
        else:
            self.name = "age (pyrage)"
            self._python = str(packages("pyrage", "pyrage") / "python")
            make = "import pyrage; print(pyrage.x25519.Identity.generate())"
            made = subprocess.run(
                [self._python, "-c", make], check=True, capture_output=True, text=True
            )
            self._key.write_text(made.stdout)
            self._command = self._by_rage

    def seconds(self, source: Path) -> float:
        sealed, copy, plain = (self._folder / name for name in ("sealed", "copy", "plain"))
        began = time.monotonic()
        subprocess.run(self._command("encrypt", source, sealed), check=True)
        shutil.copyfile(sealed, copy)
        sync_file(copy)
        subprocess.run(self._command("decrypt", copy, plain), check=True)
        sync_file(plain)
        spent = time.monotonic() - began
        assert plain.stat().st_size == source.stat().st_size
        for path in (sealed, copy, plain):
            path.unlink()
        return spent

    def _by_age(self, how: str, source: Path, target: Path) -> list[str]:
        start = self._encrypt if how == "encrypt" else self._decrypt
        return [*start, str(target), str(source)]

    def _by_rage(self, how: str, source: Path, target: Path) -> list[str]:
        return [self._python, "-c", RAGE, str(self._key), how, str(source), str(target)]
