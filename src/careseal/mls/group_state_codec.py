"""A group's state as bytes and back, for storage. The bytes hold every secret of the member."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .codec import Reader, decode, opaque, optional, u16, u32, u64, vector
from .errors import DecodeError, MLSError
from .framing import Sender
from .group_context import GroupContext
from .group_state import GroupState, OwnUpdate
from .key_schedule import EpochKeys
from .proposal import ReInit, encode_proposal, read_proposal
from .proposal_list import SentProposal
from .ratchet_tree import RatchetTree
from .secret import HpkePrivateKey, Psk, SignaturePrivateKey
from .secret_tree import SecretTree
from .signer import Signer
from .suite import SUITES

_FORMAT = 1

K = TypeVar("K")
V = TypeVar("V")


def encode_state(state: GroupState) -> bytes:
    return b"".join(
        (
            u16(_FORMAT),
            state.context.encode(),
            state.tree.encode(),
            state.keys.encode(),
            state.secret_tree.encode(),
            opaque(state.confirmation_tag),
            u32(state.own_leaf),
            _encode_signer(state.signer),
            vector(u32(node) + opaque(key) for node, key in state.private_keys.items()),
            vector(u64(epoch) + opaque(psk) for epoch, psk in state.past_psks.items()),
            vector(
                opaque(reference) + each.sender.encode() + encode_proposal(each.proposal)
                for reference, each in state.proposals.items()
            ),
            vector(
                opaque(public) + opaque(each.encryption_key) + _encode_signer(each.signer)
                for public, each in state.updates.items()
            ),
            optional(None if state.reinit is None else state.reinit.encode()),
        )
    )


def decode_state(data: bytes) -> GroupState:
    """The state that `encode_state` wrote. Raises `DecodeError` for anything else.

    The parts must fit each other; signatures are not verified again.
    """
    try:
        return decode(_read_state, data)
    except MLSError as error:
        raise DecodeError(f"not a group state: {error}") from error


def _read_state(reader: Reader) -> GroupState:
    if reader.u16() != _FORMAT:
        raise DecodeError("unknown format")
    context = GroupContext.read(reader)
    if (suite := SUITES.get(context.cipher_suite)) is None:
        raise DecodeError("unknown cipher suite")
    tree = RatchetTree.read(reader, suite)
    state = GroupState(
        suite,
        context,
        tree,
        EpochKeys.read(reader),
        SecretTree.read(reader, suite, tree.size),
        reader.opaque(),
        reader.u32(),
        _read_signer(reader),
        _read_map(reader, Reader.u32, lambda each: HpkePrivateKey(each.opaque())),
        _read_map(reader, Reader.u64, lambda each: Psk(each.opaque())),
        _read_map(reader, Reader.opaque, _read_sent),
        _read_map(reader, Reader.opaque, _read_update),
        reader.optional(ReInit.read),
    )
    _check_fit(state)
    return state


def _check_fit(state: GroupState) -> None:
    suite, tree = state.suite, state.tree
    if tree.hash() != state.context.tree_hash:
        raise DecodeError("the tree is not this epoch's")
    if state.own_leaf_node.signature_key != state.signer.public:
        raise DecodeError("the signature key is not the own leaf's")
    if suite.signatures.public_key(state.signer.private) != state.signer.public:
        raise DecodeError("the signature key pair does not belong together")
    if 2 * state.own_leaf not in state.private_keys:
        raise DecodeError("the own leaf's key is missing")
    for index, private in state.private_keys.items():
        node = None if index > 2 * tree.size - 2 else tree.node(index)
        if node is None or suite.kem.public_key(private) != node.encryption_key:
            raise DecodeError("a private key belongs to no node")


def _encode_signer(signer: Signer) -> bytes:
    return opaque(signer.private) + opaque(signer.public)


def _read_signer(reader: Reader) -> Signer:
    return Signer(SignaturePrivateKey(reader.opaque()), reader.opaque())


def _read_sent(reader: Reader) -> SentProposal:
    sender = Sender.read(reader)
    return SentProposal(read_proposal(reader), sender)


def _read_update(reader: Reader) -> OwnUpdate:
    return OwnUpdate(HpkePrivateKey(reader.opaque()), _read_signer(reader))


def _read_map(
    reader: Reader, key: Callable[[Reader], K], value: Callable[[Reader], V]
) -> dict[K, V]:
    items = reader.vector(lambda each: (key(each), value(each)))
    found = dict(items)
    if len(found) < len(items):
        raise DecodeError("a key appears twice")
    return found
