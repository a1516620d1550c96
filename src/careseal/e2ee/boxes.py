"""Key boxes, letters and grants: what is sealed to an invite (docs/protocol.md §3.6, §5.4)."""

from __future__ import annotations

from .history import History
from .identifiers import InviteId, MemberId, SessionId
from .sealing import pad, unpad
from .secret import BoxKey, DoorKey
from .suite import Rng, box, unbox
from .wire import u64


def seal_key_box(
    public: bytes, session: SessionId, invite: InviteId, epoch: int, key: DoorKey, rng: Rng
) -> bytes:
    """The door key of `epoch` for the holder of an invite's box key, or of a knock's."""
    return u64(epoch) + box(public, _key_box_info(session, epoch, invite), key, rng)


def open_key_box(
    key: BoxKey, session: SessionId, invite: InviteId, boxed: bytes
) -> tuple[int, DoorKey]:
    """Epoch and door key. Raises `Tampered` or `Malformed`."""
    epoch = int.from_bytes(boxed[:8], "big")
    return epoch, DoorKey(unbox(key, _key_box_info(session, epoch, invite), boxed[8:]))


def seal_letter(
    public: bytes, session: SessionId, invite: InviteId, history: History, rng: Rng
) -> bytes:
    """What came before, for whoever first opens an invite."""
    return box(public, b"careseal/1 letter" + session + invite, pad(history.encode()), rng)


def open_letter(key: BoxKey, session: SessionId, invite: InviteId, boxed: bytes) -> History:
    """Raises `Tampered` or `Malformed`."""
    return History.decode(unpad(unbox(key, b"careseal/1 letter" + session + invite, boxed)))


def seal_grant(
    public: bytes, session: SessionId, recipient: MemberId, history: History, rng: Rng
) -> bytes:
    """What came before, for one member; `public` is the box of its invite."""
    return box(public, b"careseal/1 grant" + session + recipient, pad(history.encode()), rng)


def open_grant(key: BoxKey, session: SessionId, me: MemberId, boxed: bytes) -> History:
    """Raises `Tampered` or `Malformed`."""
    return History.decode(unpad(unbox(key, b"careseal/1 grant" + session + me, boxed)))


def _key_box_info(session: SessionId, epoch: int, invite: InviteId) -> bytes:
    return b"careseal/1 key box" + session + u64(epoch) + invite
