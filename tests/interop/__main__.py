"""``python -m tests.interop --scenarios N --seed S``: random sessions between both languages."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.interop.scenario import Scenario
from tests.interop.web_peer import WebPeers


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=500)
    parser.add_argument("--seed", default="careseal", help="each scenario is SEED-NUMBER")
    parser.add_argument("--only", type=int, help="replay the scenario with this number")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--verbose", action="store_true", help="the steps of each scenario")
    options = parser.parse_args(arguments)
    numbers = range(options.scenarios) if options.only is None else [options.only]
    passed = failed = 0
    began = time.monotonic()
    with WebPeers() as web:
        for number in numbers:
            seed = f"{options.seed}-{number}"
            if run(seed, web, options.steps, options.verbose):
                passed += 1
            else:
                failed += 1
    print(f"in {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def run(seed: str, web: WebPeers, steps: int, verbose: bool) -> bool:
    scenario = Scenario(seed, web)
    try:
        scenario.run(steps)
    except Exception:
        print(f"{seed} failed after {' → '.join(scenario.steps)}", file=sys.stderr)
        traceback.print_exc()
        return False
    finally:
        scenario.close()
    if verbose:
        print(f"{seed}: {' → '.join(scenario.steps)}", file=sys.stderr)
    return True


if __name__ == "__main__":
    sys.exit(main())
