"""Links, and what their secret opens (docs/protocol.md §3.1)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from argon2.low_level import Type, hash_secret_raw

from . import base64url
from .errors import Malformed
from .identifiers import InviteId, SessionId
from .policy import PolicyInvite, Role
from .secret import AccessToken, BoxKey, InviteSecret, JoinKey, KnockName
from .suite import SUITE, Rng, expand, extract

PATH = "/telemedicine/"
NO_PASSCODE = bytes(64)

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""Unicode's White_Space, which is not what `str.strip` removes."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link: where the server is, which session, and the secret that opens it."""

    origin: str
    session: SessionId
    secret: InviteSecret
    needs_passcode: bool = False
    knocks: bool = False  # whoever has it must be admitted

    @classmethod
    def parse(cls, text: str) -> Link:
        """Raises `Malformed`, whose message does not repeat the link."""
        try:
            return cls._parse(text.strip())
        except (Malformed, ValueError):
            raise Malformed("this is not a link to a session") from None

    @classmethod
    def _parse(cls, text: str) -> Link:
        """Raises `Malformed` or `ValueError`."""
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
        secret, dot, mark = parts.fragment.partition(".")
        fits = parts.scheme in ("http", "https") and host and not parts.query
        if not fits or parts.username is not None or not parts.path.startswith(PATH):
            raise Malformed("not where a session is")
        if dot + mark not in ("", ".p", ".k", ".pk"):
            raise Malformed("an unknown mark")
        return cls(
            f"{parts.scheme}://{parts.netloc}",
            SessionId.parse(parts.path.removeprefix(PATH)),
            InviteSecret(base64url.decode(secret)),
            "p" in mark,
            "k" in mark,
        )

    def reveal(self) -> str:
        """The link as text, secret and all."""
        marks = "p" * self.needs_passcode + "k" * self.knocks
        secret = base64url.encode(self.secret) + ("." + marks if marks else "")
        return f"{self.origin}{PATH}{self.session}#{secret}"


@dataclass(frozen=True, slots=True)
class Invite:
    """The keys that an invite's secret, and its passcode, yield."""

    session: SessionId
    id: InviteId
    access_token: AccessToken
    join_key: JoinKey
    box_key: BoxKey
    join: bytes = field(repr=False)  # public half, 32
    box: bytes = field(repr=False)  # public half, 1216
    knock_name: KnockName | None = None  # only where it was derived

    @classmethod
    def derive(
        cls, session: SessionId, secret: InviteSecret, passcode: str | None = None
    ) -> Invite:
        salt = NO_PASSCODE if passcode is None else stretch(passcode, session)
        prk = extract(salt, secret)

        def part(label: str, size: int) -> bytes:
            return expand(prk, b"careseal/1 " + label.encode() + session, size)

        join_key, box_key = JoinKey(part("join key", 32)), BoxKey(part("box key", 32))
        return cls(
            session,
            InviteId(part("invite id", 16)),
            AccessToken(part("access token", 32)),
            join_key,
            box_key,
            SUITE.signatures.public_key(join_key),
            SUITE.kem.public_key(box_key),
            KnockName(part("knock name", 32)),
        )

    def policy_entry(
        self,
        role: Role,
        since: int,
        *,
        label: str = "",
        devices: int = 1,
        history: bool = False,
        knock: bool = False,
    ) -> PolicyInvite:
        """This invite as a policy says it, open."""
        return PolicyInvite(
            id=self.id,
            role=role,
            join=self.join,
            box=self.box,
            devices=devices,
            open=True,
            history=history,
            knock=knock,
            since=since,
            label=label,
        )


def new_secret(rng: Rng) -> InviteSecret:
    return InviteSecret(rng(32))


def stretch(passcode: str, session: SessionId) -> bytes:
    """Argon2id of a passcode, 32 bytes. Raises `Malformed` for an empty one."""
    normal = unicodedata.normalize("NFKC", passcode).strip(WHITE_SPACE)
    if not normal:
        raise Malformed("an empty passcode")
    return hash_secret_raw(
        normal.encode(),
        session,
        time_cost=2,
        memory_cost=19456,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
        version=0x13,
    )
