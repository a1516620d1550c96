"""``careseal doctor``."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import typer

from .exits import Exit, fail
from .options import AsJson
from .serve import (
    DEFAULT_DATA,
    Data,
    DatabaseUrl,
    Limits,
    ObjectsDirect,
    ObjectsUrl,
    PublicUrl,
    RedisUrl,
    SecretsFile,
    TurnSecret,
    TurnSecretFile,
    TurnUrls,
    Workers,
    limits_of,
    require_server,
)


def doctor(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    objects_url: ObjectsUrl = None,
    objects_direct: ObjectsDirect = None,
    redis_url: RedisUrl = None,
    workers: Workers = 1,
    secrets_file: SecretsFile = None,
    public_url: PublicUrl = None,
    turn_url: TurnUrls = None,
    turn_secret: TurnSecret = None,
    turn_secret_file: TurnSecretFile = None,
    limit: Limits = None,
    as_json: AsJson = False,
) -> None:
    """Examine what a server needs, and say what to do. Give it the server's own options.

    Exits with 1 when something does not work.
    """
    require_server()
    from careseal.server import doctor as examining
    from careseal.server.settings import Settings

    settings = Settings(
        data=data,
        database_urls=tuple(database_url or ()),
        objects_url=objects_url,
        objects_direct=objects_direct,
        redis_url=redis_url,
        workers=workers,
        secrets_file=secrets_file,
        public_url=public_url,
        turn_urls=tuple(turn_url or ()),
        turn_secret=turn_secret_file.read_text().strip() if turn_secret_file else turn_secret,
        limits=limits_of(limit),
    )
    found = asyncio.run(examining.examine(settings))
    for finding in found:
        if as_json:
            typer.echo(json.dumps(asdict(finding), ensure_ascii=False))
            continue
        typer.echo(f"{finding.state:4}  {finding.what}: {finding.says}")
        if finding.do:
            typer.echo(f"      {finding.do}")
    broken = sum(finding.state == "fail" for finding in found)
    if broken:
        raise fail(f"{broken} of {len(found)} findings need to be mended.", Exit.FAILED)
