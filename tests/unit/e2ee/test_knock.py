"""Knocks: made by who has the link, read by who made it (docs/protocol.md §3.8)."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from careseal.e2ee.errors import Malformed, SealError, Tampered
from careseal.e2ee.identifiers import SessionId
from careseal.e2ee.invite import Invite, Link, new_secret
from careseal.e2ee.knock import SIZE, Knock
from careseal.e2ee.payload import Late, decode, encode
from careseal.e2ee.secret import KnockName

SESSION = SessionId(bytes(16))


@pytest.fixture
def invite() -> Invite:
    return Invite.derive(SESSION, new_secret(os.urandom), "sun")


@pytest.fixture
def knock(invite: Invite) -> Knock:
    return Knock.make(invite, "Ann", os.urandom)[0]


def test_a_knock_is_what_it_was_made_as(invite: Invite, knock: Knock) -> None:
    again = Knock.decode(knock.encode())
    again.verify(SESSION, invite.join)
    assert (again, again.id, len(knock.encode())) == (knock, knock.id, SIZE)
    assert invite.knock_name is not None
    assert again.name_by(invite.knock_name, SESSION) == "Ann"


@pytest.mark.parametrize("at", [0, 1215, 1216, 1240, 1503, 1504, SIZE - 1])
def test_a_changed_byte_anywhere_is_refused(invite: Invite, knock: Knock, at: int) -> None:
    data = bytearray(knock.encode())
    data[at] ^= 1
    with pytest.raises(Tampered):
        Knock.decode(bytes(data)).verify(SESSION, invite.join)


def test_another_link_session_or_name_does_not_fit(invite: Invite, knock: Knock) -> None:
    other = Invite.derive(SESSION, new_secret(os.urandom))
    stranger, _ = Knock.make(other, "Ann", os.urandom)
    elsewhere = SessionId(bytes(15) + b"1")
    for wrong, session in (
        (stranger, SESSION),
        (knock, elsewhere),
        (replace(knock, name=stranger.name), SESSION),
    ):
        with pytest.raises(Tampered):
            wrong.verify(session, invite.join)
    assert knock.name_by(KnockName(bytes(32)), SESSION) == ""
    assert invite.knock_name is not None
    assert knock.name_by(invite.knock_name, elsewhere) == ""


def test_what_no_knock_is_is_refused(invite: Invite, knock: Knock) -> None:
    for data in (b"", knock.encode()[1:], knock.encode() + b"x"):
        with pytest.raises(Malformed):
            Knock.decode(data)
    with pytest.raises(SealError):
        Knock.make(invite, "x" * 129, os.urandom)


@pytest.mark.parametrize("marks", ["", ".p", ".k", ".pk"])
def test_a_link_says_what_it_asks_for(marks: str) -> None:
    text = f"https://host/telemedicine/{SESSION}#{'A' * 43}{marks}"
    link = Link.parse(text)
    assert (link.needs_passcode, link.knocks) == ("p" in marks, "k" in marks)
    assert link.reveal() == text


@pytest.mark.parametrize("marks", [".", ".kp", ".kk", ".p.k", ".x"])
def test_other_marks_are_no_link(marks: str) -> None:
    with pytest.raises(Malformed):
        Link.parse(f"https://host/telemedicine/{SESSION}#{'A' * 43}{marks}")


def test_lateness_is_at_most_four_hours() -> None:
    assert decode(encode(Late(240))) == Late(240)
    for minutes in (0, 241):
        with pytest.raises(Malformed):
            encode(Late(minutes))
