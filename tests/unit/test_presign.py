"""Addresses of objects, against Amazon's own example."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from careseal.server.presign import Presigner
from careseal.server.settings import Settings

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def test_the_signature_is_that_of_the_specification() -> None:
    presigner = Presigner("https://examplebucket.s3.amazonaws.com", "", KEY, SECRET)
    at = datetime(2013, 5, 24, tzinfo=UTC)
    assert presigner.address("GET", "test.txt", 86400, now=at) == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


@pytest.mark.parametrize(
    ("objects", "direct", "says"),
    [
        (None, "https://s3.example.org/b", "needs a bucket"),
        ("file:///objects", "https://s3.example.org/b", "needs a bucket"),
        ("s3://b/p", "s3.example.org/b", "is the bucket's address"),
        ("s3://b/p", "ftp://s3.example.org/b", "is the bucket's address"),
        ("s3://b/p", "https://key:secret@s3.example.org/b", "is the bucket's address"),
        ("s3://b/p", "https://s3.example.org/b?x=1", "neither"),
        ("s3://b/p", "https://s3.example.org/b", "AWS_ACCESS_KEY_ID"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_a_sentence(
    objects: str | None, direct: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    settings = Settings(data=Path("never-opened"), objects_url=objects, objects_direct=direct)
    with pytest.raises(ValueError, match=says):
        settings.check()


def test_names_begin_with_what_the_objects_url_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    settings = Settings(
        data=Path("never-opened"),
        objects_url="s3://b/of/careseal",
        objects_direct="https://s3.example.org/b/",
    )
    settings.check()
    presigner = settings.presigner()
    assert presigner is not None
    assert presigner.address("GET", "one", 1).startswith(
        "https://s3.example.org/b/of/careseal/one?"
    )
    assert settings.direct_origin == "https://s3.example.org"


def test_no_secret_shows_in_its_text() -> None:
    told = repr(Presigner("https://s3.example.org/b", "", KEY, SECRET, token="lent"))
    assert SECRET not in told
    assert "lent" not in told
