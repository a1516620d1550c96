"""Attacks that the suites of what they aim at show; docs/attacks.md links them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

ELSEWHERE = [
    (
        "a web page, a drawing or a program called a picture; a picture of 60,000 by 60,000; HTML "
        "called a PDF",
        "named, and not opened",
        "tests/browser/test_files_shown.py",
        "test_what_only_claims_to_be_a_picture_is_named_and_not_opened",
    ),
    (
        "file names with paths, bidi overrides and another ending",
        "shown and saved harmlessly",
        "tests/browser/test_files_shown.py",
        "test_names_that_lie_about_place_and_ending_are_shown_and_saved_harmlessly",
    ),
    (
        "a call with another certificate than the signed one",
        "alarm in both pages; nothing of camera or microphone was sent",
        "tests/browser/test_call_sealing.py",
        "test_another_certificate_than_the_signed_one_is_an_alarm",
    ),
    (
        "a peer whose frames are not sealed",
        "not shown; alarm in both pages",
        "tests/browser/test_call_sealing.py",
        "test_unsealed_frames_are_not_shown_and_are_reported",
    ),
    (
        "frames under another key",
        "neither shown nor heard",
        "tests/browser/test_call_sealing.py",
        "test_frames_of_another_key_are_never_shown",
    ),
    (
        "a description with another codec",
        "refused before a connection is made",
        "tests/browser/test_call_sealing.py",
        "test_a_description_with_another_codec_is_refused",
    ),
    (
        "a flood of signals",
        "the server closes that member's socket",
        "tests/server/test_follow.py",
        "test_too_many_signals_close_the_socket",
    ),
    (
        "a flood of files and parts",
        "refused by name of the limit",
        "tests/server/test_files.py",
        "test_open_uploads_and_parts_are_limited",
    ),
]


def table() -> str:
    lines = [
        f"| {attack} | {happens} | `{file}`: `{test}` |"
        for attack, happens, file, test in ELSEWHERE
    ]
    head = "## Shown by other suites\n\n| attack | what happens | tested in |\n|---|---|---|\n"
    return head + "\n".join(lines) + "\n"


def is_there(file: str, test: str) -> bool:
    return f"def {test}(" in (ROOT / file).read_text()
