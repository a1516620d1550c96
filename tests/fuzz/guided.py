"""One target in a process of its own, its inputs guided by which code they reach.

`python -m tests.fuzz.guided TARGET FOLDER --inputs N --seed S` goes on where an earlier run in the
same folder ended. atheris (libFuzzer) measures what is reached and chooses which inputs to go on
from; where it is not installed the mutations are as many, but blind.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

HANG, MEMORY = 30, 1024  # s and MiB after which the process is ended
LONGEST = 1 << 18
EVERY = 2000  # inputs after which the report is renewed


class Report(msgspec.Struct):
    """How far a target has come."""

    inputs: int = 0
    seconds: float = 0.0
    findings: list[str] = []

    @classmethod
    def read(cls, folder: Path) -> Report:
        file = folder / "report.json"
        return msgspec.json.decode(file.read_bytes(), type=cls) if file.exists() else cls()

    def write(self, folder: Path) -> None:
        unfinished = folder / "report.new"
        unfinished.write_bytes(msgspec.json.encode(self))
        unfinished.replace(folder / "report.json")


@dataclass
class Run:
    """Counts inputs and ends the process when there were enough."""

    target: Any
    folder: Path
    report: Report
    goal: int
    end: Callable[[], None]
    started: float = field(default_factory=time.monotonic)
    before: float = 0.0

    def __post_init__(self) -> None:
        self.before = self.report.seconds

    def one(self, data: bytes) -> None:
        from tests.fuzz.kept import write_finding
        from tests.fuzz.target import attempt

        finding = attempt(self.target, data)
        report = self.report
        report.inputs += 1
        if finding is not None and finding.where not in report.findings:
            report.findings.append(finding.where)
            write_finding(self.folder.parent / "found", finding)
        if report.inputs >= self.goal or report.inputs % EVERY == 0:
            report.seconds = self.before + time.monotonic() - self.started
            report.write(self.folder)
        if report.inputs >= self.goal:
            self.end()
            sys.stderr.flush()
            os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    asked = parser.parse_args()
    atheris: Any = import_module("atheris") if find_spec("atheris") else None
    with atheris.instrument_imports(include=["careseal"]) if atheris else nullcontext():
        from tests.fuzz import all_targets
        from tests.fuzz.kept import kept
        from tests.fuzz.mutation import Mutator

        target = all_targets.find(asked.target)
    seeds = [*target.seeds(), *kept(target).values()]
    report = Report.read(asked.folder)
    package = target.name.partition(".")[0]
    end = lambda: all_targets.close(package)  # noqa: E731
    run = Run(target, asked.folder, report, asked.inputs, end)
    mutator, seed = Mutator(target, seeds), asked.seed + report.inputs
    if atheris is None:
        blindly(run, mutator, seeds, seed)
    guided(atheris, run, mutator, seeds, seed)


def blindly(run: Run, mutator: Any, seeds: list[bytes], seed: int) -> None:
    rng = random.Random(seed)
    for data in seeds:
        run.one(data)
    while True:
        run.one(mutator.mutate(rng.choice(seeds), rng))


def guided(atheris: Any, run: Run, mutator: Any, seeds: list[bytes], seed: int) -> None:
    corpus = run.folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(data)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.2:
            return bytes(atheris.Mutate(data, most))
        return bytes(mutator.mutate(data, rng)[:most])

    options = {
        "seed": seed % (1 << 32) or 1,
        "max_len": max(4096, *(4 * len(each) for each in seeds)) % LONGEST,
        "timeout": HANG,
        "rss_limit_mb": MEMORY,
        "artifact_prefix": f"{run.folder}/ended-",
        "reload": 0,
    }
    arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items())]
    atheris.Setup([*arguments, str(corpus)], run.one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
