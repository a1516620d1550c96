"""Giving another device what came before (docs/protocol.md §5.4)."""

from __future__ import annotations

import os

from careseal.e2ee.identifiers import MemberId
from careseal.e2ee.sending import grants

from .core import Core
from .posting import Postman


async def give_history(core: Core, postman: Postman, member: MemberId) -> None:
    """Raises `NotAllowed` if this device may not."""
    for payload in grants(core.keeper.state, member, os.urandom):
        await postman.send(payload)
