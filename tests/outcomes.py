"""Counting of suites that are run by a command of their own (``make hostile``, ``make faults``)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest


@dataclass
class Outcomes:
    """A plugin of pytest that remembers how each test ended."""

    outcomes: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome != "passed" or report.when == "call":
            self.outcomes[report.nodeid] = report.outcome

    def closing(self, code: int) -> str:
        """The closing line; a run that broke before it could count is one failure."""
        passed, failed = (self.count(outcome) for outcome in ("passed", "failed"))
        return f"{passed} passed, {max(failed, 1 if code else 0)} failed"

    def count(self, outcome: str) -> int:
        return sum(each == outcome for each in self.outcomes.values())
