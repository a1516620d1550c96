"""The power goes: what was not synced is gone or torn, what was acknowledged is there."""

from __future__ import annotations

import contextlib
from pathlib import Path
from random import Random

import pytest

from tests.faults.conftest import ServerOnDisk, Tally
from tests.faults.disk import Disk, Ignored, images, instants
from tests.faults.work import FAST, Account, Found, Work, found_at
from tests.server.visits import Visit
from tests.serving import ServerProcess

MOST_LEFT = 0, 0  # lost, doubled


def worked(server: ServerOnDisk, disk: Disk, random: Random, entries: int) -> Work:
    """A server that worked until it was killed."""
    with server.sign_in() as signed_in:
        work = Work(server, Visit().create(signed_in), random, lambda: disk.now)
        with work.going_on(signed_in):
            work.wait_for(entries)
            server.kill()
    return work


def after(image: Path, visit: Visit, account: Account, cut: int) -> Found:
    """What a server that starts on what the cut left has of what was acknowledged before."""
    with ServerProcess(image, FAST) as server, server.sign_in() as signed_in:
        begun = any(instant <= cut for _, instant in account.entries.values())
        found = found_at(server, visit, account, cut) if begun else Found()
        Visit().create(signed_in)  # and it works on
        return found


@pytest.mark.parametrize(
    ("cuts", "seed"),
    [pytest.param(2, 0, marks=pytest.mark.quick), *((10, seed) for seed in range(1, 6))],
)
@pytest.mark.timeout(400)
def test_a_power_cut_takes_only_what_was_not_acknowledged(
    cuts: int, seed: int, on_disk: ServerOnDisk, disk: Disk, tmp_path: Path, tally: Tally
) -> None:
    """In the middle of all kinds of work; also while the server starts for the first time."""
    random = Random(200 + seed)
    work = worked(on_disk, disk, random, 40)
    times = instants(disk)
    early = random.choice([at for at in times if at < times[len(times) // 4]])
    chosen = [early, *(random.choice(times) for _ in range(cuts - 2)), times[-1]]
    total = Found()
    for cut, image in images(disk, chosen, tmp_path / "images", random):
        found = after(image, work.visit, work.account, cut)
        assert (found.lost, found.doubled) == MOST_LEFT, f"cut at {cut}"
        total.add(found)
    tally.add(f"power cut, seed {seed}", len(chosen), total)


@pytest.mark.timeout(300)
def test_only_what_was_synced_is_enough(
    on_disk: ServerOnDisk, disk: Disk, tmp_path: Path, tally: Tally
) -> None:
    """Nothing at all is left of what was not. Once after the first start, once after another."""
    work = worked(on_disk, disk, Random(7), 60)
    first = disk.now
    on_disk.start()
    on_disk.restart()
    again = worked(on_disk, disk, Random(8), 60)
    kept = iter((work, again))
    for cut, image in images(disk, [first, disk.now], tmp_path / "images", None):
        one = next(kept)
        found = after(image, one.visit, one.account, cut)
        assert (found.lost, found.doubled) == MOST_LEFT
        assert found.acknowledged > 60
        tally.add("nothing but what was synced", 1, found)


@pytest.mark.parametrize("ignoring", ["files", "folders"])
def test_the_test_notices_syncs_that_do_not_reach_the_disk(
    ignoring: Ignored, on_disk: ServerOnDisk, disk: Disk, tmp_path: Path
) -> None:
    work = worked(on_disk, disk, Random(8), 40)
    for cut, image in images(disk, [disk.now], tmp_path / "images", None, ignoring):
        assert not keeps(image, work, cut)


@pytest.mark.parametrize("without", ["database", "folders", "parts"])
def test_the_test_notices_a_server_that_does_not_sync(
    without: str, disk: Disk, tmp_path: Path
) -> None:
    """The control: with one kind of sync taken out of the server, something is lost."""
    environment = disk.environment | {"FAULTS_WITHOUT": without}
    server = ServerOnDisk(
        tmp_path / "server", FAST, environment, module="tests.faults.careless_server"
    )
    with server:
        work = worked(server, disk, Random(9), 40)
    for cut, image in images(disk, [disk.now], tmp_path / "images", None):
        assert not keeps(image, work, cut)


def keeps(image: Path, work: Work, cut: int) -> bool:
    """Whether a server starts on it and has everything."""
    with contextlib.suppress(RuntimeError, AssertionError):
        return after(image, work.visit, work.account, cut).lost == 0
    return False
