"""Ten minutes of 10,000 followers and mixed traffic on the large form (``make load``).

    python -m tests.load [--minutes 10] [--followers 10000]

Two workers on PostgreSQL, SeaweedFS and Redis, all on loopback. A third of the way in the workers
are replaced (SIGHUP), after two thirds Redis is killed and started again. Every entry that was
acknowledged must be heard once and in order by every follower of its session, whatever happened
to its socket meanwhile; what was uploaded must come back. The tail is told, not judged: it is the
machine's. Closes with ``N passed, N failed``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
from array import array
from collections import Counter
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tests.form import Large, large
from tests.load.crowd import TABS, Plan, run
from tests.serving import ServerProcess, serving

PROCESSES = 2
APPENDS, UPLOADS, JOINS, SIGNALS = 40.0, 2.0, 2.0, 20.0  # a second, all together
DISTURBED = 90.0  # s after a restart that do not count as calm: 10,000 sockets come back
SET_UP_WITHIN, ENDS_WITHIN = 600.0, 400.0  # s
GENEROUS = [
    f"--limit={name}=1000000"
    for name in ("entriesPerSecond", "entriesBurst", "doorsPerSecond", "doorsBurst")
]
SPARE = 1000  # file descriptors beside the followers'


class Course:
    """The run, and what of it held."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def check(self, holds: bool, sentence: str) -> None:
        self.passed += holds
        self.failed += not holds
        print(f"{'passed' if holds else 'FAILED'}: {sentence}", flush=True)


def raise_limit(followers: int) -> int:
    """As many followers as this process and each server may have sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and followers + SPARE > hard:
        print(f"ulimit -Hn is {hard}: {hard - SPARE} followers instead of {followers}")
        return hard - SPARE
    return followers


def told(parents: list[Connection], within: float) -> list[Any]:
    """What each process says next. Raises `TimeoutError`, or `EOFError` when one ended."""
    deadline = time.monotonic() + within
    said: dict[int, Any] = {}
    while len(said) < len(parents):
        left = [each for n, each in enumerate(parents) if n not in said]
        ready = wait(left, max(0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError("the crowd did not answer in time")
        for n, each in enumerate(parents):
            if each in ready:
                said[n] = each.recv()
    return [said[n] for n in range(len(parents))]


def memory_of(pid: int) -> int:
    """Bytes resident of a process and its children."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:
            continue  # it has ended
        if pid in (int(fields["Pid"]), int(fields["PPid"])) and "VmRSS" in fields:
            total += int(fields["VmRSS"].split()[0]) * 1024
    return total


def tail(pairs: bytes, disturbances: list[float]) -> str:
    """Of all, and of those outside of a disturbance."""
    both = array("d")
    both.frombytes(pairs)
    moments, spent = both[::2], both[1::2]

    def line(values: list[float]) -> str:
        if not values:
            return "none"
        values.sort()
        at = [
            values[min(len(values) - 1, int(len(values) * share))] for share in (0.5, 0.99, 0.999)
        ]
        half, most, nearly = (1000 * each for each in at)
        return f"{half:.0f} / {most:.0f} / {nearly:.0f} / {1000 * values[-1]:.0f} ms"

    calm = [
        each
        for moment, each in zip(moments, spent, strict=True)
        if not any(-5 < moment - start < DISTURBED for start in disturbances)
    ]
    return f"{line(calm)}; with the restarts {line(list(spent))}"


def waited_for(what: str, server: ServerProcess, before: int, within: float) -> bool:
    """Whether the server logs ``what`` once more than ``before``."""
    deadline = time.monotonic() + within
    while server.log.count(what) <= before:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def main(minutes: float, followers: int) -> int:
    followers = raise_limit(followers)
    sessions = max(1, followers // (2 * TABS * PROCESSES))
    course = Course()
    with tempfile.TemporaryDirectory(prefix="careseal-load-") as name:
        folder = Path(name)
        with large(folder / "large") as form:
            Large.chosen = form
            with serving(folder / "server", *GENEROUS) as server:
                laden(course, server, form, sessions, 60 * minutes)
            Large.chosen = None
    print(f"\n{course.passed} passed, {course.failed} failed")
    return 1 if course.failed else 0


def laden(
    course: Course, server: ServerProcess, form: Large, sessions: int, seconds: float
) -> None:
    context = multiprocessing.get_context("spawn")
    token = server.careseal("api-token")
    rates = [rate / PROCESSES for rate in (APPENDS, UPLOADS, JOINS, SIGNALS)]
    base_url = f"http://127.0.0.1:{server.port}"
    parents: list[Connection] = []
    crowds = []
    for number in range(PROCESSES):
        parent, child = context.Pipe()
        plan = Plan(number, base_url, token, sessions, *rates)
        crowd = context.Process(target=run, args=(plan, child), daemon=True)
        crowd.start()
        child.close()
        parents.append(parent)
        crowds.append(crowd)
    try:
        expected = PROCESSES * sessions * 2 * TABS
        began = time.monotonic()
        arrived = sum(told(parents, SET_UP_WITHIN))
        spent = time.monotonic() - began
        course.check(arrived == expected, f"{arrived} of {expected} followers in {spent:.0f} s")
        disturbances = disturb(course, server, form, parents, seconds)
        reports = told(parents, ENDS_WITHIN)
        conclude(course, reports, disturbances, seconds)
    finally:
        for crowd in crowds:
            crowd.kill()
            crowd.join()


def disturb(
    course: Course, server: ServerProcess, form: Large, parents: list[Connection], seconds: float
) -> list[float]:
    """Starts the traffic, and while it lasts replaces the workers and restarts Redis."""
    assert server.process is not None
    pid = server.process.pid
    began = time.monotonic()
    before = memory_of(pid)
    for parent in parents:
        parent.send(began + seconds)
    _sleep_until(began + seconds / 3)
    disturbances = [time.monotonic()]
    replaced = server.log.count("workers replaced")
    server.process.send_signal(signal.SIGHUP)
    course.check(
        waited_for("workers replaced", server, replaced, 120),
        f"both workers were replaced, in {time.monotonic() - disturbances[0]:.0f} s",
    )
    _sleep_until(began + 2 * seconds / 3)
    disturbances.append(time.monotonic())
    form.redis.kill()
    time.sleep(1)  # an outage that is noticed
    form.redis.start()
    _sleep_until(began + seconds)
    after = memory_of(pid)
    print(f"memory of all server processes: {before >> 20} MiB before, {after >> 20} MiB after")
    return disturbances


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def conclude(
    course: Course, reports: list[dict[str, Any]], disturbances: list[float], seconds: float
) -> None:
    def of_all(what: str) -> int:
        return sum(int(each[what]) for each in reports)

    count: Counter[str] = Counter()
    for each in reports:
        count.update(each["count"])
    failures = [failure for each in reports for failure in each["failures"]]
    for failure in failures[:5]:
        print(f"  {failure}")
    entries, followers = of_all("entries"), of_all("followers")
    course.check(not failures, f"each request was answered in the end ({len(failures)} were not)")
    course.check(
        of_all("missing") == 0,
        f"each of {entries} acknowledged entries was heard by all ({of_all('missing')} not)",
    )
    course.check(
        of_all("wrong") == 0, f"each once and in order ({of_all('wrong')} twice or out of order)"
    )
    course.check(
        of_all("other") == 0, f"each as it was acknowledged ({of_all('other')} were others)"
    )
    course.check(
        of_all("connected") == followers,
        f"{of_all('connected')} of {followers} followers were there at the end, "
        f"having come back {count['came back']} times",
    )
    course.check(
        of_all("unreadable") == 0, "uploads and logs, by sample, are read as they were written"
    )
    course.check(count["signals heard"] > 0, f"{count['signals heard']} signals were heard")
    course.check(count["left out"] == 0, f"nothing was left out ({count['left out']})")
    print(
        f"{count['chat']} messages, {count['commits']} joins, {count['uploads']} uploads, "
        f"{count['signals']} signals in {seconds:.0f} s; {count['asked again']} asked again"
    )
    print("median / 99 % / 99.9 % / most, in calm:")
    for what, title in (("answers", "acknowledged"), ("deliveries", "heard")):
        print(f"  {title}: {tail(b''.join(each[what] for each in reports), disturbances)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--followers", type=int, default=10_000)
    options = parser.parse_args()
    sys.exit(main(options.minutes, options.followers))
