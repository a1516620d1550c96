"""``python -m tests.model --seconds N --seed S``: the model and both implementations in step."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from itertools import count

from tests.interop.web_peer import WebPeers
from tests.model.broken import RULES, broken
from tests.model.walk import Count, explore, parse, replay, shrink


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--seconds", type=int, default=540, help="how long to look")
    parser.add_argument("--crossings", type=int, default=10**6, help="how many, at most")
    parser.add_argument("--seed", default="careseal", help="each crossing is SEED-NUMBER")
    parser.add_argument("--only", type=int, help="the crossing with this number")
    parser.add_argument("--steps", help="with --only: these steps instead of its own")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--broken", action="store_true", help="with rules taken out, each noticed")
    options = parser.parse_args(arguments)
    if options.only is not None:
        return _one(f"{options.seed}-{options.only}", options.steps)
    if options.broken:
        return _broken(options.seed)
    until, jobs = time.monotonic() + options.seconds, range(options.jobs)
    print(f"seed {options.seed}", flush=True)
    with ProcessPoolExecutor(options.jobs) as pool:
        work = [
            pool.submit(_look, options.seed, job, options.jobs, options.crossings, until)
            for job in jobs
        ]
        done = [each.result() for each in work]
    total, crossings = Count(), 0
    failures = [told for _, _, told_here in done for told in told_here]
    for counted, number, _ in done:
        crossings += number
        total.ways, total.steps = total.ways + counted.ways, total.steps + counted.steps
        total.taken += counted.taken
    for told in failures:
        print(f"\n{told}", file=sys.stderr)
    print(f"{crossings} crossings, {total.ways} interleavings, {total.steps} steps:")
    print(", ".join(f"{n} × {name.replace('_', ' ')}" for name, n in total.taken.most_common()))
    print(f"{crossings - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or not crossings else 0


def _look(
    seed: str, first: int, stride: int, crossings: int, until: float
) -> tuple[Count, int, list[str]]:
    """One process's share: what it counted, how many crossings, and what failed."""
    counted, done, failures = Count(), 0, list[str]()
    with WebPeers() as web:
        for number in count(first, stride):
            if number >= crossings or time.monotonic() > until or len(failures) == 3:
                break
            failure = explore(f"{seed}-{number}", web, counted)
            done += 1
            if failure is not None:
                failures.append(str(shrink(failure, web)))
    return counted, done, failures


def _broken(seed: str) -> int:
    """Whether each rule that is taken out is missed within a few crossings."""
    missed = 0
    with WebPeers() as web:
        for rule in RULES:
            with broken(rule):
                found = (explore(f"{seed}-{number}", web, Count()) for number in range(30))
                failure = next(filter(None, found), None)
            missed += failure is None
            print(f"{rule.__name__}: {failure.error if failure else 'not noticed'}", flush=True)
    print(f"{len(RULES) - missed} passed, {missed} failed")
    return 1 if missed else 0


def _one(seed: str, steps: str | None) -> int:
    counted = Count()
    with WebPeers() as web:
        if steps is None:
            failure = explore(seed, web, counted)
            failure = failure and shrink(failure, web)
        else:
            failure = replay(seed, parse(steps), web)
    if failure is not None:
        traceback.print_exception(failure.error)
        print(failure, file=sys.stderr)
    print(f"{0 if failure else 1} passed, {1 if failure else 0} failed")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
