"""Signing and wrapping what a member sends (RFC 9420 §6)."""

from __future__ import annotations

from dataclasses import replace

from .extension import Extensions
from .framing import AuthenticatedContent, Content, FramedContent, Sender, WireFormat
from .group_info import GroupInfo
from .group_state import GroupState
from .kem import Rng
from .message import encode_message
from .private_message import PrivateMessage
from .public_message import PublicMessage


def sign(
    state: GroupState, content: Content, authenticated_data: bytes, private: bool
) -> AuthenticatedContent:
    """Content signed by this member, to be sent as a private or a public message."""
    framed = FramedContent(
        state.context.group_id,
        state.context.epoch,
        Sender.member(state.own_leaf),
        authenticated_data,
        content,
    )
    wire_format = WireFormat.PRIVATE_MESSAGE if private else WireFormat.PUBLIC_MESSAGE
    context, key = state.context.encode(), state.signer.private
    return AuthenticatedContent.sign(state.suite, wire_format, framed, context, key)


def protect(
    state: GroupState, authenticated: AuthenticatedContent, rng: Rng, padding: int = 0
) -> tuple[GroupState, bytes]:
    """An MLSMessage of this epoch, and the state without the key that went into it."""
    if authenticated.wire_format is WireFormat.PUBLIC_MESSAGE:
        context, key = state.context.encode(), state.keys.membership_key
        public = PublicMessage.protect(state.suite, authenticated, context, key)
        return state, encode_message(public)
    secret_tree, private = PrivateMessage.protect(
        state.suite,
        authenticated,
        state.secret_tree,
        state.keys.sender_data_secret,
        rng,
        padding,
    )
    return replace(state, secret_tree=secret_tree), encode_message(private)


def group_info(state: GroupState, extensions: Extensions) -> GroupInfo:
    """A GroupInfo of this epoch with these extensions, signed by this member (§12.4.3)."""
    unsigned = GroupInfo(state.context, extensions, state.confirmation_tag, state.own_leaf, b"")
    return unsigned.signed(state.suite, state.signer)
