"""docs/protocol.md §1.2 and §1.3."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careseal.e2ee import base64url, compact
from careseal.e2ee.compact import Json, Members
from careseal.e2ee.errors import Malformed

names = st.from_regex(r"[a-z][A-Za-z0-9]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers(0, 2**53 - 1) | texts
values: st.SearchStrategy[Json] = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=20
)


@given(values)
def test_every_value_has_one_text_and_comes_back_from_it(value: Json) -> None:
    text = compact.encode(value)
    assert compact.decode(text) == value
    assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" 1",
        b"1\n",
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b'{"A":1}',
        b'{"a_b":1}',
        b'{"":1}',
        b'"\\/"',
        b'"\\u0041"',
        b'"\\u001F"',
        b'"\\u0008"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"-1",
        b"-0",
        b"1.0",
        b"1e2",
        b"01",
        b"9007199254740992",
        b"99999999999999999999999999",
        b"[1,]",
        b"nul",
        b"[" * 17 + b"]" * 17,
        b"[" * 100000,
    ],
)
def test_json_that_is_not_compact_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        compact.decode(text)


def test_sixteen_levels_are_deep_enough() -> None:
    assert compact.decode(b"[" * 16 + b"]" * 16)


@given(st.binary(max_size=300))
def test_bytes_are_either_refused_or_come_back_the_same(data: bytes) -> None:
    try:
        value = compact.decode(data)
    except Malformed:
        return
    assert compact.encode(value) == data


@given(st.binary(max_size=50))
def test_base64url_comes_back(data: bytes) -> None:
    assert base64url.decode(base64url.encode(data)) == data


@pytest.mark.parametrize("text", ["A", "AB", "AA==", "AA\n", "+_aa", "AAB", "ÄÄ", "AA A"])
def test_base64url_that_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        base64url.decode(text)


def test_members_are_all_there_and_no_others() -> None:
    Members({"a": 1}, "it", "a", "b")
    refused: list[Json] = [{}, {"a": 1, "c": 1}, [], None]
    for wrong in refused:
        with pytest.raises(Malformed):
            Members(wrong, "it", "a", "b")


def test_an_optional_member_is_left_out_and_never_null() -> None:
    with pytest.raises(Malformed):
        Members({"a": None}, "it", "", "a").text("a", 5)


def test_text_is_measured_in_bytes() -> None:
    assert Members({"a": "ää"}, "it", "a").text("a", 4) == "ää"
    with pytest.raises(Malformed):
        Members({"a": "ää"}, "it", "a").text("a", 3)


def test_true_is_no_number() -> None:
    with pytest.raises(Malformed):
        Members({"a": True}, "it", "a").integer("a")
