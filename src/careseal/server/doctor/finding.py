"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    state: Literal["ok", "warn", "fail"]
    says: str
    do: str = ""  # what to do about it

    def without(self, secrets: list[str]) -> Finding:
        """With these texts left out."""
        says = self.says
        for secret in secrets:
            says = says.replace(secret, "…")
        return replace(self, says=says)


def good(what: str, says: str) -> Finding:
    return Finding(what, "ok", says)


def doubtful(what: str, says: str, do: str) -> Finding:
    return Finding(what, "warn", says, do)


def bad(what: str, says: str, do: str) -> Finding:
    return Finding(what, "fail", says, do)


def clock(what: str, ahead: float, unsure: float) -> Finding:
    """This machine's clock is ``ahead`` seconds of another, give or take ``unsure``."""
    off = max(0.0, abs(ahead) - unsure)
    do = "Let the clocks be set by NTP: timedatectl set-ntp true."
    if off > 60:
        return bad(what, f"this machine's clock is off by {off:.0f} s", do)
    if off > 5:
        return doubtful(what, f"this machine's clock is off by {off:.0f} s", do)
    return good(what, "the clocks agree")
