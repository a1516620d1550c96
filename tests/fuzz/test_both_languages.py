"""Whatever comes in, Python and the web client take the same and refuse the same.

Where they differ, members would disagree on which commits are valid, or on what was said.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from careseal.e2ee import base64url, compact
from careseal.e2ee.commit import CommitData
from careseal.e2ee.door import Door
from careseal.e2ee.errors import Malformed, SealError
from careseal.e2ee.events import (
    EntryEvent,
    MessageReceived,
    MessageRefused,
    MessageUnreadable,
    MessageUnsupported,
)
from careseal.e2ee.following import read_entry
from careseal.e2ee.history import History
from careseal.e2ee.identity import Identity
from careseal.e2ee.invite import Link
from careseal.e2ee.log import Position
from careseal.e2ee.policy import Policy
from careseal.e2ee.sealing import unpad
from careseal.e2ee.sframe import decode_header
from careseal.e2ee.signal import Counters, Peer
from careseal.e2ee.signal_payload import UnsupportedSignal
from careseal.e2ee.signal_payload import decode as decode_signal
from tests.fuzz.all_targets import find
from tests.fuzz.e2ee_calls import INSTANCE, sealed_signal
from tests.fuzz.e2ee_log import sealed_chat
from tests.fuzz.e2ee_scene import scene
from tests.fuzz.kept import kept
from tests.fuzz.mutation import Mutator
from tests.interop.web_peer import ROLLDOWN, ROOT, _node

INPUTS = 600
TAG = bytes(16)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None


def _successor(data: bytes) -> None:
    host = scene().host
    leaves = [member.invite for member in host.present.members]
    policy = host.present.policy
    policy.check_successor(Policy.decode(data), host.present.number, leaves, host.invite.id)


def _succession() -> dict[str, Any]:
    host = scene().host
    return {
        "before": base64url.encode(host.present.policy.text),
        "epoch": host.present.number,
        "committer": str(host.invite.id),
        "leaves": [str(member.invite) for member in host.present.members],
    }


def _fragment(data: bytes) -> None:
    text = _text(data)
    if text != text.strip() or not text.isprintable():
        raise Malformed("what a browser would not leave as it is")
    Link.parse(f"https://clinic.example/telemedicine/{scene().host.session}#{text}")


_KINDS: dict[type, str] = {
    MessageReceived: "message",
    MessageRefused: "refused",
    MessageUnsupported: "unsupported",
    MessageUnreadable: "unreadable",
}


def _chat(data: bytes) -> str:
    event: EntryEvent = read_entry(scene().guest, sealed_chat(data))
    return _KINDS[type(event)]


def _chat_scene() -> dict[str, Any]:
    host, entry = scene().host, sealed_chat(b"")
    record = host.present.record
    history = History(Position(record.start, bytes(64)), (record,))
    return {
        "session": str(host.session),
        "record": base64url.encode(history.encode()),
        "seq": entry.seq,
        "parent": entry.parent,
        "id": str(entry.id),
    }


def _signal(data: bytes) -> None:
    guest = scene().guest
    signal = guest.present.signals.open(sealed_signal(data))
    Counters(Peer(guest.me.leaf, INSTANCE)).take(signal)
    if isinstance(decode_signal(signal.payload), UnsupportedSignal):
        raise Malformed("a type of a later version")


def _signal_scene() -> dict[str, Any]:
    guest = scene().guest
    keys = guest.present.keys
    return {
        "session": str(guest.session),
        "n": keys.epoch,
        "secret": base64url.encode(keys.signal),
        "context": base64url.encode(keys.context),
        "leaf": guest.me.leaf,
        "instance": base64url.encode(INSTANCE),
        "members": [
            {"leaf": each.leaf, "key": base64url.encode(each.key)} for each in guest.present.members
        ],
    }


@dataclass(frozen=True)
class Decoder:
    """One decoder in both languages; inputs come from a fuzz target.

    `sent` makes of an input what the web client gets.
    """

    target: str
    decode: Callable[[bytes], object]
    scene: Callable[[], dict[str, Any]] = dict
    sent: Callable[[bytes], bytes] = bytes
    seeds: tuple[bytes, ...] = ()  # besides the target's

    def verdict(self, data: bytes) -> str:
        try:
            said = self.decode(data)
        except SealError:
            return "refused"
        return said if isinstance(said, str) and self.scene is _chat_scene else "taken"


_SECRET = base64url.encode(bytes(range(32))).encode()
_FRAGMENTS = (_SECRET, _SECRET + b".p")

DECODERS = {
    "json": Decoder("e2ee.compact JSON", compact.decode),
    "base64url": Decoder("e2ee.base64url", lambda data: base64url.decode(_text(data))),
    "unpad": Decoder("e2ee.unpad", unpad),
    "policy": Decoder("e2ee.policy", Policy.decode),
    "successor": Decoder("e2ee.successor policy", _successor, _succession),
    "identity": Decoder("e2ee.identity", Identity.decode),
    "commit data": Decoder("e2ee.commit data", CommitData.decode),
    "history": Decoder("e2ee.history", History.decode),
    "door": Decoder("e2ee.door contents", Door._decode),
    "fragment": Decoder("e2ee.base64url", _fragment, seeds=_FRAGMENTS),
    "frame header": Decoder("e2ee.frame header", decode_header, sent=lambda data: data + TAG),
    "chat": Decoder("e2ee.signed chat", _chat, _chat_scene, lambda data: sealed_chat(data).body),
    "signal": Decoder("e2ee.signed signal", _signal, _signal_scene, sealed_signal),
}


class Verdicts:
    """The web client's decoders in a Node process."""

    def __init__(self, folder: Path) -> None:
        self._bundle = folder / "verdicts.mjs"
        source = Path(__file__).with_name("verdicts.ts")
        command = [_node(), str(ROLLDOWN), str(source), "--file", str(self._bundle)]
        command += ["--format", "esm", "--platform", "node"]
        subprocess.run(command, cwd=ROOT / "web", check=True, capture_output=True)

    def of(self, kind: str, inputs: list[bytes], scene: dict[str, Any]) -> list[str]:
        first, *others = inputs
        cases: list[dict[str, Any]] = [
            {"kind": kind, "data": base64url.encode(first), "scene": scene}
        ]
        cases += [{"kind": kind, "data": base64url.encode(data)} for data in others]
        lines = "\n".join(map(json.dumps, cases)) + "\n"
        command = [_node(), str(self._bundle)]
        told = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in told.stdout.splitlines()]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    return Verdicts(tmp_path_factory.mktemp("verdicts"))


def inputs_of(decoder: Decoder, count: int, seed: str) -> list[bytes]:
    target = find(decoder.target)
    seeds = [*target.seeds(), *decoder.seeds, *kept(target).values()]
    rng, mutator = random.Random(seed), Mutator(target, seeds)
    return [*seeds, *(mutator.mutate(rng.choice(seeds), rng) for _ in range(count))]


@pytest.mark.parametrize("kind", DECODERS)
def test_both_languages_take_and_refuse_the_same(verdicts: Verdicts, kind: str) -> None:
    decoder = DECODERS[kind]
    inputs = inputs_of(decoder, INPUTS, kind)
    theirs = verdicts.of(kind, [decoder.sent(data) for data in inputs], decoder.scene())
    assert len(theirs) == len(inputs)
    ours = [decoder.verdict(data) for data in inputs]
    differ = [case for case in zip(inputs, ours, theirs, strict=True) if case[1] != case[2]]
    assert not differ, f"{len(differ)} inputs, the first: {differ[0]}"
    assert len(set(ours)) > 1
