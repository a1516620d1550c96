"""Tells the kinds of vectors apart by their fields, runs them and counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import crypto, scenarios, structures, trees
from .case import Case

_KINDS: list[tuple[frozenset[str], Callable[[Case], None]]] = [
    (frozenset(fields.split()), check)
    for fields, check in (
        ("vlbytes_header length", structures.deserialization),
        ("n_leaves n_nodes root", trees.tree_arithmetic),
        ("ref_hash expand_with_label", crypto.crypto_basics),
        ("initial_init_secret epochs", crypto.key_schedule),
        ("psks psk_secret", crypto.psk_secrets),
        ("sender_data encryption_secret leaves", crypto.secret_tree),
        ("authenticated_content confirmation_key", crypto.transcript_hashes),
        ("mls_welcome mls_group_info", structures.messages),
        ("proposal_pub commit_pub application_priv", structures.message_protection),
        ("init_priv signer_pub welcome", structures.welcome),
        ("tree_before tree_after proposal", trees.tree_operations),
        ("resolutions tree_hashes", trees.tree_validation),
        ("leaves_private update_paths", trees.treekem),
        ("welcome initial_epoch_authenticator epochs", scenarios.passive_client),
        ("seed eseed ct ss", crypto.xwing),
    )
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many cases held, and what was wrong with the others."""

    passed: int
    failures: tuple[str, ...]


def check_case(case: Case) -> str | None:
    """None if the case holds, else what does not."""
    try:
        check = next((check for fields, check in _KINDS if fields <= case.keys()), None)
        if check is None:
            return "a kind of vector that is not known here"
        check(case)
    except Exception as error:  # whatever goes wrong, it is this case's failure
        return f"{type(error).__name__}: {error}"
    return None


def run_cases(cases: Sequence[Case]) -> Outcome:
    results = [(number, check_case(case)) for number, case in enumerate(cases)]
    failures = tuple(f"case {number}: {why}" for number, why in results if why is not None)
    return Outcome(len(cases) - len(failures), failures)


def run_file(path: str) -> Outcome:
    """Runs a JSON file that holds one case or an array of them. Raises `OSError`."""
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)
    return run_cases(cases if isinstance(cases, list) else [cases])


def main(paths: Sequence[str]) -> int:
    """The command line; 1 if anything failed, 2 if there was nothing to do."""
    if not paths:
        print("usage: python -m careseal.mls.vectors FILE...")
        return 2
    passed = failed = 0
    for path in paths:
        try:
            outcome = run_file(path)
        except (OSError, ValueError) as error:
            outcome = Outcome(0, (f"cannot be read: {error}",))
        passed, failed = passed + outcome.passed, failed + len(outcome.failures)
        print(f"{path}: {outcome.passed} passed, {len(outcome.failures)} failed")
        for failure in outcome.failures:
            print(f"  {failure}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
