"""``new``, ``join``, ``sessions``, ``leave``, ``end``."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .exits import Exit, fail, run
from .options import (
    AsJson,
    Knock,
    Name,
    StoreFolder,
    Which,
    Yes,
    moment,
    open_store,
    opened,
    secret_text,
)
from .showing import print_qr
from .telling import hint, say, starting, when

if TYPE_CHECKING:
    from careseal.client import Store
    from careseal.client.account import Account
    from careseal.e2ee.secret import IdentityKey

_NO_HOST = "Waiting for a host to come online…"
_ASKED = "You asked to come in. Waiting for a host to let you in…"
Server = Annotated[
    str, typer.Option(envvar="CARESEAL_SERVER", help="Where the server is, as https://HOST.")
]
PasscodeFile = Annotated[
    Path | None,
    typer.Option(help="Reads the passcode from a file; else CARESEAL_PASSCODE, or it is asked."),
]


def new(
    server: Server = "http://localhost:8000",
    title: Annotated[str, typer.Option(help="Sealed title of the session.")] = "",
    name: Name = None,
    label: Annotated[str, typer.Option(help="Whom the link is for.")] = "",
    knock: Knock = False,
    starts: Annotated[
        str | None,
        typer.Option(
            help="Time agreed for the visit, as 2026-11-27T14:30; whoever opens the link sees it."
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with an API token or a sign-in link, - is stdin; else CARESEAL_TOKEN, "
            "or what an earlier sign-in left, or it is asked for."
        ),
    ] = None,
    qr: Annotated[bool, typer.Option(help="Show the link as a QR code too.")] = True,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make a session and print the link for a patient."""
    at = moment(starts)

    async def work() -> None:
        from careseal.client import InviteOptions, Session

        with open_store(store) as kept:
            account = await _account(kept, server, token_file)
            session, links = await Session.create(
                kept,
                server,
                account,
                name=name or getpass.getuser(),
                title=title,
                starts=at,
                identity_key=_identity_key(kept),
                invites=[InviteOptions(label, knock=knock)],
            )
            kept.put(None, "last", bytes(session.id))
            await session.close()
            link = links[0].reveal()
            told = {"session": str(session.id), "link": link, **starting(session.starts)}
            say(as_json, told, link)
            if not as_json:
                if session.starts is not None:
                    hint(f"The visit starts on {when(session.starts)}.")
                hint("Send this link to the patient. Whoever has it can join.")
                print_qr(link, qr)

    run(work())


def join(
    link: Annotated[
        str | None,
        typer.Argument(
            help="Better not here, where others see it: leave it out to be asked, or use "
            "CARESEAL_LINK, --link-file, or - for stdin.",
            show_default=False,
        ),
    ] = None,
    name: Name = None,
    link_file: Annotated[
        Path | None, typer.Option(help="Reads the link from a file; - is stdin.")
    ] = None,
    passcode_file: PasscodeFile = None,
    wait: Annotated[
        float | None,
        typer.Option(
            help="Seconds to wait for a host: to mend the door (60 unless said), or to let you "
            "in where the link asks for that (an hour)."
        ),
    ] = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Join a session by its link."""

    async def work() -> None:
        from careseal.client import Link, Session

        parsed = Link.parse(secret_text(link, link_file, "Link", "CARESEAL_LINK"))
        passcode = None
        if parsed.needs_passcode:
            passcode = secret_text(None, passcode_file, "Passcode", "CARESEAL_PASSCODE")
        with open_store(store) as kept:
            async with await Session.join(
                kept,
                parsed,
                name=name or getpass.getuser(),
                passcode=passcode,
                patience=wait if wait is not None else 3600 if parsed.knocks else 60,
                waiting=lambda: hint(_ASKED if parsed.knocks else _NO_HOST),
            ) as session:
                kept.put(None, "last", bytes(session.id))
                hosts = [m.identity.name for m in session.members if m.role == "host"]
                told: dict[str, Any] = {
                    "session": str(session.id),
                    "title": session.title,
                    **starting(session.starts),
                    "hosts": hosts,
                    "member": str(session.me.id),
                    "code": list(session.security_code.groups),
                }
                text = f"You are in “{session.title or session.id}” with {', '.join(hosts)}."
                if session.starts is not None:
                    text += f" It starts on {when(session.starts)}."
                say(as_json, told, text)

    run(work())


def sessions(store: StoreFolder = None, as_json: AsJson = False) -> None:
    """List the sessions of this device."""
    from careseal.client.keeper import Keeper
    from careseal.client.profile import Profile
    from careseal.e2ee.policy import Settings

    async def work() -> None:
        with open_store(store) as kept:
            for session in kept.sessions():
                if kept.version(session, "founding"):
                    continue
                state = Keeper(kept, session).state
                origin = Profile.decode(kept.get(session, "profile")).origin
                settings = Settings() if state.epoch is None else state.epoch.policy.settings
                told = {
                    "session": str(session),
                    "title": settings.title,
                    **starting(settings.starts),
                    "server": origin,
                    "phase": state.phase.value,
                }
                line = f"{session}  {settings.title or '(no title)'}  {origin}  {state.phase}"
                if settings.starts is not None:
                    line += f"  {when(settings.starts)}"
                say(as_json, told, line)

    run(work())


def leave(
    which: Which = None, yes: Yes = False, store: StoreFolder = None, as_json: AsJson = False
) -> None:
    """Leave a session and delete everything of it from this device."""

    async def work() -> None:
        async with opened(store, which) as session:
            _ask(yes, "Leave, and delete everything of this session from this device?")
            await session.catch_up()
            await session.leave()
            say(as_json, {"session": str(session.id), "left": True}, "You have left.")

    run(work())


def end(
    which: Which = None, yes: Yes = False, store: StoreFolder = None, as_json: AsJson = False
) -> None:
    """End a session for everybody; it can only be read then. Hosts only."""

    async def work() -> None:
        async with opened(store, which) as session:
            _ask(yes, "End the session for everybody?")
            await session.catch_up()
            await session.end()
            say(as_json, {"session": str(session.id), "ended": True}, "The session has ended.")

    run(work())


def _ask(yes: bool, question: str) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise SystemExit(Exit.FAILED)


def _identity_key(store: Store) -> IdentityKey:
    """The key by which a clinician is known over many sessions, made once."""
    from careseal.e2ee.secret import IdentityKey

    with store.transaction():
        kept = store.get(None, "identity-key")
        if kept is None:
            kept = os.urandom(32)
            store.put(None, "identity-key", kept)
    return IdentityKey(kept)


async def _account(store: Store, server: str, token_file: Path | None) -> Account:
    """An API token, or a cookie for a sign-in link; a cookie is kept for the next time."""
    from careseal.client import ApiToken, Cookie
    from careseal.client.account import sign_in_code
    from careseal.client.transport import Transport

    kept = store.get(None, f"account/{server}")
    if token_file is None and "CARESEAL_TOKEN" not in os.environ and kept is not None:
        name, _, value = kept.decode().partition("=")
        return Cookie(name, value)
    question = "API token, or sign-in link"
    text = secret_text(None, token_file, question, "CARESEAL_TOKEN")
    if not text:
        raise fail("An API token or a sign-in link is needed to make a session.", Exit.NOT_ALLOWED)
    if "/sign-in#" not in text:
        return ApiToken(text)
    async with Transport(server) as transport:
        cookie = await transport.sign_in(sign_in_code(text))
    store.put(None, f"account/{server}", f"{cookie.name}={cookie.value}".encode())
    return cookie
