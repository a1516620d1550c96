"""A disk and a clock of the tests' own under a server: what they did, and what a power cut leaves.

``disk.c`` notes every change below a folder with its syncs. From these notes ``images`` builds what
would be there if the power had gone at a given instant: all that was synced, and of the rest what
chance left of it, in whole, in part (sectors of 512 bytes) or not at all. A name outlives a cut
only when its folder was synced after it.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

SECTOR: Final = 512
_RECORD: Final = struct.Struct("=BQQII")
_SWITCHES: Final = struct.Struct("=qiiii")
YEAR: Final = 365 * 86_400

Ignored = Literal["nothing", "files", "folders"]


def build(folder: Path) -> Path:
    """The library, compiled. Needs a C compiler (``tests/install-system``)."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    assert compiler, "there is no C compiler for tests/faults/disk.c: tests/install-system"
    library = folder / "disk.so"
    source = Path(__file__).with_name("disk.c")
    command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*command, "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


class Disk:
    """Everything below ``root`` is on it, for processes that run in ``environment``."""

    def __init__(self, library: Path, root: Path, notes: Path) -> None:
        notes.mkdir(parents=True)
        self.root = root
        self.journal = notes / "journal"
        self.journal.touch()
        switches = notes / "switches"
        switches.write_bytes(bytes(_SWITCHES.size))
        with switches.open("r+b") as file:
            self._switches = mmap.mmap(file.fileno(), _SWITCHES.size)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAULTS_ROOT": str(root),
            "FAULTS_JOURNAL": str(self.journal),
            "FAULTS_SWITCHES": str(switches),
        }

    def switch(
        self,
        *,
        clock: int = 0,
        full: bool = False,
        read_only: bool = False,
        sync_fails: bool = False,
        slow: int = 0,
    ) -> None:
        """From now on; what is not named is as it should be. ``clock`` in s, ``slow`` in ms."""
        self._switches[:] = _SWITCHES.pack(clock, full, read_only, sync_fails, slow)

    @property
    def now(self) -> int:
        """An instant: how much was noted so far. What is acknowledged by then must stay."""
        return self.journal.stat().st_size


@dataclass
class _Node:
    """A file or folder; ``pending`` is what no sync has made durable."""

    folder: bool
    octets: bytearray = field(default_factory=bytearray)
    names: dict[str, int] = field(default_factory=dict)
    pending: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class _Cut:
    size: int


@dataclass(frozen=True, slots=True)
class _Names:
    """A change of a folder: one name goes, another comes, or one of both."""

    gone: str | None
    come: str | None
    node: int


class Platter:
    """What the notes say, followed up to an instant."""

    def __init__(self, root: Path, ignoring: Ignored = "nothing") -> None:
        self._root = root
        self._ignoring = ignoring
        self._top = root.stat().st_ino
        self._nodes: dict[int, _Node] = {self._top: _Node(folder=True)}
        self._now: dict[str, int] = {str(root): self._top}  # what a process sees
        self._keys = {self._top: self._top}  # of the nodes by their numbers, which are used again

    def take(self, op: str, number: int, offset: int, first: bytes, second: bytes) -> None:
        if op in "CM":
            self._keys[number] = len(self._nodes) + self._top + 1
        node = self._keys[number]
        match op:
            case "W":
                self._nodes[node].pending.append(_Write(offset, first))
            case "T":
                self._nodes[node].pending.append(_Cut(offset))
            case "S":
                self._sync(node)
            case "C" | "M":
                self._nodes[node] = _Node(folder=op == "M")
                self._name(None, first.decode(), node)
            case "R":
                self._name(first.decode(), second.decode(), node)
            case "L":
                self._name(None, second.decode(), node)
            case "U":
                self._name(first.decode(), None, node)

    def _name(self, old: str | None, new: str | None, node: int) -> None:
        folders = {str(Path(each).parent) for each in (old, new) if each is not None}
        assert len(folders) == 1, "a rename between folders"
        if old is not None:
            self._now.pop(old, None)
        if new is not None:
            self._now[new] = node
        base = [None if each is None else Path(each).name for each in (old, new)]
        folder = self._now[folders.pop()]
        self._nodes[folder].pending.append(_Names(base[0], base[1], node))

    def _sync(self, number: int) -> None:
        node = self._nodes[number]
        if self._ignoring == ("folders" if node.folder else "files"):
            return
        for change in node.pending:
            _apply(node, change)
        node.pending.clear()

    def leave(self, target: Path, random: Random | None) -> None:
        """Write what a power cut leaves now: what was synced, and more where there is chance."""
        kept = {number: _after_cut(node, random) for number, node in self._nodes.items()}
        self._write(kept, self._top, target)

    def _write(self, kept: dict[int, _Node], number: int, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, inside in kept[number].names.items():
            node = kept[inside]
            if node.folder:
                self._write(kept, inside, target / name)
            elif not name.endswith("-shm"):  # memory that processes share, no bytes of a disk
                (target / name).write_bytes(node.octets)


def _after_cut(node: _Node, random: Random | None) -> _Node:
    left = _Node(node.folder, bytearray(node.octets), dict(node.names))
    if random is None:
        return left
    keeps = random.choice((0.0, 0.2, 0.5, 0.9, 1.0))
    for change in node.pending:
        if random.random() < keeps:
            _apply(left, change)
        elif isinstance(change, _Write) and random.random() < 0.5:
            _tear(left, change, random)
    return left


def _apply(node: _Node, change: _Write | _Cut | _Names) -> None:
    match change:
        case _Write(offset, octets):
            _put(node, offset, octets)
        case _Cut(size):
            del node.octets[size:]
            node.octets.extend(bytes(size - len(node.octets)))
        case _Names(gone, come, number):
            if gone is not None:
                node.names.pop(gone, None)
            if come is not None:
                node.names[come] = number


def _tear(node: _Node, change: _Write, random: Random) -> None:
    for start in range(0, len(change.octets), SECTOR):
        if random.random() < 0.5:
            _put(node, change.offset + start, change.octets[start : start + SECTOR])


def _put(node: _Node, offset: int, octets: bytes) -> None:
    node.octets.extend(bytes(max(0, offset - len(node.octets))))
    node.octets[offset : offset + len(octets)] = octets


def _records(journal: Path) -> Iterator[tuple[int, tuple[str, int, int, bytes, bytes]]]:
    """Each with the instant at which it was noted."""
    octets, at = journal.read_bytes(), 0
    while at + _RECORD.size <= len(octets):
        op, node, offset, one, two = _RECORD.unpack_from(octets, at)
        begin = at + _RECORD.size
        at = begin + one + two
        if at > len(octets):
            return
        yield at, (chr(op), node, offset, octets[begin : begin + one], octets[at - two : at])


def instants(disk: Disk) -> list[int]:
    """Between any two changes there is one."""
    return [at for at, _ in _records(disk.journal)]


def images(
    disk: Disk, cuts: list[int], target: Path, random: Random | None, ignoring: Ignored = "nothing"
) -> Iterator[tuple[int, Path]]:
    """For each instant of ``cuts``, in their order, a folder with what the cut leaves of the disk.

    Without ``random`` only what was synced is left. A folder is removed when the next is asked for.
    """
    platter, waiting = Platter(disk.root, ignoring), sorted(cuts)
    for at, record in _records(disk.journal):
        while waiting and waiting[0] < at:
            place = target / f"cut-{len(waiting)}"
            platter.leave(place, random)
            yield waiting.pop(0), place
            shutil.rmtree(place)
        platter.take(*record)
    for cut in waiting:
        platter.leave(target / "cut-0", random)
        yield cut, target / "cut-0"
        shutil.rmtree(target / "cut-0")
