"""The published vectors for RFC 9420 and X-Wing (`python -m careseal.mls.vectors` by hand)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from careseal.mls.vectors import run_file

BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "vectors"
FOLDER = Path(os.environ.get("CARESEAL_VECTORS") or BESIDE_THE_CHECKOUT)
FILES = sorted([*FOLDER.glob("mls/*.json"), *FOLDER.glob("hpke/xwing.json")])


if not FILES:
    pytest.skip(
        f"no vectors in {FOLDER}: set CARESEAL_VECTORS to a folder with mls/*.json "
        "from mlswg/mls-implementations (test-vectors/) and hpke/xwing.json",
        allow_module_level=True,
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_vector_of_a_file_holds(path: Path) -> None:
    outcome = run_file(str(path))
    assert outcome.failures == ()
    assert outcome.passed > 0
