"""Events as JSON objects, and as lines for people."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from careseal.client import Event, Session
    from careseal.e2ee.epoch import Member


def say(as_json: bool, told: dict[str, Any], text: str) -> None:
    """One line on stdout."""
    line = msgspec.json.encode(told).decode() if as_json else text
    print(line, flush=True)


def hint(text: str) -> None:
    """Something for the person at the terminal, never for a program."""
    print(text, file=sys.stderr, flush=True)


def who(member: Member) -> dict[str, Any]:
    return {
        "member": str(member.id),
        "name": member.identity.name,
        "device": member.identity.device,
        "role": member.role.value,
        "invite": str(member.invite),
    }


def named(member: Member) -> str:
    """Role first, for names are claims."""
    mark = "host" if member.role == "host" else "guest"
    return f"{member.identity.name or 'somebody'} ({mark})"


def tell(event: Event, session: Session, as_json: bool) -> None:
    """Prints an event; those that nobody asked for only as JSON."""
    told, text = _told(event)
    if told and (as_json or text):
        say(as_json, {"session": str(session.id), **told}, text)


def _told(event: Event) -> tuple[dict[str, Any], str]:  # noqa: PLR0912 - one case an event
    from careseal import client
    from careseal.e2ee.payload import Call, End, File, Leave, Note, Text

    told: dict[str, Any]
    match event:
        case client.MessageReceived(payload=payload):
            base: dict[str, Any] = {
                "seq": event.seq,
                "time": event.time,
                "from": who(event.sender),
                "own": event.own,
            }
            front = f"{_clock(event.time)} {named(event.sender)}"
            match payload:
                case Text():
                    told = {"event": "text", "message": str(payload.message), "text": payload.text}
                    return base | told, f"{front}: {_printable(payload.text)}"
                case Note():
                    told = {"event": "note", "message": str(payload.message), "text": payload.text}
                    return base | told, f"{front} notes: {_printable(payload.text)}"
                case File():
                    told = {
                        "event": "file",
                        "message": str(payload.message),
                        "name": payload.name,
                        "mime": payload.mime,
                        "size": payload.size,
                    }
                    name = _printable(payload.name)
                    return base | told, f"{front} sent the file {name} ({size(payload.size)})"
                case Call():
                    told = {"event": "call", "call": str(payload.call), "what": payload.event}
                    return base | told, f"{front}: call {payload.event}"
                case Leave():
                    return base | {"event": "leave"}, f"{front} has left"
                case End():
                    return base | {"event": "end"}, f"{front} ended the session"
            return base | {"event": payload.type}, ""
        case client.GroupChanged():
            told = {
                "event": "members",
                "seq": event.seq,
                "joined": None if event.joined is None else who(event.joined),
                "resync": event.resync,
                "removed": [who(each) for each in event.removed],
            }
            lines = [f"— {named(each)} was removed" for each in event.removed]
            if event.joined is not None:
                how = "is back" if event.resync else "joined"
                device = _printable(event.joined.identity.device)
                lines.append(f"— {named(event.joined)} {how}, on {device or 'a device'}")
            return told, "\n".join(lines)
        case client.CommitVoid():
            sender = None if event.sender is None else who(event.sender)
            told = {"event": "void", "seq": event.seq, "cause": event.cause, "from": sender}
            by = "somebody" if event.sender is None else named(event.sender)
            return told, f"! A change that {by} may not make was refused ({event.cause})"
        case client.Forked():
            return {"event": "fork", "seq": event.seq}, (
                "! ALARM: the server shows different logs to different people. "
                "Nothing is sent any more. Ring the others."
            )
        case client.WrongParent():
            return {"event": "wrong-parent", "seq": event.seq}, (
                "! ALARM: the server let an entry in that it should have refused."
            )
        case client.MessageRefused():
            told = {"event": "refused", "seq": event.seq, "from": who(event.sender)}
            return told, f"! A message of {named(event.sender)} was refused"
        case client.MessageUnsupported():
            told = {"event": "unsupported", "seq": event.seq, "type": event.type}
            return told, f"? {named(event.sender)} sent something this version does not know"
        case client.MessageUnreadable():
            told = {"event": "unreadable", "seq": event.seq, "cause": event.cause}
            text = "! A message was changed on its way" if event.cause == "tampered" else ""
            return told, text
        case client.SelfRemoved():
            return {"event": "removed", "seq": event.seq}, "— You were removed"
        case client.HistoryReceived():
            return {"event": "history", "since": event.since}, "— Earlier messages can be read now"
        case client.LinkOpened():
            return {"event": "link-opened", "invite": str(event.invite)}, "— A link was opened"
        case client.Connected():
            return {"event": "connected"}, ""
        case client.Disconnected():
            return {"event": "disconnected", "retryIn": round(event.retry_in, 1)}, (
                "— The line is down; trying again"
            )
        case client.Present():
            return {"event": "present", "members": sorted(map(str, event.members))}, ""
        case client.Over():
            return {"event": "over"}, "— The session is over"
    return {}, ""


def size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def _clock(milliseconds: int) -> str:
    return time.strftime("%H:%M", time.localtime(milliseconds / 1000))


def _printable(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)
