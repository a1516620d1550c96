"""An attack that a check stops has its way once that check is taken out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from careseal.client import ClientError
from careseal.e2ee.errors import SealError

from .attack import ATTACKS, Attack
from .eve import three
from .scene import Scene
from .stopped_by import OF_MEMBERS, OF_THE_SERVER
from .taken_out import Check
from .test_members import MISDEEDS, Misdeed
from .test_sdk import ALARMS, nothing_secret_was_sent, nothing_wrong_was_shown

SERVERS = {each.name: each for each in ATTACKS}
MEMBERS = {str(each.id): each.values for each in MISDEEDS}


def rows(checks: Mapping[str, Check]) -> list[object]:
    return [
        pytest.param(name, check, id=name, marks=pytest.mark.stopped_by(name, check.name))
        for name, check in checks.items()
    ]


def test_every_check_is_of_an_attack_that_there_is() -> None:
    assert set(OF_THE_SERVER) <= set(SERVERS)
    assert set(OF_MEMBERS) <= set(MEMBERS)


@pytest.mark.parametrize(("name", "check"), rows(OF_THE_SERVER))
async def test_without_the_check_the_server_has_its_way(
    scene: Scene, name: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    check.take_out(monkeypatch)
    assert await had_its_way(scene, SERVERS[name]), "something else stops it as well"


async def had_its_way(scene: Scene, attack: Attack) -> bool:
    """Whether nobody was told, or something was shown, lost or waited for that should not be."""
    try:
        await attack.path(scene, lambda: attack.lie(scene.liar))
        nothing_wrong_was_shown(scene)
        nothing_secret_was_sent(scene)
    except AssertionError:
        return True
    except (ClientError, SealError):
        return False
    return attack.ends is not None and not any(isinstance(each, ALARMS) for each in scene.events)


@pytest.mark.parametrize(("name", "check"), rows(OF_MEMBERS))
async def test_without_the_check_a_member_has_its_way(
    scene: Scene, name: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    deed: Misdeed = MEMBERS[name][0]
    eve, _ = await three(scene)
    check.take_out(monkeypatch)
    await deed(eve)
    await scene.roe_reads()
    assert not any(isinstance(each, ALARMS) for each in scene.told), "something else stops it"
