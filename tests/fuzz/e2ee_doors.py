"""Doors, key boxes, letters and grants that somebody made up."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cache

from careseal.e2ee import (
    boxes,
    past,
    payload,
)
from careseal.e2ee.door import Door
from careseal.e2ee.errors import SealError
from careseal.e2ee.following import read_entry
from careseal.e2ee.history import History
from careseal.e2ee.joining import Introduction, OpenedDoor, join, open_door
from careseal.e2ee.knock import Knock
from careseal.e2ee.sealing import SALT_SIZE, pad, seal
from careseal.e2ee.sending import check_door
from careseal.e2ee.suite import SUITE, box
from careseal.e2ee.wire import Fields
from careseal.mls import GroupInfo, MLSError
from careseal.mls.codec import decode as decode_exactly
from tests.fuzz.e2ee_scene import (
    RNG,
    history,
    scene,
    vector_json,
)
from tests.fuzz.target import Form, Structure, Target, Unfit
from tests.unit.e2ee.world import World


@cache
def founded() -> World:
    """A session as it was founded. It is the same in every run, for nothing was encapsulated."""
    world = World.begin("founded")
    world.host.heal()
    return world


@cache
def _opened() -> OpenedDoor:
    world = founded()
    return world.open(world.guest_invite)


def _door(data: bytes) -> None:
    world = founded()
    open_door(world.guest_invite, data, world.log.key_box(world.guest_invite))


def _sealed_door(content: bytes) -> bytes:
    salt, aad = bytes(SALT_SIZE), b"careseal/1 door" + founded().host.state.session
    return salt + seal(_opened().key, "door", salt, aad, content)


def _doors() -> list[bytes]:
    upload = founded().log.upload
    assert upload is not None
    return [upload.door]


def _door_contents() -> list[bytes]:
    return [_opened().door._encode()]


def _door_content(data: bytes) -> None:
    """A door that a member sealed, and a joiner and a host look behind."""
    _come_in(_sealed_door(data))


def _come_in(sealed: bytes) -> None:
    world, log = founded(), founded().log
    with suppress(SealError):
        check_door(world.host.state, sealed)
    opened = open_door(world.guest_invite, sealed, log.key_box(world.guest_invite))
    digests = log.digests(min(opened.position.seq, log.head))
    join(opened, digests, log.head, log.last_commit, Introduction("Bea", "phone"), RNG)


def _door_info(data: bytes) -> None:
    """A door whose GroupInfo says whatever, and is signed by a member."""
    try:
        info = decode_exactly(GroupInfo.read, data)
    except MLSError as error:
        raise Unfit from error
    info = info.signed(SUITE, founded().host.state.present.group.signer)
    _come_in(_sealed_door(replace(_opened().door, group_info=info.encode())._encode()))


def _infos() -> list[bytes]:
    return [_opened().door.group_info]


def _key_box(data: bytes) -> None:
    invite = scene().world.guest_invite
    boxes.open_key_box(invite.box_key, invite.session, invite.id, data)


def _boxed_keys() -> list[bytes]:
    return [scene().key_box[:8] + scene().host.present.keys.door]


def _boxed_key(data: bytes) -> None:
    """A key box whose key is whatever somebody put into it: epoch, then content."""
    invite, fields = scene().world.guest_invite, Fields(data)
    epoch, content = fields.take(8), fields.rest()
    info = b"careseal/1 key box" + invite.session + epoch + invite.id
    _key_box(epoch + box(invite.box, info, content, RNG))


def _letter(data: bytes) -> None:
    past.letter(scene().guest, data)


def _histories() -> list[bytes]:
    return [history().encode(), *vector_json("history.json")]


def _history_text(data: bytes) -> None:
    """A history that somebody gave, taken in."""
    history = History.decode(data)
    assert History.decode(history.encode()) == history
    entries = scene().world.log.digests(min(history.start.seq, 1))
    state = past.take_history(scene().guest, history, entries)
    for entry in scene().world.log.entries:
        read_entry(state, entry)


def _grant(data: bytes) -> None:
    """What a grant's box holds, sealed to this device."""
    guest = scene().guest
    info = b"careseal/1 grant" + guest.session + guest.member_id
    boxed = box(guest.invite.box, info, data, RNG)
    past.grant(guest, payload.HistoryGrant(guest.member_id, boxed))


def _knock(data: bytes) -> None:
    host = scene().host
    knock = Knock.decode(data)
    host_key = host.present.keys.door
    boxes.seal_key_box(knock.public, host.session, host.invite.id, 0, host_key, RNG)
    knock.verify(host.session, scene().world.guest_invite.join)


def _knocks() -> list[bytes]:
    knock, _ = Knock.make(scene().world.guest_invite, "Ann", RNG)
    return [knock.encode()]


def _a_letter() -> bytes:
    guest = scene().guest
    return boxes.seal_letter(guest.invite.box, guest.session, guest.invite.id, history(), RNG)


_INFO = Structure(
    lambda data: decode_exactly(GroupInfo.read, data), lambda value: bytes(value.encode())
)
_DOOR = Structure(Door._decode, lambda value: bytes(value._encode()))
_SEALED = (SealError,)

TARGETS = (
    Target("e2ee.door", _door, _SEALED, _doors, share=0.2),
    Target(
        "e2ee.door contents", _door_content, _SEALED, _door_contents, structure=_DOOR, share=0.15
    ),
    Target("e2ee.door group", _door_info, _SEALED, _infos, structure=_INFO, share=0.2),
    Target("e2ee.key box", _key_box, _SEALED, lambda: [scene().key_box]),
    Target("e2ee.boxed key", _boxed_key, _SEALED, _boxed_keys, share=0.3),
    Target("e2ee.letter", _letter, _SEALED, lambda: [_a_letter()]),
    Target("e2ee.history", _history_text, _SEALED, _histories, Form.JSON),
    Target("e2ee.grant", _grant, _SEALED, lambda: [pad(history().encode())], share=0.3),
    Target("e2ee.knock", _knock, _SEALED, _knocks),
)
