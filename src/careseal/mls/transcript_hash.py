"""Transcript hashes: what the group has been through (RFC 9420 §8.2)."""

from __future__ import annotations

from .codec import opaque, u16
from .framing import AuthenticatedContent
from .secret import ConfirmationKey
from .suite import CipherSuite


def confirmed_hash(
    suite: CipherSuite, interim_before: bytes, commit: AuthenticatedContent
) -> bytes:
    """confirmed_transcript_hash after a commit, Nh bytes."""
    content = u16(commit.wire_format) + commit.content.encode() + opaque(commit.signature)
    return suite.hash(interim_before + content)


def interim_hash(suite: CipherSuite, confirmed: bytes, confirmation_tag: bytes) -> bytes:
    """interim_transcript_hash after a commit, Nh bytes."""
    return suite.hash(confirmed + opaque(confirmation_tag))


def confirmation_tag(suite: CipherSuite, key: ConfirmationKey, confirmed: bytes) -> bytes:
    """confirmation_tag (§6.1), Nh bytes."""
    return suite.mac(key, confirmed)
