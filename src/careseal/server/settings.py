"""What an operator can set, and the limits that the server publishes (docs/protocol.md §8.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import URL

from careseal.server.presign import Presigner
from careseal.server.store.engines import parse
from careseal.server.wire import PART_SEALED

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
DAY = 86_400
DATABASE = "careseal.sqlite3"
SECRETS = "secrets.json"


class Limits(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Sizes in bytes, times in seconds; each is named in the error that it causes."""

    encrypted_message: int = 64 * KIB
    commit: int = 512 * KIB
    door: int = MIB
    key_box: int = 4 * KIB
    key_boxes: int = 32
    letter: int = 256 * KIB
    invites: int = 32
    signal: int = 64 * KIB
    signals_per_second: int = 100
    signals_burst: int = 400
    part: int = PART_SEALED
    parts: int = 65_536
    open_uploads: int = 32
    entries_per_second: int = 20
    entries_burst: int = 200
    entries: int = 1_000_000
    stored_bytes: int = 50 * GIB
    all_stored_bytes: int = 2**50  # as good as none
    members: int = 64
    knocks: int = 16
    doors_per_second: int = 10
    doors_burst: int = 60
    refusals_per_minute: int = 6
    refusals_burst: int = 60
    followers: int = 8
    lifetime: int = 366 * DAY

    def published(self) -> dict[str, int]:
        """By the names that errors use."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]


def limits_with(changes: dict[str, int]) -> Limits:
    """The defaults with some changed, by published name. Raises ``ValueError``."""
    known = Limits().published()
    for name, value in changes.items():
        if name not in known:
            raise ValueError(f"there is no limit {name}; the limits are {', '.join(known)}")
        if value < 0 or (name == "part" and value != PART_SEALED):
            raise ValueError(f"{name} cannot be {value}")
    return msgspec.convert(known | changes, Limits)


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds."""

    data: Path
    database_urls: tuple[str, ...] = field(default=(), repr=False)
    objects_url: str | None = None
    objects_direct: str | None = None  # the bucket's address as clients reach it
    redis_url: str | None = field(default=None, repr=False)
    workers: int = 1
    secrets_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    name: str = "careseal"
    metrics: str | None = None  # HOST:PORT
    traces: str | None = None  # URL of a collector
    public_url: str | None = None
    tls: bool = False  # a TLS proxy is always in front, whatever the request says
    trusted_proxies: str = "127.0.0.1"
    sign_in_link_file: Path | None = None
    stun_urls: tuple[str, ...] = ()
    turn_urls: tuple[str, ...] = ()
    turn_secret: str | None = field(default=None, repr=False)
    turn_lifetime: int = 3600
    session_lifetime: int = 30 * DAY
    account_lifetime: int = 30 * DAY
    sign_in_lifetime: int = DAY
    auth_timeout: float = 10
    heartbeat: float = 20
    longest_wait: int = 25
    queued_frames: int = 1024  # of one follower, before it counts as too slow
    queued_bytes: int = 8 * MIB
    sweep_interval: float = 60
    orphan_age: int = 3600
    grace: int = 10
    limits: Limits = field(default_factory=Limits)

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Settings], tuple[dict[str, Any]]]:
        """By name: a worker may be of a later release than the process that starts it."""
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        return _of_any_release, (told | {"limits": self.limits.published()},)

    def check(self) -> None:
        """Raises ``ValueError`` where settings contradict each other."""
        kinds = {url.get_backend_name() for url in self.databases()}
        if self.workers > 1 and kinds != {"postgresql"}:
            raise ValueError("More than one worker needs PostgreSQL: --database-url.")
        if self.objects_direct is not None:
            self._check_direct(self.objects_direct)

    def _check_direct(self, address: str) -> None:
        if not (self.objects_url or "").startswith("s3://"):
            raise ValueError("--objects-direct needs a bucket: --objects-url s3://bucket/prefix.")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
            raise ValueError("--objects-direct is the bucket's address, as https://host/bucket.")
        if parts.query or parts.fragment:
            raise ValueError("--objects-direct has neither ? nor #.")
        self.presigner()

    def presigner(self) -> Presigner | None:
        """What signs addresses for clients, where they may use them. Raises ``ValueError``."""
        if self.objects_direct is None:
            return None
        prefix = urlsplit(self.objects_url or "").path.strip("/")
        return Presigner.of_environment(self.objects_direct.rstrip("/"), prefix)

    @property
    def direct_origin(self) -> str | None:
        """Where pages may fetch from beside this server, as a source of the page's policy."""
        if self.objects_direct is None:
            return None
        parts = urlsplit(self.objects_direct)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def secrets_path(self) -> Path:
        """Where the server's own secrets are."""
        return self.secrets_file or self.data / SECRETS

    @property
    def objects_folder(self) -> Path | None:
        """Where objects are if that is the data folder."""
        return None if self.objects_url else self.data / "objects"

    def databases(self) -> list[URL]:
        """Those named, else a file in the data folder. Raises ``ValueError``."""
        return [parse(url) for url in self.database_urls or (f"sqlite:///{self.data / DATABASE}",)]


def _of_any_release(told: dict[str, Any]) -> Settings:
    """What an earlier or a later release calls its settings; what it does not know is the default.

    Its name and place are part of what releases tell each other.
    """
    known = {each.name: told[each.name] for each in fields(Settings) if each.name in told}
    return Settings(**known | {"limits": msgspec.convert(told["limits"], Limits)})
