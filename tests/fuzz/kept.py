"""Inputs that once were found to do harm, kept so that they are tried for ever.

Each lies in the folder of its target, in a file whose name says what it is.
"""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.target import Finding, Target

FOLDER = Path(__file__).parent / "corpus"


def kept(target: Target) -> dict[str, bytes]:
    """A target's kept inputs by name."""
    files = sorted((FOLDER / target.folder).glob("*"))
    return {file.name: file.read_bytes() for file in files}


def write_finding(folder: Path, finding: Finding) -> Path:
    """Write a new finding down; the name is for whoever fixes it to improve."""
    place = folder / finding.target.replace(" ", "-")
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{finding.where}.txt").write_text(str(finding), "utf-8", "backslashreplace")
    file = place / finding.where
    file.write_bytes(finding.data)
    return file
