"""``waiting``, ``admit``, ``refuse``, ``late``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .exits import Exit, fail, run
from .options import AsJson, StoreFolder, Which, opened
from .telling import say

if TYPE_CHECKING:
    from careseal.client import Knocking, Session
    from careseal.e2ee.epoch import Member

Who = Annotated[
    str | None, typer.Argument(help="Name, label, or beginning of the id that `waiting` shows.")
]


def waiting(which: Which = None, store: StoreFolder = None, as_json: AsJson = False) -> None:
    """Show who waits to be admitted, and who asks to come in. Hosts only."""

    async def work() -> None:
        async with opened(store, which) as session:
            for each in await _all(session):
                kind, id_, name, label = _shown(each, session)
                told = {"session": str(session.id), "is": kind, "id": id_}
                text = f"{kind:5}  {id_[:8]}  {name or '-'}  {label or '-'}"
                say(as_json, {**told, "name": name, "label": label}, text)

    run(work())


def admit(
    who: Who = None,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody who waits or asks.")] = False,
    which: Which = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Let in somebody who waits, or asks to come in. Hosts only."""

    async def work() -> None:
        async with opened(store, which) as session:
            for each in await _all(session) if everybody else [await _one(session, who)]:
                kind, id_, name, label = _shown(each, session)
                await session.admit(each if kind == "asks" else each.id)  # type: ignore[arg-type]
                told = {"session": str(session.id), "admitted": id_}
                say(as_json, told, f"Admitted {name or label or id_}.")

    run(work())


def refuse(
    who: Who = None, which: Which = None, store: StoreFolder = None, as_json: AsJson = False
) -> None:
    """Turn away somebody who asks to come in, kindly. Hosts only."""

    async def work() -> None:
        from careseal.client import Knocking

        async with opened(store, which) as session:
            found = await _one(session, who)
            if not isinstance(found, Knocking):
                raise fail("Who is in already is removed: see `careseal remove`.", Exit.USAGE)
            await session.refuse(found)
            told = {"session": str(session.id), "refused": str(found.id)}
            say(as_json, told, f"{found.name or found.rule.label or found.id} was told.")

    run(work())


def late(
    minutes: Annotated[int, typer.Argument(min=1, max=240, help="About how many.")],
    which: Which = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Tell all who wait that you are late. Hosts only."""

    async def work() -> None:
        async with opened(store, which) as session:
            await session.catch_up()
            seq = await session.run_late(minutes)
            told = {"session": str(session.id), "late": minutes, "seq": seq}
            say(as_json, told, f"Told: about {minutes} minutes late.")

    run(work())


async def _all(session: Session) -> list[Member | Knocking]:
    await session.catch_up()
    return [*session.waiting, *await session.knocks()]


async def _one(session: Session, who: str | None) -> Member | Knocking:
    everybody = await _all(session)
    fitting = [
        each
        for each in everybody
        if who is None or who in _shown(each, session)[2:] or str(each.id).startswith(who)
    ]
    if len(fitting) != 1:
        how = "Nobody who waits fits" if not fitting else "More than one who waits fits"
        raise fail(f"{how}; see `careseal waiting`.", Exit.USAGE)
    return fitting[0]


def _shown(each: Member | Knocking, session: Session) -> tuple[str, str, str, str]:
    """Kind, id, name and label."""
    from careseal.client import Knocking

    if isinstance(each, Knocking):
        return "asks", str(each.id), each.name, each.rule.label
    rule = session.policy.find(each.invite)
    return "waits", str(each.id), each.identity.name, rule.label if rule else ""
