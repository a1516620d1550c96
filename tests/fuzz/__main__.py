"""The long form of fuzzing: `make fuzz`, a million inputs over all targets.

Each target runs in a process of its own. What was reached is kept in build/fuzz, so a run that
was broken off, or one that asks for more inputs, goes on where it ended.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.fuzz.all_targets import all_targets, close
from tests.fuzz.guided import Report
from tests.fuzz.target import Target

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "fuzz"


def goals(targets: list[Target], inputs: int) -> dict[str, int]:
    """How many inputs each target gets; together a few more than `inputs`."""
    shares = sum(target.share for target in targets)
    return {target.name: int(inputs * target.share / shares) + 1 for target in targets}


def run(target: Target, goal: int, seed: int, folder: Path) -> tuple[Report, str]:
    """The target's report, and what went wrong, if anything."""
    place = folder / target.folder
    place.mkdir(parents=True, exist_ok=True)
    if Report.read(place).inputs < goal:
        command = [sys.executable, "-m", "tests.fuzz.guided", target.name, str(place)]
        command += [f"--inputs={goal}", f"--seed={seed}"]
        with (place / "log.txt").open("wb") as log:
            code = subprocess.run(command, cwd=ROOT, stderr=log, stdout=log, check=False).returncode
        if code:
            return Report.read(place), f"its process ended with {code}; see {place}/log.txt"
    report = Report.read(place)
    return report, ", ".join(report.findings)


def covered(place: Path) -> str:
    """Branches reached, as the log of the guided run tells last."""
    log = place / "log.txt"
    found = re.findall(r"cov: (\d+)", log.read_text(errors="replace")) if log.exists() else []
    return found[-1] if found else "-"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="over all targets together")
    parser.add_argument("--only", default="", help="targets with this in their name")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs reached")
    asked = parser.parse_args()
    os.nice(10)
    folder = BUILD / f"seed-{asked.seed}"
    if asked.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    targets = [target for target in all_targets() if asked.only in target.name]
    goal = goals(targets, asked.inputs)
    failed, total, seconds = 0, 0, 0.0
    print(f"{'target':<28}{'inputs':>9}{'seconds':>9}{'reached':>9}", flush=True)
    with ThreadPoolExecutor(asked.jobs) as pool:
        runs = {
            pool.submit(run, each, goal[each.name], asked.seed, folder): each for each in targets
        }
        for done in as_completed(runs):
            target, (report, wrong) = runs[done], done.result()
            reached = covered(folder / target.folder)
            line = f"{target.name:<28}{report.inputs:>9}{report.seconds:>9.1f}{reached:>9}"
            print(line + (f"  {wrong}" if wrong else ""), flush=True)
            failed, total = failed + bool(wrong), total + report.inputs
            seconds += report.seconds
    print(f"{total} inputs in {seconds:.0f} s of {len(targets)} targets, seed {asked.seed}")
    if failed:
        print(f"what was found lies in {folder / 'found'}")
    close("server")
    print(f"\n{len(targets) - failed} passed, {failed} failed", flush=True)
    return 1 if failed or not targets else 0


if __name__ == "__main__":
    sys.exit(main())
