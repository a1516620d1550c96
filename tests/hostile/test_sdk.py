"""The SDK against a server that lies: each attack ends in a refusal or an alarm, nothing else."""

from __future__ import annotations

import asyncio
import re

import pytest

from careseal.client import (
    ClientError,
    CommitVoid,
    Forked,
    MessageRefused,
    MessageUnreadable,
    MessageUnsupported,
    SelfRemoved,
    WrongParent,
)
from careseal.client.transport import PATIENCE
from careseal.e2ee.errors import SealError

from . import lies_about_doors as _doors  # noqa: F401
from . import lies_about_files as _files  # noqa: F401
from . import lies_about_the_log as _log  # noqa: F401
from . import lies_about_writing as _writing  # noqa: F401
from . import lies_on_the_line as _line  # noqa: F401
from .attack import ATTACKS, Attack, Path
from .liar import LOG, Fate
from .paths import PATHS
from .scene import AT_MOST, Scene, texts

ALARMS = (
    CommitVoid,
    Forked,
    MessageRefused,
    MessageUnreadable,
    MessageUnsupported,
    SelfRemoved,
    WrongParent,
)
ENDS_IN_REMOVAL = {"ann_is_removed", "roe_removes_ann"}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
async def test_without_an_attack_all_goes_well(scene: Scene, path: Path) -> None:
    try:
        await path(scene, lambda: None)
    except ClientError:
        assert path.__name__ in ENDS_IN_REMOVAL
    assert scene.shown == [line for line in scene.said if line in scene.shown]
    if path.__name__ not in ENDS_IN_REMOVAL:
        if path.__name__ == "ann_writes":
            assert texts(scene.told) == scene.said
        assert set(scene.said) == set(scene.shown) | {"thank you"} & set(scene.said)
        assert [event for event in scene.events if isinstance(event, ALARMS)] == []
    if path.__name__ == "ann_is_called":
        assert scene.rung == 3


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(
            each, id=each.name, marks=pytest.mark.attack(each.name, each.does, each.happens)
        )
        for each in ATTACKS
    ],
)
async def test_the_attack_fails(scene: Scene, attack: Attack) -> None:
    error: Exception | None = None
    try:
        await attack.path(scene, lambda: attack.lie(scene.liar))
    except (ClientError, SealError) as raised:
        error = raised
    nothing_wrong_was_shown(scene)
    nothing_secret_was_sent(scene)
    alarms = [event for event in scene.events if isinstance(event, ALARMS)]
    if attack.ends is None:
        assert error is None, repr(error)
        assert alarms == []
    elif issubclass(attack.ends, Exception):
        assert isinstance(error, attack.ends), (error, alarms)
        assert re.match(r"\w[\w .,:;'’`%/()-]+\S$", str(error)), "not a sentence"
    else:
        assert any(isinstance(event, attack.ends) for event in scene.events), (error, alarms)


@pytest.mark.attack(
    "never answers a patient client",
    "The server takes a request and never answers; the client goes on trying for 28 s.",
    "said: within 10 s a warning tells that the server does not answer",
    "`Transport._send`",
)
async def test_a_silent_server_is_spoken_of_within_ten_seconds(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    ann = await scene.join()
    ann._core.transport._patience = PATIENCE
    scene.liar.asks("GET", LOG)(lambda asked: Fate.NEVER_ANSWERED)
    reading = asyncio.create_task(ann.catch_up())
    async with asyncio.timeout(AT_MOST):
        while "still trying" not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.05)
    assert not reading.done()
    reading.cancel()


def nothing_wrong_was_shown(scene: Scene) -> None:
    """What was shown was said, each thing once, and in its order unless an alarm says otherwise."""
    shown = scene.shown
    assert set(shown) <= set(scene.said)
    assert len(shown) == len(set(shown)), "shown twice"
    if not any(isinstance(event, Forked) for event in scene.events):
        assert shown == [line for line in scene.said if line in shown], "another order"


def nothing_secret_was_sent(scene: Scene) -> None:
    for secret in scene.secrets:
        assert not any(secret in each for each in scene.liar.heard), secret
