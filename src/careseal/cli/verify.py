"""``careseal verify``: does a server serve the web client of this release, and nothing else?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .exits import Exit, fail, run
from .options import AsJson
from .telling import hint, say

if TYPE_CHECKING:
    import httpx

PAGES: Final = ("/", "/sign-in", "/telemedicine/AAAAAAAAAAAAAAAAAAAAAA")
STEERING: Final = ("link", "refresh", "location", "sourcemap", "x-sourcemap")
AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the server serves otherwise than the release."""

    path: str
    what: str  # different, missing, header, version
    text: str


def verify(
    url: Annotated[
        str | None, typer.Argument(help="The server, as https://clinic.example.")
    ] = None,
    listing: Annotated[
        bool,
        typer.Option("--list", help="Print this release's files as sha256sum does, and stop."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the web client that a server serves with the one of this release, byte by byte.

    It shows what the server answers here and now. A server that knows who asks could answer
    somebody else otherwise: run it from where the patients are, and more than once.
    """
    from careseal import __version__, release

    files = release.web_files()
    if not files:
        raise fail("This installation has no web client to compare with; install a release.")
    if listing:
        for name, body in files.items():
            typer.echo(f"{sha256(body).hexdigest()}  {name}")
        return
    if url is None:
        raise typer.BadParameter("Say which server.", param_hint="URL")
    found = run(_compare(url.rstrip("/"), files, __version__))
    for each in found:
        say(as_json, asdict(each), f"{each.what}: {each.path}: {each.text}")
    if found:
        places = "1 place" if len(found) == 1 else f"{len(found)} places"
        raise fail(f"{url} differs from careseal {__version__} in {places}.", Exit.ALARM)
    mark = release.fingerprint(files)
    told = {"version": __version__, "files": len(files), "fingerprint": mark}
    say(as_json, told, f"{url} serves careseal {__version__} exactly: {len(files)} files, {mark}.")


async def _compare(url: str, files: dict[str, bytes], version: str) -> list[Difference]:
    import httpx

    from careseal import release
    from careseal.client.errors import ServerUnreachable

    places = [(page, files[release.PAGE]) for page in PAGES]
    places += [(f"/{name}", body) for name, body in files.items()]
    gate = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(path: str, body: bytes) -> list[Difference]:
        nonlocal done
        async with gate:
            answer = await client.get(path)
        done += 1
        if done % 20 == 0:
            hint(f"{done} of {len(places)}")
        return list(_differences(path, body, answer))

    try:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            found = list(_version(await client.get("/api/server"), version))
            for each in await asyncio.gather(*(one(*place) for place in places)):
                found += each
    except httpx.HTTPError as error:
        raise ServerUnreachable(f"{url} does not answer ({type(error).__name__}).") from None
    return found


def _version(answer: httpx.Response, version: str) -> Iterator[Difference]:
    try:
        served = answer.json()["version"]
    except (ValueError, KeyError, TypeError):
        yield Difference("/api/server", "version", "this is no careseal server")
        return
    if served != version:
        text = f"the server says {served}, this is {version}: compare with the same release"
        yield Difference("/api/server", "version", text)


def _differences(path: str, body: bytes, answer: httpx.Response) -> Iterator[Difference]:
    if answer.status_code != 200:
        yield Difference(path, "missing", f"the server answers {answer.status_code}")
        return
    if answer.content != body:
        yield Difference(path, "different", _where(body, answer.content))
    for name in STEERING:
        if name in answer.headers:
            yield Difference(path, "header", f"{name} says {answer.headers[name]!r}")
    policy = answer.headers.get("content-security-policy", "")
    asked = {each.strip() for each in policy.split(";")}
    for rule in ("default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"):
        if rule not in asked:
            yield Difference(path, "header", f"content-security-policy lacks {rule}")


def _where(ours: bytes, theirs: bytes) -> str:
    """Both hashes, and what stands where the first difference is."""
    shorter = min(len(ours), len(theirs))
    first = next((n for n in range(shorter) if ours[n] != theirs[n]), shorter)
    around = slice(max(0, first - 20), first + 40)
    return (
        f"sha256 {sha256(theirs).hexdigest()} instead of {sha256(ours).hexdigest()}; "
        f"from byte {first} on {theirs[around]!r} instead of {ours[around]!r}"
    )
