"""``careseal serve`` and what else an operator of a server does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import fail, sentence
from .telling import one_line

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

    from careseal.server import settings

Data = Annotated[
    Path,
    typer.Option(
        "--data", envvar="CARESEAL_DATA", help="Folder of the database, objects and secrets."
    ),
]
DEFAULT_DATA = Path("data")
DatabaseUrl = Annotated[
    list[str] | None,
    typer.Option(
        "--database-url",
        envvar="CARESEAL_DATABASE_URLS",
        help="As postgresql://user:password@host/name, instead of the file in DATA; repeated, the "
        "sessions are shared out by their ids, always in the same order.",
    ),
]
SecretsFile = Annotated[
    Path | None,
    typer.Option(
        envvar="CARESEAL_SECRETS_FILE",
        help="The server's own secrets, the same on all machines; else DATA/secrets.json.",
    ),
]
ObjectsUrl = Annotated[
    str | None,
    typer.Option(
        envvar="CARESEAL_OBJECTS_URL",
        help="As s3://bucket/prefix, with keys in AWS_… variables, instead of a folder in DATA.",
    ),
]
ObjectsDirect = Annotated[
    str | None,
    typer.Option(
        envvar="CARESEAL_OBJECTS_DIRECT",
        help="The bucket's address as browsers reach it, as https://s3.example.org/bucket: parts "
        "of files go there and come from there without passing the server. Off without it.",
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        envvar="CARESEAL_REDIS_URL",
        help="As redis://host:port/0: how workers tell each other what happens. Without it "
        "they use PostgreSQL.",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        envvar="CARESEAL_WORKERS", min=1, max=256, help="Processes; more than one: PostgreSQL."
    ),
]
TurnUrls = Annotated[
    list[str] | None,
    typer.Option(
        envvar="CARESEAL_TURN_URLS",
        help="As turn:host:port?transport=udp; may be repeated.",
    ),
]
TurnSecret = Annotated[
    str | None,
    typer.Option(
        envvar="CARESEAL_TURN_SECRET",
        help="coturn's static-auth-secret; else the one in DATA/secrets.json.",
    ),
]
TurnSecretFile = Annotated[
    Path | None,
    typer.Option(
        envvar="CARESEAL_TURN_SECRET_FILE",
        help="A file that holds it.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]
Port = Annotated[
    int, typer.Option(envvar="CARESEAL_PORT", help="Port to listen on; 0 takes a free one.")
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        envvar="CARESEAL_LIMITS",
        help="NAME=NUMBER; may be repeated, with spaces between in the environment. The names "
        "are those of docs/protocol.md §8.3, as GET /api/server lists them.",
    ),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(envvar="CARESEAL_PUBLIC_URL", help="Where browsers reach the server, for links."),
]


def serve(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    objects_url: ObjectsUrl = None,
    objects_direct: ObjectsDirect = None,
    redis_url: RedisUrl = None,
    workers: Workers = 1,
    secrets_file: SecretsFile = None,
    host: Annotated[
        str, typer.Option(envvar="CARESEAL_HOST", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Port = 8000,
    metrics: Annotated[
        str | None,
        typer.Option(
            envvar="CARESEAL_METRICS",
            help="HOST:PORT for Prometheus, as 127.0.0.1:9464; not for the public.",
        ),
    ] = None,
    traces: Annotated[
        str | None,
        typer.Option(
            envvar="CARESEAL_TRACES",
            help="URL of an OpenTelemetry collector, as http://127.0.0.1:4318.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(envvar="CARESEAL_NAME", help="Name of the clinic, shown to patients.")
    ] = "careseal",
    public_url: PublicUrl = None,
    tls: Annotated[
        bool,
        typer.Option(
            envvar="CARESEAL_TLS",
            help="A TLS proxy is always in front: HSTS, and cookies over TLS only.",
        ),
    ] = False,
    trusted_proxies: Annotated[
        str,
        typer.Option(
            envvar="CARESEAL_TRUSTED_PROXIES",
            help="Addresses, with commas, whose X-Forwarded-Proto is believed.",
        ),
    ] = "127.0.0.1",
    stun_url: Annotated[
        list[str] | None,
        typer.Option(envvar="CARESEAL_STUN_URLS", help="As stun:host:port; may be repeated."),
    ] = None,
    turn_url: TurnUrls = None,
    turn_secret: TurnSecret = None,
    turn_secret_file: TurnSecretFile = None,
    session_days: Annotated[
        int,
        typer.Option(
            envvar="CARESEAL_SESSION_DAYS", min=1, help="Days that a session is kept by default."
        ),
    ] = 30,
    sign_in_days: Annotated[
        int,
        typer.Option(envvar="CARESEAL_SIGN_IN_DAYS", min=1, help="Days that a browser stays in."),
    ] = 30,
    heartbeat: Annotated[
        float,
        typer.Option(envvar="CARESEAL_HEARTBEAT", min=0.1, help="Seconds between beats."),
    ] = 20,
    sweep: Annotated[
        float,
        typer.Option(
            envvar="CARESEAL_SWEEP", min=0.1, help="Seconds between looks for what has expired."
        ),
    ] = 60,
    auth_timeout: Annotated[
        float,
        typer.Option(
            envvar="CARESEAL_AUTH_TIMEOUT", min=0.1, help="Seconds for a socket's first frame."
        ),
    ] = 10,
    follower_queue: Annotated[
        int,
        typer.Option(
            envvar="CARESEAL_FOLLOWER_QUEUE",
            min=1,
            help="Bytes queued for one follower before it counts as too slow.",
        ),
    ] = 8 * 1024 * 1024,
    orphan_age: Annotated[
        int,
        typer.Option(
            envvar="CARESEAL_ORPHAN_AGE",
            min=0,
            help="Seconds after which an object that belongs to nothing is removed.",
        ),
    ] = 3600,
    limit: Limits = None,
    sign_in_link_file: Annotated[
        Path | None,
        typer.Option(
            envvar="CARESEAL_SIGN_IN_LINK_FILE",
            help="Write the sign-in link to this file too, with mode 0600.",
        ),
    ] = None,
) -> None:
    """Run a server. Each start prints a link that signs one browser in."""
    require_server()
    from sqlalchemy.exc import DBAPIError

    from careseal.server import process
    from careseal.server.settings import Settings
    from careseal.server.single import InUse
    from careseal.server.store.migration import Elsewhere, Held, TooNew
    from careseal.server.supervisor import CannotWork

    settings = Settings(
        data=data,
        database_urls=tuple(database_url or ()),
        objects_url=objects_url,
        objects_direct=objects_direct,
        redis_url=redis_url,
        workers=workers,
        secrets_file=secrets_file,
        host=host,
        port=port,
        metrics=metrics,
        traces=traces,
        name=name,
        public_url=public_url,
        tls=tls,
        trusted_proxies=trusted_proxies,
        stun_urls=tuple(stun_url or ()),
        turn_urls=tuple(turn_url or ()),
        turn_secret=turn_secret_file.read_text().strip() if turn_secret_file else turn_secret,
        session_lifetime=session_days * 86_400,
        account_lifetime=sign_in_days * 86_400,
        heartbeat=heartbeat,
        sweep_interval=sweep,
        auth_timeout=auth_timeout,
        queued_bytes=follower_queue,
        orphan_age=orphan_age,
        sign_in_link_file=sign_in_link_file,
        limits=limits_of(limit),
    )
    try:
        settings.check()
        process.serve(settings, typer.echo)
    except (InUse, TooNew, Elsewhere, Held, CannotWork, ValueError) as refused:
        typer.echo(str(refused), err=True)
        raise typer.Exit(1) from None
    except DBAPIError as failure:
        raise _unusable(failure) from None
    except OSError as failure:
        typer.echo(f"The server cannot start: {failure}", err=True)
        raise typer.Exit(1) from None


def api_token(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    secrets_file: SecretsFile = None,
) -> None:
    """Print a new token for POST /sessions; the server keeps only its hash."""
    require_server()
    from careseal.server import process
    from careseal.server.settings import Settings

    settings = Settings(
        data=data, database_urls=tuple(database_url or ()), secrets_file=secrets_file
    )
    with places_told():
        typer.echo(asyncio.run(process.make_api_token(settings)))


def sign_in_link(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    secrets_file: SecretsFile = None,
    port: Port = 8000,
    public_url: Annotated[
        str | None,
        typer.Option(
            envvar="CARESEAL_PUBLIC_URL",
            help="Where browsers reach the server; without it http://localhost and the port.",
        ),
    ] = None,
) -> None:
    """Print a new link that signs one browser in, once, within a day."""
    require_server()
    from careseal.server import process
    from careseal.server.settings import Settings

    settings = Settings(
        data=data,
        database_urls=tuple(database_url or ()),
        secrets_file=secrets_file,
        port=port,
        public_url=public_url,
    )
    with places_told():
        typer.echo(asyncio.run(process.make_sign_in_link(settings)))


@contextmanager
def places_told() -> Iterator[None]:
    """Databases, objects and folders that cannot be used become a sentence and an exit code."""
    from obstore.exceptions import BaseError
    from sqlalchemy.exc import DBAPIError

    from careseal.server.problems import Problem
    from careseal.server.single import InUse
    from careseal.server.store.migration import Elsewhere, Held, TooNew

    try:
        yield
    except DBAPIError as failure:
        raise _unusable(failure) from None
    except Problem as failure:
        raise fail(failure.detail) from None
    except BaseError as failure:
        raise fail(f"The objects cannot be used: {type(failure).__name__}.") from None
    except OSError as failure:
        raise fail(sentence(failure)) from None
    except (InUse, TooNew, Elsewhere, Held, ValueError) as refused:
        raise fail(str(refused)) from None


def _unusable(failure: DBAPIError) -> SystemExit:
    lines = str(failure.orig).strip().splitlines()
    why = one_line(lines[0]) if lines else type(failure.orig).__name__
    return fail(f"The database cannot be used: {why}.")


def add_to(app: typer.Typer) -> None:
    """Register the operator's commands."""
    for command in (serve, api_token, sign_in_link):
        app.command()(command)


def require_server() -> None:
    if find_spec("starlette") is None:
        typer.echo("The server is not installed: pip install 'careseal[server]'", err=True)
        raise typer.Exit(1)


def limits_of(pairs: list[str] | None) -> settings.Limits:
    """The defaults, with those changed that ``NAME=NUMBER`` texts name."""
    from careseal.server.settings import limits_with

    numbers = {}
    for pair in pairs or []:
        name, _, number = pair.partition("=")
        if not number.isdecimal():
            raise typer.BadParameter(f"{pair} is not NAME=NUMBER", param_hint="--limit")
        numbers[name] = int(number)
    try:
        return limits_with(numbers)
    except ValueError as refused:
        raise typer.BadParameter(str(refused), param_hint="--limit") from None
