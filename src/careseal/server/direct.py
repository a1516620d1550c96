"""Parts that go between clients and the bucket without passing this server (§6.1).

The server signs addresses, each for one object and some minutes. One for putting is for exactly
one content: its length and its SHA-256 are signed with it, and so is that nothing may be there yet.
So the store does the checks that the server does otherwise, and who has such an address later can
change nothing. Whether this store does them is tried out before it is relied on.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import secrets
import time
from contextlib import suppress
from typing import Final

import httpx

from careseal.server.blobs import Blobs
from careseal.server.presign import Presigner
from careseal.server.problems import Problem
from careseal.server.request_log import event
from careseal.server.settings import Settings

LASTS: Final = 300  # s that an address is good for
CONFIRM_WITHIN: Final = 900  # s after it was handed out, for one that is used at the last moment
TRY_AGAIN: Final = 60.0  # s after a store was found not to do what is needed
PATIENCE: Final = 15.0  # s for trying it out
MUST_SEND: Final = ("if-none-match", "x-amz-checksum-sha256")
log = logging.getLogger(__name__)


class Direct:
    """The bucket as clients reach it."""

    def __init__(self, presigner: Presigner, blobs: Blobs) -> None:
        self._presigner = presigner
        self._blobs = blobs
        self._proving = asyncio.Lock()
        self._proven = False
        self._failed_at = -TRY_AGAIN

    def to_put(self, name: str, size: int, digest: bytes) -> str:
        """The address for putting these bytes (their number, their SHA-256), and no others."""
        headers = {"content-length": str(size), **must_send(digest)}
        return self._presigner.address("PUT", name, LASTS, headers)

    def to_get(self, name: str) -> str:
        return self._presigner.address("GET", name, LASTS)

    async def require_checking_store(self) -> None:
        """Raises ``not-found`` unless the store was seen to check what is put into it."""
        async with self._proving:
            if self._proven:
                return
            if time.monotonic() - self._failed_at >= TRY_AGAIN:
                why = await self.try_out()
                self._proven = why is None
                if why is None:
                    return
                self._failed_at = time.monotonic()
                event(log, "no direct uploads", why=why)
        raise Problem("not-found", "This server offers no direct uploads.")

    async def try_out(self) -> str | None:
        """Put, refuse, get and remove an object by addresses; what is wrong, if something is.

        No text holds an address.
        """
        name = f"ready/{secrets.token_hex(8)}"
        try:
            async with asyncio.timeout(PATIENCE), httpx.AsyncClient(trust_env=False) as client:
                return await self._try_out(client, name)
        except (httpx.HTTPError, TimeoutError) as failure:
            return f"it cannot be reached from here ({type(failure).__name__})"
        finally:
            with suppress(Exception):  # the sweep finds what stays
                await self._blobs.delete([name])

    async def _try_out(self, client: httpx.AsyncClient, name: str) -> str | None:
        right, wrong = secrets.token_bytes(1024), secrets.token_bytes(1024)
        digest = hashlib.sha256(right).digest()
        address = self.to_put(name, len(right), digest)

        async def put(content: bytes) -> int:
            answer = await client.put(address, content=content, headers=must_send(digest))
            return answer.status_code

        if await put(right[:-1]) < 400:
            return "it takes another length than the address is for"
        if await put(wrong) < 400:
            return "it takes other bytes than the address is for"
        if (status := await put(right)) >= 300:
            return f"it refuses what the address is for ({status})"
        if await put(right) < 400:
            return "it lets an object be overwritten"
        got = await client.get(self.to_get(name))
        if got.content != right:
            return f"it does not give back what was put ({got.status_code})"
        return None

    async def try_cors(self, origin: str) -> str | None:
        """Whether pages of ``origin`` may use the addresses; what is wrong, if something is."""
        name = f"ready/{secrets.token_hex(8)}"
        asks = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": ",".join(MUST_SEND),
        }
        try:
            async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
                address = self.to_put(name, 1, hashlib.sha256(b"1").digest())
                before = await client.options(address, headers=asks)
                got = await client.get(self.to_get(name), headers={"Origin": origin})
        except httpx.HTTPError as failure:
            return f"it cannot be reached from here ({type(failure).__name__})"
        for answer in (before, got):
            if answer.headers.get("access-control-allow-origin") not in ("*", origin):
                return f"it does not allow {origin}"
        if not before.is_success or "PUT" not in _listed(before, "methods"):
            return "it does not allow PUT"
        allowed = _listed(before, "headers")
        if lacking := [each for each in MUST_SEND if each.upper() not in allowed]:
            return f"it does not allow the header {lacking[0]}"
        return None


def _listed(answer: httpx.Response, what: str) -> set[str]:
    text = answer.headers.get(f"access-control-allow-{what}", "")
    listed = {each.strip().upper() for each in text.split(",")}
    return listed if "*" not in listed else {"PUT", *(each.upper() for each in MUST_SEND)}


def must_send(digest: bytes) -> dict[str, str]:
    """What a client sends with a part beside its length."""
    return {"if-none-match": "*", "x-amz-checksum-sha256": base64.b64encode(digest).decode()}


def open_direct(settings: Settings, blobs: Blobs) -> Direct | None:
    """Where the settings offer it. Raises ``ValueError``."""
    presigner = settings.presigner()
    return Direct(presigner, blobs) if presigner else None
