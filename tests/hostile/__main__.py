"""``make hostile``: all attacks, and the table of docs/attacks.md made from the run."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLE = HERE.parent.parent / "docs" / "attacks.md"
HEAD = """# Attacks

What a server that lies or a member who misbehaves can try, what comes of it, and where that is
tested. `make hostile` runs them all and writes this page from the run.

An attack ends in one of these ways, and in no other: **refused** (the client says so with an
error or a sentence, and nothing is shown or sent), **noticed** (an alarm or a refused entry is
told; after a fork nothing is sent any more), or it has **no effect**. In each run of the SDK it
is checked that no message is shown that nobody wrote, that none is shown twice or, unless an
alarm says otherwise, in another order, that nothing readable of messages, names or links was
sent, and that nothing took longer than 10 s. Each path that is attacked is also walked without
the attack. Names of errors and events are those of the [SDK](sdk.md).

"""


@dataclass
class Attacks:
    """Collects what became of each attack."""

    rows: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == "attack":
                self.rows[report.nodeid] = value  # type: ignore[assignment]
        if report.outcome != "passed" or report.when == "call":
            self.outcomes[report.nodeid] = report.outcome

    def _end(self, test: str, happens: str) -> str:
        return happens if self.outcomes.get(test) == "passed" else "**not shown by this run**"

    def table(self) -> str:
        text = HEAD
        for who, title in (("server", "The server"), ("member", "Members")):
            lines = [
                f"| {name} | {does} | {self._end(test, happens)} | `{_file(test)}` |"
                for test, (name, does, happens) in sorted(self.rows.items(), key=_by_file)
                if _maker(does) == who
            ]
            text += f"## {title}\n\n{len(lines)} attacks.\n\n"
            text += "| attack | what is done | what happens | tested in |\n|---|---|---|---|\n"
            text += "\n".join(lines) + "\n\n"
        return text.rstrip("\n") + "\n"


def _file(test: str) -> str:
    return "tests/hostile/" + test.partition("::")[0].rpartition("/")[2]


def _by_file(row: tuple[str, tuple[str, str, str]]) -> tuple[bool, str]:
    """The SDK first; in a file as they come."""
    return not row[0].partition("::")[0].endswith("sdk.py"), _file(row[0])


def _maker(does: str) -> str:
    return "member" if does.startswith("A guest") else "server"


def main(arguments: list[str]) -> int:
    os.environ["CARESEAL_ATTACKS"] = "all"
    attacks = Attacks()
    code = pytest.main([str(HERE), "-q", "-n2", "--dist=loadfile", *arguments], plugins=[attacks])
    if not arguments:
        TABLE.write_text(attacks.table())
    passed = sum(outcome == "passed" for outcome in attacks.outcomes.values())
    failed = sum(outcome == "failed" for outcome in attacks.outcomes.values())
    print(f"{passed} passed, {max(failed, 1 if code else 0)} failed")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
