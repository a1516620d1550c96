"""``make faults``: kills, power cuts, broken disks, clocks and stores, and their sum."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.outcomes import Outcomes

HERE = Path(__file__).parent


@dataclass
class Sum(Outcomes):
    """Collects what became of each fault."""

    total: Counter[str] = field(default_factory=Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        super().pytest_runtest_logreport(report)
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == "faults":
                names = ("ends", "acknowledged", "lost", "doubled")
                self.total.update(dict(zip(names, value, strict=True)))  # type: ignore[call-overload]


def main(arguments: list[str]) -> int:
    os.environ["CARESEAL_FAULTS"] = "all"
    all_of_them = Sum()
    options = ["-q", "-n2", "--dist=worksteal", *arguments]
    code = pytest.main([str(HERE), *options], plugins=[all_of_them])
    total = all_of_them.total
    print(
        f"{total['ends']} kills and power cuts: {total['lost']} lost, {total['doubled']} doubled "
        f"of {total['acknowledged']} acknowledged"
    )
    print(all_of_them.closing(code))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
