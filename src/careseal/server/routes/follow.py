"""Following a session by WebSocket (docs/protocol.md §8.1)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection
from starlette.websockets import WebSocket, WebSocketDisconnect

from careseal.server import base64url, wire
from careseal.server.fanout import (
    GOING_AWAY,
    MALFORMED,
    NOT_AUTHORISED,
    OVER,
    TOO_LATE,
    TOO_MANY,
    Close,
    Follower,
    entry_frame,
)
from careseal.server.problems import Problem
from careseal.server.relay import Relay, relay_of
from careseal.server.requests import path_id, path_number
from careseal.server.routing import Routes
from careseal.server.store import log, members
from careseal.server.store.members import Bearer
from careseal.server.tokens import hash_octets

routes = Routes("/api/telemedicine")
CLOSING_TIME = 30  # s that a slow reader has to take what is on its way, then the close frame
PAGE = 200


@routes.websocket("/sessions/{session}/follow")
async def follow(socket: WebSocket, session: str) -> None:
    await socket.accept()
    try:
        close = await _serve(socket, session)
    except WebSocketDisconnect:
        return
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        await asyncio.wait_for(socket.close(close.code, close.reason), CLOSING_TIME)


async def _serve(socket: WebSocket, session: str) -> Close:
    relay = relay_of(socket)
    try:
        session_id, after = path_id(session), _after(socket)
        token_hash = await _authenticate(socket, relay)
    except Problem:
        return MALFORMED
    except TimeoutError:
        return TOO_LATE
    try:
        asking = await relay.rows_of(session_id).read(
            partial(members.bearer, session_id=session_id, token_hash=token_hash, now=relay.now())
        )
    except Problem:
        return NOT_AUTHORISED
    if asking.member_id is None:
        return NOT_AUTHORISED
    settings = relay.settings
    follower = Follower(
        asking.member_id,
        token_hash,
        after,
        settings.queued_frames,
        settings.queued_bytes,
        is_host=asking.is_host,
    )
    if not relay.fanout.enter(session_id, follower, settings.limits.followers):
        return TOO_MANY
    expiry = asyncio.get_running_loop().call_later(
        max(0, asking.session.expires_at - relay.now()) / 1000,
        partial(follower.close, OVER, after_queue=True),
    )
    try:
        return await _converse(socket, relay, asking, follower)
    finally:
        expiry.cancel()
        relay.fanout.leave(session_id, follower)


def _after(socket: WebSocket) -> int:
    items = socket.query_params.multi_items()
    if not items:
        return 0
    if [name for name, _ in items] != ["after"]:
        raise Problem("malformed", "The query may have after, once.")
    return path_number(items[0][1])


async def _authenticate(socket: WebSocket, relay: Relay) -> bytes:
    text = await asyncio.wait_for(_receive(socket), relay.settings.auth_timeout)
    return hash_octets(wire.decode(text, wire.AuthFrame).token)


async def _receive(socket: WebSocket) -> str:
    """The next text frame. Raises ``malformed`` for a binary one."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text: str | None = message.get("text")
    if text is None:
        raise Problem("malformed", "Frames are text.")
    return text


async def _converse(socket: WebSocket, relay: Relay, asking: Bearer, follower: Follower) -> Close:
    """Both directions, until one side closes; how to close."""
    sending = asyncio.create_task(_send(socket, relay, asking, follower))
    hearing = asyncio.create_task(_hear(socket, relay, asking, follower))
    try:
        reasons: list[asyncio.Future[Any]] = [sending, hearing, follower.cut]
        await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sending.cancel()
        hearing.cancel()
        ended = await asyncio.gather(sending, hearing, return_exceptions=True)
    if follower.closing is not None:
        return follower.closing
    for outcome in ended:
        if isinstance(outcome, Close):
            return outcome
        if not isinstance(outcome, asyncio.CancelledError):
            raise outcome
    return GOING_AWAY


async def _hear(socket: WebSocket, relay: Relay, asking: Bearer, follower: Follower) -> Close:
    """Signals and beats of the client; how to close when it breaks the rules."""
    session_id, limits = asking.session.id, relay.settings.limits
    try:
        while True:
            frame = wire.client_frame(await _receive(socket))
            relay.limiter.here.take("signalsPerSecond", (session_id, follower.member_id))
            if isinstance(frame, wire.BeatFrame):
                follower.offer(_beat(follower))
                continue
            if len(frame.signal) > limits.signal or len(frame.to or ()) > limits.members:
                return MALFORMED
            relay.fanout.signal(session_id, follower, frame.to, frame.signal)
    except Problem as refused:
        return TOO_MANY if refused.kind == "too-many" else MALFORMED


async def _send(socket: WebSocket, relay: Relay, asking: Bearer, follower: Follower) -> Close:
    """All entries in order, then live ones with signals and beats; how to close at the end."""
    if (refused := await _catch_up(socket, relay, asking, follower, ready=False)) is not None:
        return refused
    loop = asyncio.get_running_loop()
    next_beat = loop.time() + relay.settings.heartbeat
    while True:
        if follower.behind:
            follower.behind = False
            for frame in follower.take():
                await socket.send_text(frame)
            if (refused := await _catch_up(socket, relay, asking, follower)) is not None:
                return refused
        if not await follower.wait(next_beat - loop.time()):
            await socket.send_text(_beat(follower))
            next_beat = loop.time() + relay.settings.heartbeat
        closing = follower.closing  # before taking: what was queued before it goes out
        for frame in follower.take():
            await socket.send_text(frame)
        if closing is not None:
            return closing


async def _catch_up(
    socket: WebSocket, relay: Relay, asking: Bearer, follower: Follower, *, ready: bool = True
) -> Close | None:
    """Say ready, then send what the store has until live entries join on without a gap."""
    session_id = asking.session.id

    def read(connection: Connection) -> log.Page:
        members.bearer(connection, session_id, asking.token_hash, relay.now())
        return log.page(connection, session_id, after=follower.cursor, limit=PAGE)

    while True:
        try:
            page = await relay.rows_of(session_id).read(read)
        except Problem:
            return follower.closing or NOT_AUTHORISED
        if not ready:
            await socket.send_text(_ready(page, relay.fanout.present(session_id)))
            ready = True
        for entry in page.entries:
            await socket.send_text(entry_frame(entry))
            follower.cursor = entry.seq
        if relay.fanout.go_live(session_id, follower, page.head):
            if page.ended:
                follower.close(OVER, after_queue=True)
            return None
        if follower.closing is not None:
            return follower.closing
        for frame in follower.take():
            await socket.send_text(frame)


def _ready(page: log.Page, present: list[bytes]) -> str:
    frame = {"type": "ready", "head": page.head, "lastCommit": page.last_commit}
    shown = [base64url.encode(member) for member in present]
    return wire.encode(frame | {"members": shown}).decode()


def _beat(follower: Follower) -> str:
    return wire.encode({"type": "beat", "head": follower.cursor}).decode()
