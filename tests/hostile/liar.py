"""A server that lies: what an attack does to requests, answers and frames on their way.

An attack is a function that is given a `Liar` and says with its decorators where it steps in. The
same attack works in the proxy of the SDK's tests and in the routes of a browser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
Rows = list[Json]


class Fate(Enum):
    """What may happen to a request or an answer instead of arriving."""

    NEVER_ANSWERED = "never answered"
    CUT = "cut"


@dataclass(frozen=True)
class Asked:
    """A request of a client."""

    method: str
    target: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def query(self, name: str) -> str | None:
        return parse_qs(urlsplit(self.target).query).get(name, [None])[0]

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found

    def saying(self, value: Any) -> Asked:
        return replace(self, body=json.dumps(value, separators=(",", ":")).encode())

    def by(self, token: str) -> Asked:
        return replace(self, headers={**self.headers, "authorization": f"Bearer {token}"})

    def at(self, target: str) -> Asked:
        return replace(self, target=target)


@dataclass(frozen=True)
class Answer:
    """What the server, or whoever sits before it, answers."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def saying(self, value: Any) -> Answer:
        return replace(self, body=json.dumps(value).encode())


def problem(name: str, status: int, **more: Any) -> Answer:
    """A problem document, as the server makes it."""
    document = {"type": f"urn:careseal:problem:{name}", "title": name, "status": status}
    body = json.dumps({**document, "detail": f"The server says: {name}.", **more}).encode()
    return Answer(status, body, {"content-type": "application/problem+json"})


Request = Asked | Answer | Fate
Asking = Callable[[Asked], Request]
Answering = Callable[[Asked, Answer], Answer | Fate]
Framing = Callable[[Json], list[Any]]

DOOR = r"/door$"
LOG = r"/chat$"
COMMITS = r"/commits$"
PART = r"/parts/\d+$"


class Liar:
    """Where an attack steps in; without one it is an honest wire. It hears everything."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.master = ""  # a token by which all can be read: the server owns what it stores
        self.asked: list[Asked] = []
        self.answered: list[tuple[str, Any]] = []
        self._asking: list[tuple[str, str, Asking]] = []
        self._answering: list[tuple[str, str, Answering]] = []
        self._down: list[Framing] = []
        self._up: list[Framing] = []

    # What an attack says -------------------------------------------------------------------

    def asks(self, method: str, path: str) -> Callable[[Asking], Asking]:
        """Steps in before the server is asked: another request, or an answer of one's own."""

        def register(asking: Asking) -> Asking:
            self._asking.append((method, path, asking))
            return asking

        return register

    def answers(self, method: str, path: str) -> Callable[[Answering], Answering]:
        """Steps in when the server has answered."""

        def register(answering: Answering) -> Answering:
            self._answering.append((method, path, answering))
            return answering

        return register

    def says(self, method: str, path: str) -> Callable[[Callable[[Any], Any]], None]:
        """As `answers`, for the JSON of answers that are no refusals."""

        def register(change: Callable[[Any], Any]) -> None:
            def answering(asked: Asked, answer: Answer) -> Answer:
                if not 200 <= answer.status < 300:
                    return answer
                return answer.saying(change(answer.json))

            self._answering.append((method, path, answering))

        return register

    def tells(self, framing: Framing) -> Framing:
        """Steps in when the server sends a frame: the frames to send instead."""
        self._down.append(framing)
        return framing

    def hears(self, framing: Framing) -> Framing:
        """Steps in when the client sends a frame: the frames to send on instead."""
        self._up.append(framing)
        return framing

    def log(self, change: Callable[[Rows], Rows]) -> None:
        """Rewrites entries of the log wherever they come: in pages, and each frame by itself."""

        @self.answers("GET", LOG)
        def page(asked: Asked, answer: Answer) -> Answer:
            if answer.status != 200 or asked.query("form") == "digest":
                return answer
            told = answer.json
            entries = change(told["entries"])
            head = max(told["head"], entries[-1]["seq"]) if entries else told["head"]
            return answer.saying({**told, "entries": entries, "head": head})

        @self.tells
        def frame(told: Json) -> list[Any]:
            return [*change([told])] if told.get("type") == "entry" else [told]

    def first(self, path: str) -> Any:
        """What the server answered there at first."""
        return next(told for asked, told in self.answered if re.search(path, asked))

    # What the wire asks --------------------------------------------------------------------

    def before(self, asked: Asked) -> Request:
        self.heard += [asked.target.encode(), asked.body]
        self.asked.append(asked)
        now: Request = asked
        for method, path, asking in self._asking:
            if isinstance(now, Asked) and now.method == method and re.search(path, now.path):
                now = asking(now)
        return now

    def after(self, asked: Asked, answer: Answer) -> Answer | Fate:
        if answer.status == 200 and asked.path.endswith("/door"):
            self.answered.append((asked.path, answer.json))
        now: Answer | Fate = answer
        for method, path, answering in self._answering:
            if isinstance(now, Answer) and asked.method == method and re.search(path, asked.path):
                now = answering(asked, now)
        return now

    def down(self, text: str) -> list[str]:
        return _through(self._down, text)

    def up(self, text: str) -> list[str]:
        self.heard.append(text.encode())
        return _through(self._up, text)

    def honest(self) -> None:
        """From now on nothing is changed any more."""
        for each in (self._asking, self._answering, self._down, self._up):
            each.clear()


def _through(framings: list[Framing], text: str) -> list[str]:
    frames: list[Any] = [json.loads(text)]
    for framing in framings:
        frames = [
            after
            for each in frames
            for after in (framing(each) if isinstance(each, dict) else [each])
        ]
    return [each if isinstance(each, str) else json.dumps(each) for each in frames]
