"""``careseal doctor``: whether all that a server needs is there and does what it must."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from careseal.server.doctor import outside, stores
from careseal.server.doctor.finding import Finding, bad
from careseal.server.settings import Settings

PATIENCE: Final = 20.0  # s for each examination
Examine = Callable[[Settings], Awaitable[list[Finding]]]

EXAMINATIONS: Final[dict[str, Examine]] = {
    "secrets": stores.secrets,
    "disk": stores.disk,
    "database": stores.databases,
    "objects": stores.objects,
    "storage": stores.storage,
    "direct": outside.direct,
    "redis": stores.redis,
    "turn": outside.turn,
    "public url": outside.public_url,
}


async def examine(settings: Settings) -> list[Finding]:
    """What was found, in order. No text holds a secret of the settings."""
    found = await asyncio.gather(*(_one(what, settings) for what in EXAMINATIONS))
    hidden = _secrets_of(settings)
    return [finding.without(hidden) for findings in found for finding in findings]


async def _one(what: str, settings: Settings) -> list[Finding]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await EXAMINATIONS[what](settings)
    except TimeoutError:
        return [bad(what, f"no answer within {PATIENCE:.0f} s", "See whether it can be reached.")]
    except Exception as failure:
        why = f"{type(failure).__name__}: {failure}".splitlines()[0]
        return [bad(what, why, "See whether it runs, and whether the option is right.")]


def _secrets_of(settings: Settings) -> list[str]:
    urls = [*settings.database_urls, settings.redis_url or "", settings.objects_url or ""]
    known = [settings.turn_secret, os.environ.get("AWS_SECRET_ACCESS_KEY")]
    known += [urlsplit(url).password for url in urls]
    return [one for one in known if one]
