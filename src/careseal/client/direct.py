"""Parts of a file straight to and from the server's store (docs/protocol.md §6.1).

Where the store does not do what it should, the rest of the transfer goes through the server.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from urllib.parse import urlsplit

from careseal.e2ee.identifiers import FileId, SessionId
from careseal.e2ee.secret import MemberToken

from .bulk import UNANSWERED, Bulk, proxied
from .errors import NotAuthorised, ServerRefused, SessionEnded
from .transport import Transport

log = logging.getLogger(__name__)
THERE = 412
"""What the store answers when an earlier attempt had put the part there."""


class _NotDone(Exception):
    """The store did not do what it should. The text holds no address."""


class Direct:
    """The direct way for one transfer of one file.

    `Bulk` sends no cookie, no token and nothing else of ours along, follows no redirect, and logs
    no address, by which anybody could read a sealed part for some minutes.
    """

    def __init__(
        self,
        transport: Transport,
        session: SessionId,
        token: MemberToken,
        file: FileId,
        *,
        offered: bool,
    ) -> None:
        self._transport = transport
        self._of = (session, token, file)
        self._open = offered and transport.bulk is not None

    async def put(self, number: int, part: memoryview) -> bool:
        """Whether the part is stored now; else it is to go through the server.

        Raises what asking the server raises, `part-exists` too.
        """
        if not self._open:
            return False
        try:
            digest = await asyncio.to_thread(lambda: hashlib.sha256(part).digest())
            url = await self._transport.ask_to_put(*self._of, number, len(part), digest)
            if url is not None:
                await self._put(url, part, digest)
                await self._transport.confirm_put(*self._of, number, len(part), digest)
        except ServerRefused as refused:
            return self._give_up_unless_final(refused)
        except _NotDone as failure:
            return self._give_up(str(failure))
        return True

    async def get(self, number: int, size: int, into: memoryview) -> bool:
        """Whether the part, of `size` bytes, is in `into` (one longer) now; else it is to come
        through the server."""
        if not self._open:
            return False
        try:
            url = await self._transport.ask_to_get(*self._of, number)
            await self._get(url, size, into)
        except ServerRefused as refused:
            return self._give_up_unless_final(refused)
        except _NotDone as failure:
            return self._give_up(str(failure))
        return True

    def _give_up_unless_final(self, refused: ServerRefused) -> bool:
        final = isinstance(refused, NotAuthorised | SessionEnded)
        if final or refused.problem == "part-exists":
            raise refused
        return self._give_up(refused.problem)

    def _give_up(self, why: str) -> bool:
        if self._open:
            log.warning("Files go through the server: %s.", why)
        self._open = False
        return False

    async def _put(self, url: str, part: memoryview, digest: bytes) -> None:
        checksum = base64.b64encode(digest).decode()
        headers = {"If-None-Match": "*", "x-amz-checksum-sha256": checksum}
        try:
            answer = await self._bulk(url).put(url, headers, part)
        except UNANSWERED as failure:
            raise _unanswered(failure) from None
        if not answer.is_success and answer.status_code != THERE:
            raise _NotDone(f"the store answers {answer.status_code}")

    async def _get(self, url: str, size: int, into: memoryview) -> None:
        try:
            answer, came = await self._bulk(url).get(url, {}, into)
        except UNANSWERED as failure:
            raise _unanswered(failure) from None
        if answer.status_code != 200:
            raise _NotDone(f"the store answers {answer.status_code}")
        if came != size:
            raise _NotDone("the store does not send the part")

    def _bulk(self, url: str) -> Bulk:
        """What goes to this address."""
        bulk = self._transport.bulk
        try:
            sealed = urlsplit(url).scheme in ("https", urlsplit(self._transport.origin).scheme)
            if bulk is None or proxied(url):
                raise _NotDone("a proxy is in between")
        except ValueError:
            raise _NotDone("the store has no address") from None
        if not sealed:
            raise _NotDone("the store's address is not one of HTTPS")
        return bulk


def _unanswered(failure: Exception) -> _NotDone:
    return _NotDone(f"the store does not answer ({type(failure).__name__})")
