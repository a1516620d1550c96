"""Events as JSON objects, and as lines for people."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from careseal.client import Event, MessageReceived, Said, Session
    from careseal.e2ee.epoch import Member


def say(as_json: bool, told: dict[str, Any], text: str) -> None:
    """One line on stdout."""
    line = msgspec.json.encode(told).decode() if as_json else _harmless(text)
    print(line, flush=True)


def hint(text: str) -> None:
    """Something for the person at the terminal, never for a program."""
    print(_harmless(text), file=sys.stderr, flush=True)


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
    return f"{mark} {one_line(member.identity.name) or 'somebody'}"


def starting(starts: int | None) -> dict[str, Any]:
    """The time agreed for the visit, for programs: ms since 1970; nothing when there is none."""
    return {} if starts is None else {"starts": starts}


def when(milliseconds: int) -> str:
    """Day and time on this machine's clock."""
    return time.strftime("%a %Y-%m-%d %H:%M %Z", time.localtime(milliseconds / 1000))


def tell(event: Event, session: Session, as_json: bool) -> None:
    """Prints an event; those that nobody asked for only as JSON."""
    told, text = _told(event)
    if told and (as_json or text):
        say(as_json, {"session": str(session.id), **told}, text)


def _told(event: Event) -> tuple[dict[str, Any], str]:  # noqa: PLR0912 - one case an event
    from careseal import client

    told: dict[str, Any]
    match event:
        case client.MessageReceived():
            return _told_message(event)
        case client.GroupChanged():
            told = {
                "event": "members",
                "seq": event.seq,
                "joined": None if event.joined is None else who(event.joined),
                "resync": event.resync,
                "removed": [who(each) for each in event.removed],
            }
            before, after = (p.settings.starts for p in (event.policy_before, event.policy_after))
            lines = [f"— {named(each)} was removed" for each in event.removed]
            if event.joined is not None:
                how = "is back" if event.resync else "joined"
                device = one_line(event.joined.identity.device)
                lines.append(f"— {named(event.joined)} {how}, on {device or 'a device'}")
            if before != after:
                told["starts"] = after
                lines.append(
                    "— The visit has no fixed time any more"
                    if after is None
                    else f"— The visit starts on {when(after)}"
                )
            return told, "\n".join(lines)
        case client.CommitVoid():
            sender = None if event.sender is None else who(event.sender)
            told = {"event": "void", "seq": event.seq, "cause": event.cause, "from": sender}
            by = "somebody" if event.sender is None else named(event.sender)
            return told, f"! A change that {by} may not make was refused ({event.cause})"
        case client.Forked():
            if event.restored:
                return {"event": "restored", "seq": event.seq}, (
                    "! ALARM: this server was restored to an earlier state, or takes back what it "
                    "had confirmed. Nothing is sent until you carry on, with careseal carry-on: "
                    "that puts back what is missing. Who has seen most should do so first."
                )
            return _fork(event.seq, event.by)
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
        case client.CarriedOn():
            return {"event": "carried-on"}, "— What was missing is back; the session goes on"
        case client.Over():
            return {"event": "over"}, "— The session is over"
    return {}, ""


def _fork(seq: int, by: Member | None) -> tuple[dict[str, Any], str]:
    told = {"event": "fork", "seq": seq, "by": None if by is None else who(by)}
    if by is None:
        return told, (
            "! ALARM: the server shows different logs to different people. "
            "Nothing is sent any more. Ring the others."
        )
    return told, (
        f"! ALARM: {named(by)} was shown another log, or says so. "
        "Nothing is sent until a host has removed them. Ring them."
    )


def _told_message(event: MessageReceived) -> tuple[dict[str, Any], str]:
    from careseal.e2ee.payload import (
        Call,
        Edit,
        End,
        File,
        Leave,
        Note,
        Reaction,
        Text,
        Withdraw,
    )

    told: dict[str, Any]
    payload = event.payload
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
            name = one_line(payload.name)
            return base | told, f"{front} sent the file {name} ({size(payload.size)})"
        case Edit():
            told = {"event": "edit", "message": str(payload.message), "text": payload.text}
            return base | told, f"{front} edited a message: {_printable(payload.text)}"
        case Withdraw():
            told = {"event": "withdraw", "message": str(payload.message)}
            return base | told, f"{front} withdrew a message"
        case Reaction(emoji=emoji):
            told = {
                "event": "reaction",
                "author": str(payload.author),
                "message": str(payload.message),
                "emoji": emoji,
            }
            what = f"reacted {one_line(emoji)}" if emoji else "took a reaction back"
            return base | told, f"{front} {what}"
        case Call():
            told = {"event": "call", "call": str(payload.call), "what": payload.event}
            return base | told, f"{front}: call {payload.event}"
        case Leave():
            return base | {"event": "leave"}, f"{front} has left"
        case End():
            return base | {"event": "end"}, f"{front} ended the session"
    return base | {"event": payload.type}, ""


def tell_said(said: Said, session: Session, as_json: bool) -> None:
    """Prints a message as it stands: edited, withdrawn, reacted to."""
    from careseal.client import MessageReceived
    from careseal.e2ee.identifiers import EntryId

    if said.payload is None:
        told: dict[str, Any] = {
            "seq": said.seq,
            "time": said.time,
            "from": who(said.sender),
            "own": said.own,
            "event": "withdrawn",
            "message": str(said.message),
        }
        text = f"{_clock(said.time)} {named(said.sender)} withdrew this message"
    else:
        first = MessageReceived(
            said.seq, EntryId(bytes(16)), said.sender, said.time, said.payload, said.own
        )
        told, text = _told(first)
    if said.edited:
        told, text = told | {"edited": True}, f"{text} (edited)"
    if said.reactions:
        felt = [{"from": who(each), "emoji": emoji} for each, emoji in said.reactions.items()]
        shown = ", ".join(
            f"{one_line(emoji)} {named(each)}" for each, emoji in said.reactions.items()
        )
        told, text = told | {"reactions": felt}, f"{text} [{shown}]"
    say(as_json, {"session": str(session.id), **told}, text)


def size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def _clock(milliseconds: int) -> str:
    return time.strftime("%H:%M", time.localtime(milliseconds / 1000))


def _harmless(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def _printable(text: str) -> str:
    """Further lines are set in, so that none passes for one of this program's."""
    return _harmless(text).replace("\n", "\n      ")


def one_line(text: str) -> str:
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
