"""Chat entries in, and the log out (docs/protocol.md §8)."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from careseal.server import authority, base64url, wire
from careseal.server.authority import Writer
from careseal.server.problems import Problem, forbidden, malformed, too_large
from careseal.server.relay import Relay, relay_of
from careseal.server.requests import answer, query_number, query_of, read_json
from careseal.server.routing import Routes
from careseal.server.sizes import chat_size
from careseal.server.store import log, members
from careseal.server.store.members import Bearer

routes = Routes("/api/telemedicine")
MOST_SEQ = 2**53 - 1


@routes.post("/sessions/{session}/chat")
async def append(request: Request, session: str) -> Response:
    relay = relay_of(request)
    asking = await authority.writer(request, session)
    try:
        appended = await _append(request, relay, asking)
    except Problem:  # a revoked token is told that, whatever else is wrong
        await authority.look_again(request, session)
        raise
    entry = appended.entry
    return answer({"seq": entry.seq, "at": entry.at}, 201 if appended.new else 200)


async def _append(request: Request, relay: Relay, asking: Writer) -> log.Appended:
    query_of(request)
    limits, session_id = relay.settings.limits, asking.session_id
    await relay.limiter.take("entriesPerSecond", (session_id, asking.member_id))
    sent = await read_json(request, wire.AppendChat, chat_size(limits))
    if len(sent.encrypted_message) > limits.encrypted_message:
        raise too_large("encryptedMessage", limits.encrypted_message)

    def pass_on(appended: log.Appended) -> None:
        if appended.new:
            relay.fanout.publish(session_id, appended.entry)

    asked = log.AskedChat(session_id, asking.token_hash, sent, limits, relay.now())
    rows = relay.rows_of(session_id)
    return await rows.write_together(log.append_chats, asked, then=pass_on)


@routes.get("/sessions/{session}/chat")
async def read(request: Request, session: str) -> Response:
    relay = relay_of(request)
    asking = await authority.bearer(request, session)
    query = query_of(request, "after", "limit", "wait", "form")
    after = query_number(query, "after", 0, 0, MOST_SEQ)
    limit = query_number(query, "limit", 200, 1, 1000)
    wait = query_number(query, "wait", 0, 0, relay.settings.longest_wait)
    if query.get("form", "digest") != "digest":
        raise malformed("form can be digest only.")
    digests = "form" in query
    if asking.member_id is None and not digests:
        raise forbidden("An invite's holder may read digests only.")
    page = await _page(relay, asking, after, limit, digests, wait)
    entries = [_shown(entry, digests) for entry in page.entries]
    return answer({"entries": entries, "head": page.head, "lastCommit": page.last_commit})


async def _page(
    relay: Relay, asking: Bearer, after: int, limit: int, digests: bool, wait: int
) -> log.Page:
    session_id = asking.session.id

    def read(connection: Connection) -> log.Page:
        members.bearer(connection, session_id, asking.token_hash, relay.now())
        return log.page(connection, session_id, after=after, limit=limit, digests=digests)

    rows = relay.rows_of(session_id)
    if wait == 0:
        return await rows.read(read)
    with relay.fanout.waiting(session_id) as landed:
        page = await rows.read(read)
        if page.entries or page.ended:
            return page
        await asyncio.wait([landed], timeout=wait)
    return await rows.read(read)


def _shown(entry: log.Entry, digests: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"seq": entry.seq, "kind": log.KINDS[entry.kind]}
    shown |= {"parent": entry.parent, "id": base64url.encode(entry.id)}
    name, octets = ("digest", entry.digest) if digests else ("body", entry.body)
    shown[name] = base64url.encode(octets)
    return shown | {"at": entry.at}
