"""MLS with the X-Wing suite: external join and following a commit, in groups of 2 and of 50.

Prints the median of each in ms, beside ts-mls in Node in the same run where it is installed
(`npm ci` in web/). A join includes decoding and validating the GroupInfo with its whole tree.

    python -m bench.mls [ROUNDS]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import TypeVar

from careseal.mls import (
    XWING_SUITE,
    Credential,
    Group,
    GroupInfo,
    ReceivedCommit,
    Signer,
    cipher_suite,
    decode_message,
    encode_message,
)
from tests.unit.mls.ts_mls import TsMls, available

SUITE = cipher_suite(XWING_SUITE)
LIMITS = {2: 5.0, 50: 25.0}  # ms
T = TypeVar("T")


def timed(action: Callable[[], T]) -> tuple[float, T]:
    start = perf_counter()
    result = action()
    return (perf_counter() - start) * 1000, result


def join(info: bytes) -> tuple[Group, bytes]:
    group_info = decode_message(info)
    assert isinstance(group_info, GroupInfo)
    signer = Signer.generate(SUITE, os.urandom)
    return Group.external_commit(group_info, Credential.basic(b"joiner"), signer, os.urandom)


def follow(group: Group, message: bytes) -> Group:
    group, received = group.receive(message)
    assert isinstance(received, ReceivedCommit)
    return group.apply(received)


def grown(size: int) -> Group:
    """The founder's view of a group with `size` members who came one after another."""
    signer = Signer.generate(SUITE, os.urandom)
    group = Group.create(SUITE, b"bench", Credential.basic(b"founder"), signer, os.urandom)
    for _ in range(size - 1):
        _, message = join(encode_message(group.group_info()))
        group = follow(group, message)
    return group


def measure_python(founder: Group, rounds: int) -> dict[str, float]:
    """Medians in ms; every round is a join and its following at the same size."""
    joins, follows, commits = [], [], []
    info = encode_message(founder.group_info())
    for _ in range(rounds):
        spent, (member, message) = timed(partial(join, info))
        joins.append(spent)
        spent, group = timed(partial(follow, founder, message))
        follows.append(spent)
        made = member.commit(os.urandom)
        spent, _ = timed(partial(follow, group, made.message))
        commits.append(spent)
    return {"join": median(joins), "follow join": median(follows), "follow commit": median(commits)}


def measure_ts_mls(peer: TsMls, founder: Group, rounds: int) -> dict[str, float]:
    """The same in ts-mls: it joins a group that Python made, and follows another's commit."""
    joins, follows, commits = [], [], []
    for round_ in range(rounds):
        name = f"{len(founder.roster)}-{round_}"
        info = encode_message(founder.group_info())
        peer("keyPackage", name)
        answer = peer("joinExternally", name, groupInfo=info.hex())
        joins.append(answer["ms"])
        group = follow(founder, bytes.fromhex(answer["message"]))
        member, message = join(encode_message(group.group_info()))
        follows.append(peer("process", name, message=message.hex())["ms"])
        made = member.commit(os.urandom)
        commits.append(peer("process", name, message=made.message.hex())["ms"])
    return {"join": median(joins), "follow join": median(follows), "follow commit": median(commits)}


def main(rounds: int) -> int:
    missing = available()
    if missing is not None:
        print(f"Python alone; for the comparison: {missing}")
    too_slow = 0
    for size, limit in LIMITS.items():
        founder = grown(size - 1)
        ours = measure_python(founder, rounds)
        theirs: dict[str, float] = {}
        if missing is None:
            with TsMls() as peer:
                measure_ts_mls(peer, founder, 2)  # so that the JIT is warm
                theirs = measure_ts_mls(peer, founder, max(3, rounds // 3))
        for what, spent in ours.items():
            line = f"{size:3} members, {what:13}: {spent:6.2f} ms (at most {limit:.0f})"
            if what in theirs:
                line += f", ts-mls {theirs[what]:6.2f} ms, ratio {spent / theirs[what]:.2f}"
            print(line)
            too_slow += spent > limit
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
