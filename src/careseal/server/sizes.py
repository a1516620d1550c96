"""Checks of what doors, key boxes, letters and invites may be together (docs/protocol.md §8.3)."""

from __future__ import annotations

from collections.abc import Sequence

from careseal.server.problems import malformed, too_large
from careseal.server.settings import KIB, Limits
from careseal.server.wire import KeyBox, Letter, NewInvite


def check_size(limit: str, size: int, limits: Limits) -> None:
    """Raises ``too-large`` with the limit's name."""
    most = limits.published()[limit]
    if size > most:
        raise too_large(limit, most)


def check_doorway(
    door: bytes, boxes: Sequence[KeyBox], letters: Sequence[Letter], limits: Limits
) -> None:
    """A door with what belongs to it."""
    check_size("door", len(door), limits)
    check_size("keyBoxes", len(boxes), limits)
    for box in boxes:
        check_size("keyBox", len(box.box), limits)
    for letter in letters:
        check_size("letter", len(letter.letter), limits)
    require_unique("key boxes", [box.invite for box in boxes])
    require_unique("letters", [letter.invite for letter in letters])


def check_invites(invites: Sequence[NewInvite], limits: Limits) -> None:
    """Invites that are made together."""
    check_size("invites", len(invites), limits)
    require_unique("invites", [invite.id for invite in invites])
    require_unique("access tokens", [invite.access_token_hash for invite in invites])


def require_unique(what: str, ids: Sequence[bytes]) -> None:
    """Raises ``malformed``."""
    if len(set(ids)) < len(ids):
        raise malformed(f"Two {what} are for the same.")


def doorway_size(limits: Limits) -> int:
    """Most bytes of a body with a commit, a door, key boxes and letters as base64url."""
    sealed = limits.commit + limits.door
    sealed += limits.key_boxes * limits.key_box + limits.invites * limits.letter
    return sealed * 4 // 3 + 64 * KIB


def chat_size(limits: Limits) -> int:
    """Most bytes of a body with one chat entry."""
    return limits.encrypted_message * 4 // 3 + 4 * KIB
