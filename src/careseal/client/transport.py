"""The server's routes, over HTTP (docs/protocol.md §8)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from careseal.e2ee import base64url
from careseal.e2ee.errors import Malformed
from careseal.e2ee.identifiers import EntryId, FileId, InviteId, KnockId, MemberId, SessionId
from careseal.e2ee.knock import Knock
from careseal.e2ee.log import Digested, Entry, Kind
from careseal.e2ee.secret import AccessToken, MemberToken
from careseal.e2ee.sending import SealedChat
from careseal.e2ee.state import DoorUpload, Pending

from .account import Account, ApiToken, Cookie
from .bulk import OF_THE_WIRE, SLOWEST, UNANSWERED, Bulk, proxied
from .errors import (
    UNKNOWN,
    ClientError,
    NotAuthorised,
    ServerContradicts,
    ServerRefused,
    ServerUnreachable,
    SessionEnded,
    StaleParent,
    StorageFull,
    TooMany,
    WrongPlace,
)

T = TypeVar("T")

Bearer = MemberToken | AccessToken

log = logging.getLogger(__name__)
PATIENCE = 20.0
"""Seconds that a request is tried again for while the server cannot be reached, unless the
environment says otherwise by CARESEAL_PATIENCE."""

MOST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer; a page of the log and a part of a file have less."""

MOST_ENTRIES = 100_000_000
"""What a log may hold, a hundred times the limit that servers have by default."""

SILENCE = 8.0
"""Seconds without a byte after which a request counts as not answered."""

NOBODYS = (502, 503, 504)
"""Statuses by which nothing is known of what the server did."""

_PROBLEM = "urn:careseal:problem:"
_KINDS = {"commit": Kind.COMMIT, "chat": Kind.CHAT}
_REFUSALS: dict[str, type[ServerRefused]] = {
    "not-authorised": NotAuthorised,
    "stale-parent": StaleParent,
    "wrong-place": WrongPlace,
    "session-ended": SessionEnded,
    "too-many": TooMany,
    "too-many-open": TooMany,
    "storage-full": StorageFull,
}


@dataclass(frozen=True, slots=True)
class FetchedDoor:
    """What stands at the door, as the server has it."""

    door: bytes = field(repr=False)
    key_box: bytes | None = field(repr=False)
    letter: bytes | None = field(repr=False)
    head: int
    last_commit: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of the log, in order, and where the log ends."""

    entries: tuple[Entry, ...]
    head: int
    last_commit: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the server has of a file."""

    present: frozenset[int]  # numbers of the parts
    direct: bool  # whether parts may go to its store and come from there


class Headway:
    """Reading comes nearer to the head with each page: a log grows slower than it is read."""

    def __init__(self) -> None:
        self._least = MOST_ENTRIES
        self._stuck = 0

    def check(self, left: int) -> None:
        """`left`: entries that are still to come. Raises `ServerContradicts`."""
        if left < self._least:
            self._least, self._stuck = left, 0
            return
        self._stuck += 1
        if self._stuck > 2:
            raise ServerContradicts("The server speaks of messages and does not give them.")


@dataclass(frozen=True, slots=True)
class Opening:
    """An invite that a commit or a new session opens at the server."""

    id: InviteId
    role: str
    access_token: AccessToken

    def json(self) -> dict[str, Any]:
        return {"id": str(self.id), "role": self.role, "accessTokenHash": _hash(self.access_token)}


@dataclass(frozen=True, slots=True)
class CommitExtras:
    """What goes with a commit: a joiner's token, invites opened and closed, members revoked."""

    token: MemberToken | None = None
    opens: tuple[Opening, ...] = ()
    closes: tuple[InviteId, ...] = ()
    revokes: tuple[MemberId, ...] = ()


@dataclass(frozen=True, slots=True)
class KnockRow:
    """A knock as the server tells of it; nothing of it is checked."""

    id: KnockId
    invite: InviteId
    knock: bytes = field(repr=False)
    at: int  # ms
    admitted: bool  # a key box is there


class Transport:
    """One server. Every request but `sign_in` is safe to repeat, and is repeated while there is no
    answer."""

    def __init__(
        self, origin: str, *, client: httpx.AsyncClient | None = None, patience: float = PATIENCE
    ) -> None:
        self.origin = origin.rstrip("/")
        self._client = client or httpx.AsyncClient(timeout=httpx.Timeout(30.0, pool=60.0))
        self._bulk = None if client or proxied(origin) else Bulk(SILENCE)
        self._patience = float(os.environ.get("CARESEAL_PATIENCE", patience))

    @property
    def bulk(self) -> Bulk | None:
        """For large bodies to and from elsewhere, where it is of use here."""
        return self._bulk

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._bulk is not None:
            self._bulk.close()
        await self._client.aclose()

    # Accounts ------------------------------------------------------------------------------

    async def sign_in(self, code: str) -> Cookie:
        """Exchanges the code of a sign-in link, which works once. Raises `NotAuthorised`.

        It is asked for once: where the answer is lost the code is used up.
        """
        asked = self._client.build_request(
            "POST",
            f"{self.origin}/api/accounts/sign-in",
            headers={"Content-Type": "application/json"},
            content=_json({"code": code}),
            timeout=SILENCE,
        )
        try:
            answer = await _answer(self._client, asked)
        except httpx.TransportError as error:
            raise ServerUnreachable(self._sign_in_again) from error
        if answer.status_code in NOBODYS:
            raise ServerUnreachable(self._sign_in_again)
        if not answer.is_success:
            raise _refusal(answer)
        for cookie in answer.cookies.jar:
            if cookie.value is not None:
                return Cookie(cookie.name, cookie.value)
        raise ClientError("The server did not answer the sign-in with a cookie.")

    @property
    def _sign_in_again(self) -> str:
        return (
            f"{self.origin} does not answer. The sign-in link may be used up: if it does not work "
            "again, a new one is needed."
        )

    # Sessions ------------------------------------------------------------------------------

    async def create(
        self,
        session: SessionId,
        account: Account,
        upload: DoorUpload,
        openings: Sequence[Opening],
        member: MemberId,
        token: MemberToken,
        lifetime: int | None = None,
    ) -> None:
        """`openings` hold the founder's own invite first; `lifetime` in seconds."""
        body: dict[str, Any] = {
            "id": str(session),
            **_door(upload),
            "invites": [opening.json() for opening in openings],
            "member": {
                "id": str(member),
                "invite": str(openings[0].id),
                "tokenHash": _hash(token),
            },
        }
        if lifetime is not None:
            body["lifetime"] = lifetime
        url = f"{self.origin}/api/telemedicine/sessions"
        await self._send("POST", url, self._account(account), _json(body), "application/json")

    async def end(self, session: SessionId, token: MemberToken) -> None:
        await self._request("POST", session, "/end", token)

    async def erase(self, session: SessionId, token: MemberToken) -> None:
        await self._request("DELETE", session, "", token)

    # Doors and the log ---------------------------------------------------------------------

    async def door(self, session: SessionId, token: Bearer) -> FetchedDoor:
        answer = await self._json("GET", session, "/door", token)
        return FetchedDoor(
            base64url.decode(_told(answer, "door", str)),
            _optional(answer, "keyBox"),
            _optional(answer, "letter"),
            _told(answer, "head", int),
            _told(answer, "lastCommit", int),
        )

    async def knock(self, session: SessionId, token: Bearer, knock: Knock) -> None:
        body = {"id": str(knock.id), "knock": base64url.encode(knock.encode())}
        await self._request("POST", session, "/knocks", token, body)

    async def knock_state(
        self, session: SessionId, token: Bearer, knock: KnockId, wait: int
    ) -> tuple[str, bytes | None]:
        """What became of an own knock, and the key box if it was admitted."""
        path = f"/knocks/{knock}?wait={wait}"
        answer = await self._json("GET", session, path, token, patience_more=wait)
        return _told(answer, "state", str), _optional(answer, "keyBox")

    async def knocks(self, session: SessionId, token: MemberToken) -> list[KnockRow]:
        answer = await self._json("GET", session, "/knocks", token)
        return [
            KnockRow(
                KnockId.parse(_told(row, "id", str)),
                InviteId.parse(_told(row, "invite", str)),
                base64url.decode(_told(row, "knock", str)),
                _told(row, "at", int),
                row.get("admitted") is True,
            )
            for row in _told(answer, "knocks", list)
        ]

    async def admit_knock(
        self, session: SessionId, token: MemberToken, knock: KnockId, parent: int, box: bytes
    ) -> None:
        """Raises `StaleParent`."""
        body = {"parent": parent, "keyBox": base64url.encode(box)}
        await self._request("PUT", session, f"/knocks/{knock}", token, body)

    async def end_knock(self, session: SessionId, token: Bearer, knock: KnockId) -> None:
        """A host refuses it, a joiner takes it back."""
        await self._request("DELETE", session, f"/knocks/{knock}", token)

    async def put_door(self, session: SessionId, token: MemberToken, upload: DoorUpload) -> None:
        """Raises `StaleParent`."""
        letters = [
            {"invite": str(each.invite), "letter": base64url.encode(each.letter)}
            for each in upload.letters
        ]
        body = {"parent": upload.parent, **_door(upload), "letters": letters}
        await self._request("PUT", session, "/door", token, body)

    @staticmethod
    def commit_request(member: MemberId, pending: Pending, extras: CommitExtras) -> bytes:
        """What is posted for a commit; a join is told by the token that it brings."""
        body: dict[str, Any] = {
            "id": str(pending.entry),
            "parent": pending.upload.parent,
            "commit": base64url.encode(pending.body),
            **_door(pending.upload),
        }
        if extras.token is not None:
            body["member"] = {"id": str(member), "tokenHash": _hash(extras.token)}
        if extras.opens:
            body["open"] = [opening.json() for opening in extras.opens]
        if extras.closes:
            body["close"] = [str(invite) for invite in extras.closes]
        if extras.revokes:
            body["revoke"] = [str(each) for each in extras.revokes]
        return _json(body)

    async def bare_request(
        self, session: SessionId, token: MemberToken, entry: EntryId, parent: int, body: bytes
    ) -> bytes:
        """For a commit of somebody else: with the door that stands there, until it is mended."""
        fetched = await self.door(session, token)
        return _json(
            {
                "id": str(entry),
                "parent": parent,
                "commit": base64url.encode(body),
                "door": base64url.encode(fetched.door),
                "keyBoxes": [],
            }
        )

    async def post_commit(
        self,
        session: SessionId,
        token: Bearer,
        request: bytes,
        *,
        place: int | None = None,
        after: int | None = None,
    ) -> int:
        """Its seq: in that `place`, or somewhere `after` that one, or nowhere.

        Raises `StaleParent` and `WrongPlace`.
        """
        body = msgspec.json.decode(request) | _where(place, after)
        answer = await self._json("POST", session, "/commits", token, body)
        return _told(answer, "seq", int)

    async def post_chat(
        self,
        session: SessionId,
        token: MemberToken,
        sealed: SealedChat,
        *,
        place: int | None = None,
        after: int | None = None,
    ) -> int:
        """Its seq: in that `place`, or somewhere `after` that one, or nowhere.

        Raises `StaleParent` and `WrongPlace`.
        """
        body = {
            "id": str(sealed.id),
            "parent": sealed.parent,
            "encryptedMessage": base64url.encode(sealed.body),
            **_where(place, after),
        }
        answer = await self._json("POST", session, "/chat", token, body)
        return _told(answer, "seq", int)

    async def entries(
        self, session: SessionId, token: MemberToken, after: int, *, limit: int = 200, wait: int = 0
    ) -> Page:
        """A page of the log; with `wait`, up to that many seconds for the next entry."""
        path = f"/chat?after={after}&limit={limit}" + (f"&wait={wait}" if wait else "")
        answer = await self._json("GET", session, path, token, patience_more=wait)
        entries = tuple(map(read_entry, _told(answer, "entries", list)))
        return Page(entries, _told(answer, "head", int), _told(answer, "lastCommit", int))

    async def digests(
        self, session: SessionId, token: Bearer, after: int, until: int | None = None
    ) -> tuple[list[Digested], int, int]:
        """All digests after a seq; and head and last commit entry when they were read."""
        found: list[Digested] = []
        headway = Headway()
        while True:
            last = found[-1].seq if found else after
            path = f"/chat?after={last}&limit=1000&form=digest"
            answer = await self._json("GET", session, path, token)
            page = [_digested(row) for row in _told(answer, "entries", list)]
            if page and page[0].seq <= last:
                raise ServerContradicts(_ODD)  # else it could tell the same page for ever
            found += page
            head, reached = _told(answer, "head", int), found[-1].seq if found else after
            if not page or reached >= head or (until and reached >= until):
                return found, head, _told(answer, "lastCommit", int)
            headway.check(min(head, until or head) - reached)

    # Members -------------------------------------------------------------------------------

    async def revoke(self, session: SessionId, token: MemberToken, member: MemberId) -> None:
        await self._request("DELETE", session, f"/members/{member}", token)

    # Files ---------------------------------------------------------------------------------

    async def create_file(
        self, session: SessionId, token: MemberToken, file: FileId, parts: int, size: int
    ) -> None:
        """`size` is that of all sealed parts together, bytes."""
        body = {"id": str(file), "parts": parts, "size": size}
        await self._request("POST", session, "/files", token, body)

    async def file(self, session: SessionId, token: MemberToken, file: FileId) -> StoredFile:
        answer = await self._json("GET", session, f"/files/{file}", token)
        present = _told(answer, "present", list)
        if not all(isinstance(number, int) for number in present):
            raise ServerContradicts(_ODD)
        return StoredFile(frozenset(present), answer.get("direct") is True)

    async def ask_to_put(
        self,
        session: SessionId,
        token: MemberToken,
        file: FileId,
        number: int,
        size: int,
        digest: bytes,
    ) -> str | None:
        """An address to put a sealed part to; None when it is stored already."""
        path = f"/files/{file}/parts/{number}/direct"
        answer = await self._json("POST", session, path, token, _described(size, digest))
        return _told(answer, "url", str) if answer else None

    async def confirm_put(
        self,
        session: SessionId,
        token: MemberToken,
        file: FileId,
        number: int,
        size: int,
        digest: bytes,
    ) -> None:
        """The part was put there."""
        path = f"/files/{file}/parts/{number}/direct"
        await self._request("PUT", session, path, token, _described(size, digest))

    async def ask_to_get(
        self, session: SessionId, token: MemberToken, file: FileId, number: int
    ) -> str:
        """An address to get a sealed part from."""
        path = f"/files/{file}/parts/{number}/direct"
        return _told(await self._json("GET", session, path, token), "url", str)

    async def put_part(
        self, session: SessionId, token: MemberToken, file: FileId, number: int, part: memoryview
    ) -> None:
        url = self._url(session, f"/files/{file}/parts/{number}")
        bearer, kind = _bearer(token), "application/octet-stream"
        if self._bulk is None:
            await self._send("PUT", url, bearer, bytes(part), kind)
        else:
            headers = {**bearer, "Content-Type": kind}
            await self._patiently(partial(self._bulk.put, url, headers, part))

    async def part(
        self, session: SessionId, token: MemberToken, file: FileId, number: int, into: memoryview
    ) -> int:
        """How many bytes of the part are now in `into`; what does not fit is left out."""
        url = self._url(session, f"/files/{file}/parts/{number}")
        bulk, size = self._bulk, 0
        if bulk is None:
            part = (await self._send("GET", url, _bearer(token))).content[: len(into)]
            into[: len(part)] = part
            return len(part)

        async def ask() -> httpx.Response:
            nonlocal size
            answer, size = await bulk.get(url, _bearer(token), into)
            return answer

        await self._patiently(ask)
        return size

    async def delete_file(self, session: SessionId, token: MemberToken, file: FileId) -> None:
        await self._request("DELETE", session, f"/files/{file}", token)

    async def ice_servers(self, session: SessionId, token: MemberToken) -> list[dict[str, Any]]:
        answer = await self._json("GET", session, "/ice", token)
        servers: list[dict[str, Any]] = _told(answer, "iceServers", list)
        return servers

    # One request ---------------------------------------------------------------------------

    def follow_url(self, session: SessionId, after: int) -> str:
        return "ws" + self._url(session, f"/follow?after={after}").removeprefix("http")

    def _url(self, session: SessionId, path: str) -> str:
        return f"{self.origin}/api/telemedicine/sessions/{session}{path}"

    def _account(self, account: Account) -> dict[str, str]:
        if isinstance(account, ApiToken):
            return {"Authorization": f"Bearer {account.text}"}
        origin = urlsplit(self.origin)
        return {
            "Cookie": f"{account.name}={account.value}",
            "Origin": f"{origin.scheme}://{origin.netloc}",
        }

    async def _json(
        self,
        method: str,
        session: SessionId,
        path: str,
        token: Bearer,
        body: Mapping[str, Any] | None = None,
        patience_more: float = 0,
    ) -> Any:
        answer = await self._request(method, session, path, token, body, patience_more)
        try:
            return msgspec.json.decode(answer.content)
        except _NOT_JSON as error:
            raise ServerContradicts(_ODD) from error

    async def _request(
        self,
        method: str,
        session: SessionId,
        path: str,
        token: Bearer,
        body: Mapping[str, Any] | None = None,
        patience_more: float = 0,
    ) -> httpx.Response:
        content = None if body is None else _json(body)
        kind = None if body is None else "application/json"
        url = self._url(session, path)
        return await self._send(method, url, _bearer(token), content, kind, patience_more)

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None = None,
        kind: str | None = None,
        patience_more: float = 0,
    ) -> httpx.Response:
        """As `_patiently`."""
        sent = {**headers, **({} if kind is None else {"Content-Type": kind})}

        async def ask() -> httpx.Response:
            asked = self._client.build_request(
                method, url, headers=sent, content=content, timeout=SILENCE + patience_more
            )
            return await _answer(self._client, asked)

        return await self._patiently(ask)

    async def _patiently(self, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """The answer, after as many tries as patience lasts; within 10 s a warning in the log says
        that it takes long. Raises `ServerUnreachable`."""
        loop = asyncio.get_running_loop()
        deadline, pause, told = loop.time() + self._patience, 0.1, False
        while True:
            try:
                answer = await ask()
                refused = None if answer.is_success else _refusal(answer)
            except (httpx.TransportError, *UNANSWERED) as error:
                refused = None
                if loop.time() + pause > deadline:
                    raise ServerUnreachable(f"{self.origin} does not answer.") from error
            else:
                if refused is None:
                    return answer
                if refused.status != 429 and refused.status not in NOBODYS:
                    raise refused
                pause = max(pause, refused.retry_after or 0)
                if loop.time() + pause > deadline:
                    raise refused
            if not told:
                told = True
                log.warning("%s does not answer; still trying.", self.origin)
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - only spreads
            pause = min(pause * 2, 5.0)


async def _answer(client: httpx.AsyncClient, asked: httpx.Request) -> httpx.Response:
    """The whole answer. Raises `ServerContradicts` for one without end, `httpx.TransportError`."""
    answer = await client.send(asked, stream=True)
    try:
        chunks: list[bytes] = []
        size, began = 0, time.monotonic()
        async for chunk in answer.aiter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > MOST_ANSWER:
                raise ServerContradicts("The server's answer is larger than anything it may send.")
            if time.monotonic() - began > SILENCE + size / SLOWEST:
                raise httpx.ReadTimeout("The answer comes too slowly.", request=asked)
    except httpx.DecodingError as error:
        raise ServerContradicts(_ODD) from error
    finally:
        await answer.aclose()
    kept = [each for each in answer.headers.multi_items() if each[0] not in OF_THE_WIRE]
    body = b"".join(chunks)  # copied once
    return httpx.Response(answer.status_code, headers=kept, content=body, request=asked)


_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ODD = "The server's answer is not what the protocol says."


def read_entry(row: Mapping[str, Any]) -> Entry:
    """An entry as the server tells it, in answers and in frames. Raises `Malformed`."""
    try:
        return Entry(*_row(row), base64url.decode(row["body"]), int(row["at"]))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise Malformed("not an entry of the log") from error


def _digested(row: Mapping[str, Any]) -> Digested:
    try:
        return Digested(*_row(row), base64url.decode(row["digest"], 64))
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed("not an entry of the log") from error


def _row(row: Mapping[str, Any]) -> tuple[int, Kind, int, EntryId]:
    seq, parent = row["seq"], row["parent"]
    if not isinstance(seq, int) or not isinstance(parent, int) or not 0 <= parent < seq < 1 << 53:
        raise Malformed("not an entry of the log")
    return seq, _KINDS[row["kind"]], parent, EntryId.parse(row["id"])


def _described(size: int, digest: bytes) -> dict[str, Any]:
    """A sealed part, by its bytes and its SHA-256."""
    return {"size": size, "sha256": base64url.encode(digest)}


def _where(place: int | None, after: int | None) -> dict[str, int]:
    named = {"seq": place, "after": after}
    return {name: value for name, value in named.items() if value is not None}


def _door(upload: DoorUpload) -> dict[str, Any]:
    boxes = [
        {"invite": str(each.invite), "box": base64url.encode(each.box)} for each in upload.key_boxes
    ]
    return {"door": base64url.encode(upload.door), "keyBoxes": boxes}


def _hash(token: bytes) -> str:
    return base64url.encode(hashlib.sha256(token).digest())


def _bearer(token: Bearer) -> dict[str, str]:
    return {"Authorization": f"Bearer {base64url.encode(token)}"}


def _json(body: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(body)


def _told(answer: Any, name: str, kind: type[T]) -> T:
    """A member of an answer. Raises `ServerContradicts`."""
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ServerContradicts(_ODD)
    return value


def _optional(answer: Any, name: str) -> bytes | None:
    if isinstance(answer, dict) and answer.get(name, "") is None:
        return None
    return base64url.decode(_told(answer, name, str))


def _refusal(answer: httpx.Response) -> ServerRefused:
    limit: str | None = None
    problem, detail = UNKNOWN, f"The server answered {answer.status_code}."
    with suppress(*_NOT_JSON, KeyError, TypeError, AttributeError):
        document = msgspec.json.decode(answer.content)
        kind = str(document["type"])
        if kind.startswith(_PROBLEM):
            problem = kind.removeprefix(_PROBLEM)
            detail, limit = str(document.get("detail", "")), document.get("limit")
    after = answer.headers.get("retry-after", "")
    return _REFUSALS.get(problem, ServerRefused)(
        problem,
        answer.status_code,
        detail,
        limit=limit,
        retry_after=float(after) if after.isascii() and after.isdigit() else None,
    )
