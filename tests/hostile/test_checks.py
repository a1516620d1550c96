"""Each attack fails for the check that is named with it, and succeeds without it."""

from __future__ import annotations

import pytest

from .attacks_on_checks import ATTACKS, Attack, Stage
from .elsewhere import ELSEWHERE, is_there


def rows() -> list[object]:
    return [
        pytest.param(
            each,
            id=each.name,
            marks=pytest.mark.check(each.name, each.check.name),
        )
        for each in ATTACKS
    ]


def test_at_least_sixty_attacks_are_tried_with_their_check_taken_out() -> None:
    assert len(ATTACKS) >= 60


@pytest.mark.parametrize("attack", rows())
def test_one_check_stops_it(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not attack.succeeds(Stage()), "it succeeds"
    attack.check.take_out(monkeypatch)
    assert attack.succeeds(Stage()), "something else stops it as well"


@pytest.mark.parametrize(("file", "test"), [row[2:] for row in ELSEWHERE])
def test_what_the_page_of_attacks_names_is_there(file: str, test: str) -> None:
    assert is_there(file, test)
