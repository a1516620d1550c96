"""Secrets, disk, databases, objects, how full they are, Redis."""

from __future__ import annotations

import asyncio
import secrets as random
import shutil
import time
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Executable, insert, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from careseal.server.blobs import Unlisted, folder_at, open_blobs
from careseal.server.doctor.finding import Finding, bad, clock, doubtful, good
from careseal.server.settings import GIB, MIB, Limits, Settings
from careseal.server.store import marks, migration, sessions
from careseal.server.store.engines import open_engines
from careseal.server.store.schema import pulse

LOCAL: Final = (None, "", "localhost", "127.0.0.1", "::1")
FIRST_START: Final = "The first start makes it."


async def secrets(settings: Settings) -> list[Finding]:
    path = settings.secrets_path
    if not path.exists():
        return [doubtful("secrets", f"{path} is not there yet", FIRST_START)]
    found = []
    for each, wanted in ((path, "600"), (settings.data, "700")):
        mode = each.stat().st_mode & 0o777 if each.exists() else 0
        if mode & 0o077:
            do = f"chmod {wanted} {each}"
            found.append(bad("secrets", f"others can read {each} (mode {mode:03o})", do))
    return found or [good("secrets", "only their owner can read them")]


async def disk(settings: Settings) -> list[Finding]:
    there = _nearest(settings.data)
    usage = shutil.disk_usage(there)
    says = f"{_amount(usage.free)} of {_amount(usage.total)} are free at {there}"
    if usage.free < GIB:
        return [bad("disk", says, "Make room: when the disk is full nothing can be written.")]
    if usage.free < usage.total / 10:
        return [doubtful("disk", says, "Make room soon.")]
    return [good("disk", says)]


async def databases(settings: Settings) -> list[Finding]:
    settings.check()
    urls = settings.databases()
    found = []
    for number, url in enumerate(urls):
        what = "database" if len(urls) == 1 else f"database {number + 1}"
        found += await asyncio.to_thread(_database, what, url)
    return found


def _database(what: str, url: URL) -> list[Finding]:
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return [doubtful(what, f"{url.database} is not there yet", FIRST_START)]
    engines = open_engines(url)
    try:
        with engines.writing.connect() as connection, connection.begin():
            look = _sqlite if connection.dialect.name == "sqlite" else _postgresql
            return [_revision(what, connection), *look(what, connection, url)]
    finally:
        engines.dispose()


def _refusal(connection: Connection) -> str | None:
    """Why nothing can be written; what is tried is undone."""
    if inspect(connection).has_table(pulse.name):
        change: Executable = insert(pulse).values(id=-1 - random.randbelow(2**30), at=0)
    else:
        change = text("CREATE TABLE careseal_doctor (id INTEGER)")
    try:
        with connection.begin_nested() as tried:
            connection.execute(change)
            tried.rollback()
    except DBAPIError as failure:
        return str(failure.orig).splitlines()[0]
    return None


def _revision(what: str, connection: Connection) -> Finding:
    if refusal := _refusal(connection):
        do = "Lead the URL to the primary, and see that its user may write."
        return bad(what, f"it cannot be written: {refusal}", do)
    mark, there = marks.find(connection), migration.revision(connection)
    if mark is not None:
        return bad(what, "its data are being moved, or were", migration.SENTENCES[mark.state])
    if there is None:
        return doubtful(what, "it is empty", "The first start makes its tables.")
    if there > migration.LATEST:
        return bad(what, f"it is of a later release ({there})", "Install that release.")
    if there < migration.LATEST:
        do = "Take a backup; the next start upgrades it."
        return doubtful(what, f"it is of an earlier release ({there})", do)
    return good(what, f"it can be written, and its tables are of this release ({there})")


def _sqlite(what: str, connection: Connection, _url: URL) -> list[Finding]:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    if (mode, synchronous) != ("wal", 2):
        do = "Use a local disk: network disks cannot do what SQLite needs."
        return [bad(what, f"it is not durable (journal {mode}, synchronous {synchronous})", do)]
    return [good(what, "what is acknowledged is on disk")]


def _postgresql(what: str, connection: Connection, url: URL) -> list[Finding]:
    found = []
    settings = ("fsync", "synchronous_commit", "full_page_writes")
    values = {name: connection.scalar(text(f"SHOW {name}")) for name in settings}
    lax = [name for name, value in values.items() if value == "off"]
    if lax:
        do = "Set them to on in postgresql.conf: without them a power cut loses what was said."
        found.append(bad(what, f"it is not durable: {', '.join(lax)} off", do))
    else:
        found.append(good(what, "what is acknowledged is on disk"))
    begun = time.time()
    theirs = float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0)
    ended = time.time()
    found.append(clock(what, (begun + ended) / 2 - theirs, (ended - begun) / 2))
    sealed = connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
    if not sealed and url.host not in LOCAL and not str(url.host).startswith("/"):
        do = "Add ?sslmode=verify-full to the URL, or keep the line in a network of its own."
        found.append(doubtful(what, "the line to it is not encrypted", do))
    return found


async def objects(settings: Settings) -> list[Finding]:
    where = settings.objects_url or str(settings.data / "objects")
    if settings.objects_url is None and not settings.data.exists():
        return [doubtful("objects", f"{where} is not there yet", FIRST_START)]
    blobs = open_blobs(settings.objects_url, settings.data / "objects")
    try:
        once = await blobs.check_promises(random.token_bytes(1024))
    except Unlisted:
        says = "they cannot be listed, which deleting a session and the sweep need"
        return [bad("objects", says, "Allow these keys to list the bucket (s3:ListBucket).")]
    if not once:
        do = "Nothing is overwritten by careseal itself; see that nobody else writes there."
        return [doubtful("objects", "an object can be overwritten", do)]
    return [good("objects", "they can be written once, read, listed and deleted")]


async def storage(settings: Settings) -> list[Finding]:
    """What all sessions hold, against the limit ``allStoredBytes`` and the disk of the objects."""
    try:
        counted = [await asyncio.to_thread(_held, url) for url in settings.databases()]
    except SQLAlchemyError:
        do = "Mend the database first."
        return [doubtful("storage", "not known while a database does not answer", do)]
    held, most = sum(counted), settings.limits.all_stored_bytes
    left = max(0, most - held)
    allowed = f"of {_amount(most)}" if most < Limits().all_stored_bytes else "without a limit"
    says = f"sessions hold {_amount(held)}, {allowed} (allStoredBytes)"
    do = "Delete sessions that are over, or give room and raise --limit allStoredBytes=BYTES."
    if left == 0:
        return [bad("storage", f"{says}: new files are refused", do)]
    if left < most / 10:
        return [doubtful("storage", f"{says}: {_amount(left)} are left", f"Soon: {do}")]
    folder = folder_at(settings.objects_url, settings.data / "objects")
    if folder is not None:
        free = shutil.disk_usage(_nearest(folder)).free
        if free < left:
            says += f"; the disk is full before that, {_amount(free)} are free"
            do = f"Give --limit allStoredBytes={held + free * 9 // 10}, or a larger disk."
            return [doubtful("storage", says, do)]
    return [good("storage", says)]


def _held(url: URL) -> int:
    """Bytes of all sessions in a database; none in one that is not there yet."""
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return 0
    engines = open_engines(url)
    try:
        with engines.reading.connect() as connection:
            return sessions.stored_bytes(connection) if migration.revision(connection) else 0
    finally:
        engines.dispose()


def _nearest(path: Path) -> Path:
    """The path, or the folder above it that is there."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())


def _amount(size: int) -> str:
    return f"{size / GIB:,.1f} GiB" if size >= GIB else f"{size / MIB:.1f} MiB"


async def redis(settings: Settings) -> list[Finding]:
    if settings.redis_url is None:
        if settings.workers == 1:
            return [good("redis", "none; one worker needs none")]
        return [doubtful("redis", "none; PostgreSQL does its work", "Give --redis-url.")]
    from redis.asyncio import Redis

    async with Redis.from_url(settings.redis_url, socket_connect_timeout=5) as client:
        channel, word = f"careseal:doctor:{random.token_hex(8)}", random.token_bytes(8)
        async with client.pubsub() as heard:
            await heard.subscribe(channel)
            await client.publish(channel, word)
            async with asyncio.timeout(5):
                async for message in heard.listen():
                    if message["type"] == "message" and message["data"] == word:
                        break
        if await client.eval("return 1", 0) != 1:
            return [bad("redis", "it runs no scripts", "Allow EVAL and EVALSHA.")]
    return [good("redis", "what one says another hears")]
