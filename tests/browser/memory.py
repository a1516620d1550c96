"""How much memory the browsers of a test take, as the kernel counts it."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType


class PeakMemory:
    """Samples the proportional memory (PSS, bytes) of all browsers of this process."""

    def __init__(self) -> None:
        self.before = browsers_memory()
        self.peak = self.before
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    @property
    def growth(self) -> int:
        """Bytes of the highest sample above the first."""
        return self.peak - self.before

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(0.2):
            self.peak = max(self.peak, browsers_memory())


def browsers_memory() -> int:
    """Bytes of PSS over this process's descendants that are browser processes."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        parents[int(status.parent.name)] = int(fields[1])
    return sum(pss(pid) for pid in parents if "chrom" in executable(pid) and is_ours(pid, parents))


def is_ours(pid: int, parents: dict[int, int]) -> bool:
    own = int(Path("/proc/self").readlink().name)
    while pid > 1:
        if pid == own:
            return True
        pid = parents.get(pid, 0)
    return False


def executable(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
