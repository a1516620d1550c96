"""docs/protocol.md §3.1."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.e2ee.errors import Malformed
from careseal.e2ee.identifiers import SessionId
from careseal.e2ee.invite import Invite, Link
from careseal.e2ee.secret import InviteSecret

SESSION = SessionId(bytes(range(16)))
SECRET = InviteSecret(bytes(range(32)))
TEXT = f"https://care.example:8443/telemedicine/{SESSION}#{'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'}"


@pytest.mark.parametrize("mark", ["", ".p"])
def test_a_link_comes_back(mark: str) -> None:
    link = Link.parse(f" {TEXT}{mark}\n")
    assert link.reveal() == TEXT + mark
    assert (link.session, link.secret, link.needs_passcode) == (SESSION, SECRET, bool(mark))


def test_a_link_does_not_print_its_secret() -> None:
    assert "AAECAwQFBgcICQoLDA0ODxAREhMU" not in repr(Link.parse(TEXT))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        TEXT.replace("https", "ftp"),
        TEXT.replace("telemedicine", "other"),
        TEXT[:-1],
        TEXT + "A",
        TEXT + ".",
        TEXT + ".x",
        TEXT + ".p.p",
        TEXT.replace("#", "?a=b#"),
        TEXT.replace("care.example", "user@care.example"),
        TEXT.replace(":8443", ":x"),
        TEXT.replace(str(SESSION), str(SESSION) + "/x"),
    ],
)
def test_what_is_no_link_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        Link.parse(text)
    assert "AAECAw" not in str(caught.value)


@given(st.text(max_size=120))
def test_any_text_is_a_link_or_malformed(text: str) -> None:
    with contextlib.suppress(Malformed):
        Link.parse(text)


def test_a_passcode_makes_another_invite_whatever_way_it_is_typed() -> None:
    plain = Invite.derive(SESSION, SECRET)
    typed = [Invite.derive(SESSION, SECRET, code) for code in ("ﬁsh 7", " fish 7\n")]
    assert typed[0] == typed[1]
    assert typed[0].id != plain.id
