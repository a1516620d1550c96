"""``make hostile``: all attacks, and the table of docs/attacks.md made from the run."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.outcomes import Outcomes

from . import elsewhere

HERE = Path(__file__).parent
TABLE = HERE.parent.parent / "docs" / "attacks.md"
HEAD = """# Attacks

What a server that lies, or a member who misbehaves, can try, what comes of it, and where that is
tested; what a stranger can try at the server, and the check that stops it. `make hostile` runs
them all and writes this page from the run.

An attack ends in one of these ways, and in no other: **refused** (the client says so with an
error or a sentence, and nothing is shown or sent), **noticed** (an alarm or a refused entry is
told; after a fork nothing is sent any more), or it has **no effect**. In each run of the SDK it
is checked that no message is shown that nobody wrote, that none is shown twice or, unless an
alarm says otherwise, in another order, that nothing readable of messages, names or links was
sent, and that nothing took longer than 10 s. Each path that is attacked is also walked without
the attack. Names of errors and events are those of the [SDK](sdk.md).

A check with a ✓ under "stopped by" was taken out in the same run (`tests/hostile/stopped_by.py`):
without it the attack had its way.

"""

STRANGERS = ("A stranger", "Somebody who has the link", "A page of another site")
MAKERS = {"server": "The server", "member": "Members", "stranger": "Strangers"}
CHECKS = """## Checks, taken out

{count} attacks that one check stops. Each is tried twice on the same stage: as the client is, and
with that check taken out of it, in the process of the test only (`tests/hostile/taken_out.py`).
Those of the web client run in a browser, on pages that the tests build without the check
(`tests/hostile/cut_pages.py`); nothing in the client can be switched off.

| attack | check | with it | without it |
|---|---|---|---|
"""


@dataclass
class Attacks(Outcomes):
    """Collects what became of each attack."""

    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)  # name, does, happens, check?
    checks: dict[str, tuple[str, str]] = field(default_factory=dict)  # attack, check
    stopped: dict[str, tuple[str, str]] = field(default_factory=dict)  # test, check; by attack

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        super().pytest_runtest_logreport(report)
        for name, value in report.user_properties:
            if name == "attack":
                self.rows[report.nodeid] = tuple(value)  # type: ignore[arg-type]
            if name == "check":
                self.checks[report.nodeid] = tuple(value)  # type: ignore[assignment,arg-type]
            if name == "stopped by":
                attack, check = map(str, value)  # type: ignore[call-overload]
                self.stopped[attack] = (report.nodeid, check)

    def _end(self, test: str, happens: str) -> str:
        return happens if self.outcomes.get(test) == "passed" else "**not shown by this run**"

    def table(self) -> str:
        text = HEAD
        for who, title in MAKERS.items():
            rows = sorted(self.rows.items(), key=_by_file)
            lines = [self._row(test, *row) for test, row in rows if _maker(row[1]) == who]
            text += f"## {title}\n\n{len(lines)} attacks.\n\n"
            text += "| attack | what is done | what happens | stopped by | tested in |\n"
            text += "|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        lines = [
            f"| {attack} | {check} | {self._end(test, 'fails')} | {self._end(test, 'succeeds')} |"
            for test, (attack, check) in self.checks.items()
        ]
        text += CHECKS.format(count=len(lines)) + "\n".join(lines) + "\n"
        return text + "\n" + elsewhere.table()

    def _row(self, test: str, name: str, does: str, happens: str, check: str = "") -> str:
        end = self._end(test, happens)
        if name in self.stopped:
            proof, check = self.stopped[name]
            check = self._end(proof, f"{check} \u2713")
        return f"| {name} | {does} | {end} | {check} | `{_file(test)}` |"


def _file(test: str) -> str:
    return "tests/hostile/" + test.partition("::")[0].rpartition("/")[2]


def _by_file(row: tuple[str, tuple[str, ...]]) -> tuple[bool, str]:
    """The SDK first; in a file as they come."""
    return not row[0].partition("::")[0].endswith("sdk.py"), _file(row[0])


def _maker(does: str) -> str:
    if does.startswith("A guest"):
        return "member"
    return "stranger" if does.startswith(STRANGERS) else "server"


def main(arguments: list[str]) -> int:
    os.environ["CARESEAL_ATTACKS"] = "all"
    attacks = Attacks()
    code = pytest.main([str(HERE), "-q", "-n2", "--dist=loadfile", *arguments], plugins=[attacks])
    if not arguments:
        TABLE.write_text(attacks.table())
    print(attacks.closing(code))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
