"""Runs the suites of both languages and counts them in one closing line (``make test``)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
NO_TESTS_COLLECTED = 5
# Most tests wait for a browser or a server; the short ones come last, so that both end together.
TWO = ["-n2", "--dist=loadfile", "--no-loadscope-reorder"]

Result = tuple[int, Counter[str]]  # exit code; passed, failed, skipped


def run_vitest(report: Path) -> Result:
    """The web client's unit tests: exit code, and how many passed, failed and were skipped."""
    reporters = ["--reporter=default", "--reporter=json", f"--outputFile={report}"]
    command = ["node", "node_modules/vitest/vitest.mjs", "run", *reporters]
    code = subprocess.run(command, cwd=ROOT / "web", check=False).returncode
    if not report.exists():
        return code, Counter()
    counted = json.loads(report.read_text())
    return code, Counter(
        passed=counted["numPassedTests"],
        failed=counted["numFailedTests"],
        skipped=counted["numPendingTests"] + counted["numTodoTests"],
    )


def run_pytest(report: Path, arguments: list[str]) -> Result:
    """What is asked for of tests/: exit code, and how many passed, failed and were skipped."""
    command = [sys.executable, "-m", "pytest", f"--junit-xml={report}", *arguments]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if not report.exists():
        return code, Counter()
    total: Counter[str] = Counter()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        passed = int(suite.get("tests", 0)) - failed - skipped
        total += Counter(passed=passed, failed=failed, skipped=skipped)
    return (0 if code == NO_TESTS_COLLECTED else code), total


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = [run_vitest(folder / "vitest.json")]
        results.append(run_pytest(folder / "two.xml", [*TWO, "-m", "not alone", *arguments]))
        results.append(run_pytest(folder / "alone.xml", ["-m", "alone", *arguments]))
    total = sum((counted for _, counted in results), Counter[str]())
    broken = sum(1 for code, _ in results if code)
    # A suite that broke before it could count its failures is one failure itself.
    failed = max(total["failed"], broken)
    print(f"\n{total['passed']} passed, {failed} failed, {total['skipped']} skipped", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
