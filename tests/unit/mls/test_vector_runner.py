"""`python -m careseal.mls.vectors`: what it prints, and when it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from careseal.mls.vectors.runner import main

RIGHT: dict[str, Any] = {
    "n_leaves": 2,
    "n_nodes": 3,
    "root": 1,
    "left": [None, 0, None],
    "right": [None, 2, None],
    "parent": [1, None, 1],
    "sibling": [2, None, 0],
}
WRONG = {**RIGHT, "sibling": [2, None, 1]}


def run(capsys: pytest.CaptureFixture[str], folder: Path, *files: object) -> tuple[int, list[str]]:
    paths = []
    for number, content in enumerate(files):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(content))
        paths.append(str(path))
    code = main(paths)
    return code, capsys.readouterr().out.splitlines()


def test_each_file_is_counted_and_a_line_closes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, lines = run(capsys, tmp_path, [RIGHT, RIGHT], RIGHT)
    assert code == 0
    assert lines == [
        f"{tmp_path}/0.json: 2 passed, 0 failed",
        f"{tmp_path}/1.json: 1 passed, 0 failed",
        "3 passed, 0 failed",
    ]


def test_what_does_not_hold_is_named_and_fails_the_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, lines = run(capsys, tmp_path, [RIGHT, WRONG])
    assert code == 1
    assert lines[1] == "  case 1: Mismatch: sibling of node 2"
    assert lines[-1] == "1 passed, 1 failed"


@pytest.mark.parametrize(
    "content", [[{"what": "is this"}], [{**RIGHT, "left": []}], [7], {"cipher_suite": 1}]
)
def test_what_is_not_understood_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: object
) -> None:
    code, lines = run(capsys, tmp_path, content)
    assert code == 1
    assert lines[-1] == "0 passed, 1 failed"


def test_a_file_that_is_not_there_or_not_json_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "not.json").write_text("{")
    assert main([str(tmp_path / "none.json"), str(tmp_path / "not.json")]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 2 failed"


def test_without_files_it_says_how_to_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().out
