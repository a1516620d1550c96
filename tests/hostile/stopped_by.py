"""Which check stops an attack, by the attack's name: taken out, the attack has its way."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from careseal.client import commits, core, keeper
from careseal.client.core import Core
from careseal.client.transport import Headway, Transport
from careseal.e2ee import compact, door, file, following, message, past, payload, sealing, validity
from careseal.e2ee.compact import Members
from careseal.e2ee.identity import Identity
from careseal.e2ee.signal import Counters

from .attacks_on_checks import HOSTS_ONLY, LEAF_CHANGED, NOT_A_HOST, OWN_ROLE, POSITION, SHAPE
from .taken_out import Check, both, branch, call


class Untagged:
    """AES-GCM that looks at no tag."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def decrypt(self, nonce: bytes, sealed: Any, aad: bytes) -> bytes:
        counter = CTR(nonce + (2).to_bytes(4, "big"))
        return Cipher(AES(self._key), counter).decryptor().update(bytes(sealed)[:-16])

    def decrypt_into(self, nonce: bytes, sealed: Any, aad: bytes, out: memoryview) -> None:
        out[:] = self.decrypt(nonce, sealed, aad)

    def encrypt(self, nonce: bytes, plain: bytes, aad: bytes) -> bytes:
        return AESGCM(self._key).encrypt(nonce, plain, aad)

    def encrypt_into(self, nonce: bytes, plain: Any, aad: bytes, out: memoryview) -> None:
        AESGCM(self._key).encrypt_into(nonce, plain, aad, out)


def _take_out_tags(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sealing, "AESGCM", Untagged)
    patch.setattr(file, "AESGCM", Untagged)


TAG = Check("the tag of AES-256-GCM", _take_out_tags)
SIGNATURE = call(message, "verify")
HEADWAY = call(Headway, "check")
TAKEN_BEFORE = branch(Counters, "take", "taken before")
SEEN_BEFORE = call(following, "_seen_before", lambda state, entry: (state, ()))
NO_FORK = both(
    *(
        call(each, "contradict", lambda state, seq: (state, ()))
        for each in (following, keeper, core)
    )
)
PAST = branch(past, "extend_past", "is not what it was before")
WRITTEN = branch(commits.Committer, "_post_pending", "does not show it")

OF_THE_SERVER: dict[str, Check] = {
    "swaps two messages": POSITION,
    "leaves a message out": POSITION,
    "repeats a message": POSITION,
    "repeats a message at the end": POSITION,
    "rolls the log back": NO_FORK,
    "rewrites what was read": SEEN_BEFORE,
    "tells the same page for ever": HEADWAY,
    "says there is more and gives nothing": HEADWAY,
    "speaks of ever more than it gives": HEADWAY,
    "tells digests of a log that grows for ever": HEADWAY,
    "tells the past in another order": PAST,
    "leaves out of the past": PAST,
    "tells a message of the past twice": PAST,
    "gives an old door over the new log": branch(door.Door, "fit", "present state"),
    "changes a digest of the log": POSITION,
    "tells the same digests for ever": both(branch(Transport, "digests", "_ODD"), HEADWAY),
    "sends an entry again with another body": SEEN_BEFORE,
    "says that the log is shorter than it was": NO_FORK,
    "relays each signal three times": TAKEN_BEFORE,
    "relays signals in another order": TAKEN_BEFORE,
    "relays old signals again": TAKEN_BEFORE,
    "swaps two parts of a file": TAG,
    "stores a part with one bit changed": TAG,
    "stores a message with one bit changed": both(TAG, SIGNATURE),
    "confirms a message at another place": NO_FORK,
    "confirms a removal and drops it": WRITTEN,
    "knows a member and then does not": branch(Core, "read", "gone()"),
}

OF_MEMBERS: dict[str, Check] = {
    "a guest writes a note": HOSTS_ONLY,
    "a guest ends the session": HOSTS_ONLY,
    "a guest admits somebody": HOSTS_ONLY,
    "a guest gives history to a stranger": branch(payload, "check_sender", "its own devices only"),
    "a guest adds members to a message": SHAPE,
    "a guest writes nothing": branch(Members, "text", "_wrong"),
    "a guest writes too much": branch(Members, "text", "_wrong"),
    "a guest writes loose JSON": branch(compact, "decode", "not compact"),
    "a guest removes the host": NOT_A_HOST,
    "a guest changes the policy": both(NOT_A_HOST, OWN_ROLE),
    "a guest joins in somebody's place": branch(validity, "_judge_join", "somebody else's leaf"),
    "a guest moves to the host's invite": LEAF_CHANGED,
    "a guest claims a clinician's key": call(Identity, "verify"),
    "a guest takes up an identity key later": LEAF_CHANGED,
    "a guest changes its key": LEAF_CHANGED,
}
