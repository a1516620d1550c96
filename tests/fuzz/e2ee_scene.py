"""Sessions that the targets of `careseal.e2ee` attack."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from careseal.e2ee import (
    sending,
)
from careseal.e2ee.commit import open_commit
from careseal.e2ee.history import History
from careseal.e2ee.identifiers import EntryId
from careseal.e2ee.log import Entry, Kind
from careseal.e2ee.policy import Settings
from careseal.e2ee.state import SessionState
from careseal.mls import decode_message
from careseal.mls.framing import FramedContent
from careseal.mls.public_message import PublicMessage
from tests.unit.e2ee.rng import seeded
from tests.unit.e2ee.world import Device, World

RNG = seeded("e2ee")
VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True)
class Scene:
    """A doctor, a patient who joined by link and wrote, and somebody whose join is on its way."""

    world: World
    host: SessionState
    guest: SessionState
    said: tuple[Entry, ...]
    waiting: Device  # joined, but not in the log yet
    renewed: Entry  # a commit of the host that the guest has not seen
    removal: Entry
    door: bytes
    key_box: bytes


@cache
def scene() -> Scene:
    world = World.begin("fuzz")
    guest = world.join(name="Ann")
    said = tuple(filter(None, (world.host.say("Good day"), guest.say("Hello"))))
    for device in (world.host, guest):
        device.catch_up()
    world.host.heal()
    waiting = world.joining(world.guest_invite, "Bea")
    host, policy = world.host.state, world.host.state.present.policy
    upload = world.log.upload
    assert upload is not None
    renewed = pending_entry(
        sending.make_commit(host, RNG, policy=policy.with_settings(Settings("Other", True)))
    )
    own = {each.leaf for each in host.present.members if each.id == guest.state.member_id}
    removal = pending_entry(sending.make_commit(host, RNG, removes=own))
    return Scene(
        world,
        host,
        guest.state,
        said,
        waiting,
        renewed,
        removal,
        upload.door,
        world.log.key_box(world.guest_invite),
    )


def pending_entry(state: SessionState) -> Entry:
    pending = state.pending
    assert pending is not None
    return next_entry(state, Kind.COMMIT, pending.entry, pending.body)


def next_entry(state: SessionState, kind: Kind, entry: EntryId, body: bytes) -> Entry:
    return Entry(state.chain.head.seq + 1, kind, state.chain.last_commit, entry, body)


def _vectors(name: str) -> Any:
    return msgspec.json.decode((VECTORS / name).read_bytes())


def _texts(value: Any) -> list[str]:
    """Every string within a JSON value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]


def join_entry() -> Entry:
    return pending_entry(scene().waiting.state)


def content_of(entry: Entry) -> FramedContent:
    state = scene().host
    message = decode_message(open_commit(state.session, state.present.keys.door, entry))
    assert isinstance(message, PublicMessage)
    return message.content


@cache
def history() -> History:
    history = scene().host.history(0)
    assert history is not None
    return history


def vector_json(name: str) -> list[bytes]:
    """The objects that a vector file has as text."""
    return [text.encode() for text in _texts(_vectors(name)) if text.startswith("{")]
