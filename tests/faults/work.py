"""Work of many at a server that will be killed, and the account of what it acknowledged."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import httpx

from tests.server.visits import Visit, chat, new_id
from tests.serving import ServerProcess

FAST: Final = (
    "--limit=entriesPerSecond=100000",
    "--limit=entriesBurst=100000",
    "--limit=openUploads=100000",
)


class Stop(Exception):
    """The work is over."""


@dataclass
class Account:
    """What the server acknowledged, and how much was noted of its disk by then."""

    entries: dict[str, tuple[int, int]] = field(default_factory=dict)  # id: seq, instant
    parts: dict[str, tuple[bytes, int]] = field(default_factory=dict)  # path: bytes, instant
    erased: dict[str, tuple[Visit, int]] = field(default_factory=dict)
    seen: dict[int, str] = field(default_factory=dict)  # seq: id, as a long poll told it
    cut_off: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


@dataclass
class Found:
    """What became of it."""

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0

    def add(self, other: Found) -> None:
        self.acknowledged += other.acknowledged
        self.lost += other.lost
        self.doubled += other.doubled

    def __str__(self) -> str:
        return f"{self.lost} lost, {self.doubled} doubled of {self.acknowledged} acknowledged"


class Work:
    """Appends, commits, uploads, erasures and long polls of one visit, until the server is gone."""

    def __init__(
        self, server: ServerProcess, visit: Visit, random: Random, instant: Callable[[], int]
    ) -> None:
        self.visit = visit
        self.account = Account()
        self._server = server
        self._random = random
        self._instant = instant
        self._stop = threading.Event()
        self._parent = 0
        self._header = visit.host.token.header

    @contextmanager
    def going_on(self, signed_in: httpx.Client) -> Iterator[None]:
        """While the block lasts; it may kill the server."""
        self._stop.clear()
        jobs = [self._write, self._write, self._write, self._commit, self._upload, self._poll]
        if signed_in.cookies:
            jobs.append(lambda client: self._erase(client, signed_in))
        with ThreadPoolExecutor(len(jobs)) as pool:
            running = [pool.submit(self._keep_at, job) for job in jobs]
            try:
                yield
            finally:
                self._stop.set()
        for one in running:
            one.result()

    def wait_for(self, count: int) -> None:
        """Until so many more entries were acknowledged."""
        goal, deadline = len(self.account.entries) + count, time.monotonic() + 60
        while len(self.account.entries) < goal:
            assert time.monotonic() < deadline, "nothing is acknowledged"
            time.sleep(0.005)

    def try_again(self) -> None:
        """What was cut off is sent once more, byte for byte, as clients do."""
        with self._server.client() as client:
            while self.account.cut_off:
                path, body, header = self.account.cut_off.pop()
                answer = client.post(path, json=body, headers=header)
                if answer.status_code in (200, 201):
                    self.account.entries[body["id"]] = (answer.json()["seq"], self._instant())
                else:
                    assert answer.status_code == 409, answer.text

    def check(self, until: int | None = None) -> Found:
        """Against the server that runs now: what was acknowledged (by ``until``) is there once."""
        return found_at(self._server, self.visit, self.account, until)

    def _keep_at(self, job: Callable[[httpx.Client], None]) -> None:
        with suppress(httpx.TransportError, Stop), self._server.client() as client:
            while not self._stop.is_set():
                job(client)

    def _post(self, client: httpx.Client, path: str, body: dict[str, Any]) -> None:
        header = self._header
        try:
            answer = client.post(path, json=body, headers=header)
        except httpx.TransportError:
            self.account.cut_off.append((path, body, header))
            raise
        if answer.status_code == 201:
            self.account.entries[body["id"]] = (answer.json()["seq"], self._instant())
        elif answer.status_code == 409:
            self._parent = answer.json()["lastCommit"]
        else:
            self.account.unexpected.append(f"{answer.status_code} {answer.text}")
            time.sleep(0.02)

    def _write(self, client: httpx.Client) -> None:
        self._post(
            client, f"{self.visit.path}/chat", chat(self._parent, self._random.choice(SIZES))
        )

    def _commit(self, client: httpx.Client) -> None:
        self._post(client, f"{self.visit.path}/commits", self.visit.commit(self._parent))
        self._stop.wait(self._random.uniform(0, 0.05))

    def _upload(self, client: httpx.Client) -> None:
        size = self._random.choice(SIZES)
        file = {"id": new_id(), "parts": 1, "size": size}
        made = client.post(f"{self.visit.path}/files", json=file, headers=self._header)
        if made.status_code != 201:
            self.account.unexpected.append(f"{made.status_code} {made.text}")
            time.sleep(0.02)
            return
        path, octets = f"{self.visit.path}/files/{file['id']}/parts/0", secrets.token_bytes(size)
        answer = client.put(path, content=octets, headers=self._header)
        if answer.status_code == 201:
            self.account.parts[path] = (octets, self._instant())
        else:
            self.account.unexpected.append(f"{answer.status_code} {answer.text}")

    def _erase(self, client: httpx.Client, signed_in: httpx.Client) -> None:
        brief = Visit()
        if signed_in.post("/api/telemedicine/sessions", json=brief.founding()).status_code != 201:
            time.sleep(0.02)
            return
        answer = client.delete(brief.path, headers=brief.host.token.header)
        if answer.status_code == 204:
            self.account.erased[brief.id] = (brief, self._instant())
        self._stop.wait(0.05)

    def _poll(self, client: httpx.Client) -> None:
        after = max(self.account.seen, default=0)
        answer = client.get(
            f"{self.visit.path}/chat?after={after}&wait=5&form=digest", headers=self._header
        )
        if answer.status_code == 200:
            self.account.seen |= {each["seq"]: each["id"] for each in answer.json()["entries"]}
        else:
            time.sleep(0.02)


SIZES: Final = (272, 272, 528, 16 * 1024 + 16)


def log_of(client: httpx.Client, visit: Visit) -> list[dict[str, Any]]:
    """All entries of a visit, checked to be in order and without gaps."""
    log: list[dict[str, Any]] = []
    while True:
        answer = client.get(
            f"{visit.path}/chat?after={len(log)}&limit=1000", headers=visit.host.token.header
        )
        assert answer.status_code == 200, answer.text
        log += (page := answer.json())["entries"]
        assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
        if len(log) >= page["head"]:
            return log


def found_at(
    server: ServerProcess, visit: Visit, account: Account, until: int | None = None
) -> Found:
    """What became at ``server`` of what was acknowledged by the instant ``until``, or ever."""
    found = Found()
    with server.client() as client:
        log = log_of(client, visit)
        ids = [entry["id"] for entry in log]
        found.doubled = len(ids) - len(set(ids))
        last = 0
        for entry in log:
            assert entry["parent"] == last
            last = entry["seq"] if entry["kind"] == "commit" else last
        for id_, (seq, instant) in list(account.entries.items()):
            if until is None or instant <= until:
                found.acknowledged += 1
                found.lost += ids[seq - 1 : seq] != [id_]
        for path, (octets, instant) in list(account.parts.items()):
            if until is None or instant <= until:
                found.acknowledged += 1
                answer = client.get(path, headers=visit.host.token.header)
                same = hashlib.sha256(answer.content).digest() == hashlib.sha256(octets).digest()
                found.lost += not (answer.status_code == 200 and same)
        for brief, instant in list(account.erased.values()):
            if until is None or instant <= until:
                found.acknowledged += 1
                answer = client.get(brief.path, headers=brief.host.token.header)
                found.lost += answer.status_code != 401
        if until is None:
            shown = {seq: ids[seq - 1 : seq] for seq in account.seen}
            assert shown == {seq: [id_] for seq, id_ in account.seen.items()}, "shown, then gone"
    return found
