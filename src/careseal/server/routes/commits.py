"""Commits: one transaction with all that follows from them (docs/protocol.md §8)."""

from __future__ import annotations

from functools import partial

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from careseal.server import authority, wire
from careseal.server.fanout import NOT_AUTHORISED
from careseal.server.problems import forbidden, malformed
from careseal.server.relay import Relay, relay_of
from careseal.server.requests import answer, query_of, read_json
from careseal.server.routing import Routes
from careseal.server.settings import Limits
from careseal.server.sizes import (
    check_doorway,
    check_invites,
    check_size,
    doorway_size,
    require_unique,
)
from careseal.server.store import log
from careseal.server.store.members import Bearer

routes = Routes("/api/telemedicine")


@routes.post("/sessions/{session}/commits")
async def append(request: Request, session: str) -> Response:
    relay = relay_of(request)
    asking = await authority.bearer(request, session)
    query_of(request)
    limits = relay.settings.limits
    who = asking.member_id or asking.invite_id
    await relay.limiter.take("entriesPerSecond", (asking.session.id, who))
    sent = await read_json(request, wire.AppendCommit, doorway_size(limits))
    _check(sent, asking, limits)
    appended = await relay.rows_of(asking.session.id).write(
        partial(
            log.append_commit,
            session_id=asking.session.id,
            token_hash=asking.token_hash,
            sent=sent,
            limits=limits,
            now=relay.now(),
        ),
        then=partial(_pass_on, relay, asking.session.id, sent),
    )
    entry = appended.entry
    return answer({"seq": entry.seq, "at": entry.at}, 201 if appended.new else 200)


def _check(sent: wire.AppendCommit, asking: Bearer, limits: Limits) -> None:
    check_size("commit", len(sent.commit), limits)
    check_doorway(sent.door, sent.key_boxes, sent.letters, limits)
    check_invites(sent.open, limits)
    require_unique("invites to close", sent.close)
    check_size("members", len(sent.revoke), limits)
    if (asking.member_id is None) == (sent.member is UNSET):
        raise malformed("A joiner gives member, a member does not.")
    if asking.member_id in sent.revoke:
        raise malformed("A member does not revoke itself in a commit of its own.")
    if set(sent.close) & {invite.id for invite in sent.open}:
        raise malformed("An invite is opened and closed at once.")
    if (sent.letters or sent.open or sent.close or sent.revoke) and not asking.is_host:
        raise forbidden("Only hosts leave letters, open and close invites, and revoke.")


def _pass_on(
    relay: Relay, session_id: bytes, sent: wire.AppendCommit, appended: log.Appended
) -> None:
    if not appended.new:
        return
    if appended.replaced_token and sent.member is not UNSET:
        relay.fanout.close_members(session_id, [sent.member.id], NOT_AUTHORISED)
    relay.cut_off(session_id, list(sent.revoke))
    relay.fanout.publish(session_id, appended.entry)
