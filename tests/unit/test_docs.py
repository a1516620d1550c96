"""The documents name things that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`((?:tests|web)/[^`]+)`", (ROOT / "docs/threat-model.md").read_text())
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_section_that_is_cited_is_in_the_protocol(document: Path) -> None:
    protocol = (ROOT / "docs/protocol.md").read_text()
    sections = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)\.? ", protocol, re.MULTILINE))
    text = re.sub(r"RFC \d+[^§\n]*§[\d.]+", "", document.read_text())
    cited = {section.rstrip(".") for section in re.findall(r"§(\d+(?:\.\d+)?)", text)}
    assert cited <= sections
