"""``members``, ``invite``, ``remove``, ``code``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import Exit, fail, run
from .options import AsJson, Knock, StoreFolder, Which, Yes, opened, secret_text
from .showing import print_qr
from .telling import hint, named, one_line, say, when, who

if TYPE_CHECKING:
    from careseal.client import Participant, Session


def members(which: Which = None, store: StoreFolder = None, as_json: AsJson = False) -> None:
    """Show who is in, by which link, on which devices."""

    async def work() -> None:
        async with opened(store, which) as session:
            await session.catch_up()
            if session.starts is not None and not as_json:
                hint(f"The visit starts on {when(session.starts)}.")
            for participant in session.participants:
                rule = participant.invite
                told = {
                    "session": str(session.id),
                    "invite": str(rule.id),
                    "role": rule.role.value,
                    "label": rule.label,
                    "open": rule.open,
                    "devices": [who(each) for each in participant.devices],
                }
                say(as_json, told, _line(participant, session))

    run(work())


def invite(
    label: Annotated[str, typer.Option(help="Whom the link is for; sealed.")] = "",
    host: Annotated[bool, typer.Option("--host", help="The link makes hosts.")] = False,
    devices: Annotated[int, typer.Option(min=1, max=16, help="Devices at once.")] = 4,
    history: Annotated[
        bool, typer.Option("--history", help="What came before may be read without asking.")
    ] = False,
    passcode: Annotated[
        bool, typer.Option("--passcode", help="Ask for a passcode that the link needs too.")
    ] = False,
    passcode_file: Annotated[Path | None, typer.Option(help="Reads it from a file.")] = None,
    knock: Knock = False,
    qr: Annotated[bool, typer.Option(help="Show the link as a QR code too.")] = True,
    which: Which = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make a new link, and print it with its QR code. Hosts only."""
    code = None
    if passcode or passcode_file:
        code = secret_text(None, passcode_file, "Passcode", "CARESEAL_PASSCODE")

    async def work() -> None:
        from careseal.client import InviteOptions, Role

        role = Role.HOST if host else Role.GUEST
        async with opened(store, which) as session:
            link = await session.invite(InviteOptions(label, role, devices, history, code, knock))
            text = link.reveal()
            say(as_json, {"session": str(session.id), "link": text}, text)
            if not as_json:
                print_qr(text, qr)

    run(work())


def remove(
    participant: Annotated[
        str, typer.Argument(help="Name, label, or beginning of the invite's or member's id.")
    ],
    device: Annotated[
        bool, typer.Option("--device", help="This device only; its link stays open.")
    ] = False,
    yes: Yes = False,
    which: Which = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Remove a participant with all devices, and close the link. Hosts only."""

    async def work() -> None:
        async with opened(store, which) as session:
            await session.catch_up()
            found = _find(session, participant)
            names = ", ".join(named(each) for each in found.devices) or found.invite.label
            if not yes and not typer.confirm(f"Remove {names}?", err=True):
                raise SystemExit(Exit.FAILED)
            if device:
                fitting = [m for m in found.devices if str(m.id).startswith(participant)]
                for each in fitting or found.devices:
                    await session.remove_device(each.id)
            else:
                await session.remove(found.invite.id)
            told = {"session": str(session.id), "removed": str(found.invite.id)}
            say(as_json, told, f"Removed {names}.")

    run(work())


def code(
    which: Which = None,
    qr: Annotated[bool, typer.Option(help="Show it as a QR code too.")] = False,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show the security code: the same for all who are in, if nobody is in between."""

    async def work() -> None:
        async with opened(store, which) as session:
            await session.catch_up()
            found = session.security_code
            told = {
                "session": str(session.id),
                "code": list(found.groups),
                "qr": found.qr(session.id),
                "epoch": session.epoch,
            }
            say(as_json, told, str(found))
            if not as_json:
                print_qr(found.qr(session.id), qr)
                hint(
                    "Read it to each other by voice, at the same moment: it changes when somebody"
                    " comes or goes, when a call starts, and after a day."
                )

    run(work())


def _line(participant: Participant, session: Session) -> str:
    rule = participant.invite
    state = "open" if rule.open else "closed"
    front = f"{rule.role.value:5}  {str(rule.id)[:8]}  {state:6}  {rule.label or '-'}"
    mine = session.me.id
    devices = [
        f"       {one_line(f'{each.identity.name} on {each.identity.device}')}"
        f"{' (you)' * (each.id == mine)}"
        for each in participant.devices
    ]
    return "\n".join([front, *devices])


def _find(session: Session, text: str) -> Participant:
    fitting = [
        each
        for each in session.participants
        if text in (each.invite.label, *(member.identity.name for member in each.devices))
        or str(each.invite.id).startswith(text)
        or any(str(member.id).startswith(text) for member in each.devices)
    ]
    if len(fitting) != 1:
        how = "Nobody fits" if not fitting else "More than one fits"
        raise fail(f"{how} “{text}”; see `careseal members`.", Exit.USAGE)
    return fitting[0]
