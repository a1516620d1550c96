"""Who may create sessions at a server (docs/protocol.md §8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token that the server's operator made, as base64url text."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cookie:
    """What a sign-in link was exchanged for: name and value of the cookie."""

    name: str
    value: str = field(repr=False)


Account: TypeAlias = ApiToken | Cookie


def sign_in_code(link: str) -> str:
    """The one-time code behind the `#` of a sign-in link, or the code itself."""
    return link.strip().rpartition("#")[2]
