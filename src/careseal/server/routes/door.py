"""The door of a session (docs/protocol.md §3.5 to §3.7)."""

from __future__ import annotations

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from careseal.server import authority, base64url, wire
from careseal.server.problems import Problem, forbidden
from careseal.server.relay import relay_of
from careseal.server.requests import answer, done, path_id, query_of, read_json
from careseal.server.routing import Routes
from careseal.server.sizes import check_doorway, doorway_size
from careseal.server.store import doors, log, members, sessions

routes = Routes("/api/telemedicine")


@routes.get("/sessions/{session}/door")
async def show(request: Request, session: str) -> Response:
    relay = relay_of(request)
    asking = await authority.bearer(request, session)
    session_id = asking.session.id
    if asking.member_id is None:
        query_of(request)
        invite_id = asking.invite_id
    else:
        wanted = query_of(request, "invite").get("invite")
        invite_id = asking.invite_id if wanted is None else path_id(wanted)
    await relay.limiter.take("doorsPerSecond", (session_id, invite_id))

    def read(connection: Connection) -> tuple[sessions.Session, doors.Door]:
        now = members.bearer(connection, session_id, asking.token_hash, relay.now()).session
        return now, doors.read(connection, session_id, invite_id)

    held, door = await relay.rows_of(asking.session.id).read(read)
    by_invite = asking.member_id is None
    if by_invite:
        relay.fanout.opened(session_id, invite_id)
    letter = door.letter if by_invite else None
    return answer(
        {
            "door": base64url.encode(door.door),
            "keyBox": door.key_box and base64url.encode(door.key_box),
            "letter": letter and base64url.encode(letter),
            "head": held.head,
            "lastCommit": held.last_commit,
        }
    )


@routes.put("/sessions/{session}/door")
async def replace(request: Request, session: str) -> Response:
    relay = relay_of(request)
    asking, member_id = await authority.member(request, session)
    query_of(request)
    limits = relay.settings.limits
    session_id = asking.session.id
    await relay.limiter.take("entriesPerSecond", (session_id, member_id))
    sent = await read_json(request, wire.PutDoor, doorway_size(limits))
    check_doorway(sent.door, sent.key_boxes, sent.letters, limits)

    def change(connection: Connection) -> None:
        now = relay.now()
        bearer = members.bearer(connection, session_id, asking.token_hash, now, hold=True)
        if sent.letters and not bearer.is_host:
            raise forbidden("Only hosts leave letters.")
        held = bearer.session
        if held.ended:
            raise Problem("session-ended", "The session has ended; it can only be read.")
        log.require_parent(held, sent.parent)
        doors.replace(connection, session_id, sent.door, sent.key_boxes)
        doors.keep_letters(connection, session_id, sent.letters)

    await relay.rows_of(asking.session.id).write(change)
    return done()
