"""The short form of fuzzing: every target over its seeds, what was kept, and some mutations."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator

import pytest

from tests.fuzz.all_targets import all_targets, close
from tests.fuzz.kept import FOLDER, kept
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Form, Target, attempt

INPUTS, MANY = 1000, 3000
MEMORY = 256  # MiB that a target may add to the process
TARGETS = all_targets()


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    yield
    close("server")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_only_documented_errors_come_out(target: Target, long: bool) -> None:
    seeds = [*target.seeds(), *kept(target).values()]
    before = _peak()
    for data in seeds:
        assert (finding := attempt(target, data)) is None, finding
    rng, mutator = random.Random(target.name), Mutator(target, seeds)
    for _ in range(int((MANY if long else INPUTS) * target.share)):
        finding = attempt(target, mutator.mutate(rng.choice(seeds), rng))
        assert finding is None, f"{finding}\n{finding.data!r}"
    assert _peak() - before < MEMORY


def test_every_kept_input_belongs_to_a_target() -> None:
    folders = {each.name for each in FOLDER.iterdir()} if FOLDER.exists() else set()
    assert folders <= {target.folder for target in TARGETS}


def _raise(error: Exception) -> None:
    raise error


def test_an_error_that_is_not_documented_is_found() -> None:
    target = Target("broken", lambda _: _raise(KeyError("x")), (ValueError,), lambda: [b""])
    finding = attempt(target, b"")
    assert finding is not None
    assert "KeyError" in finding.what


def test_a_documented_error_is_no_finding() -> None:
    target = Target("strict", lambda _: _raise(ValueError("x")), (ValueError,), lambda: [b""])
    assert attempt(target, b"") is None


def test_an_input_that_takes_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 1.5))
    monkeypatch.setattr("tests.fuzz.target.time.process_time", lambda: next(clock))
    finding = attempt(Target("slow", bytes, (), lambda: [b""]), b"")
    assert finding is not None
    assert "took 1.5 s" in finding.what


@pytest.mark.parametrize("form", list(Form))
def test_the_same_seed_mutates_alike(form: Form) -> None:
    seeds = [b'{"a":[1,"AAAA",{"b":null}]}', b"\x04data\x40\x40" + bytes(64)]
    target = Target("any", bytes, (), lambda: seeds, form)
    runs = []
    for _ in range(2):
        rng, mutator = random.Random(7), Mutator(target, seeds)
        runs.append([mutator.mutate(rng.choice(seeds), rng) for _ in range(500)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 250
