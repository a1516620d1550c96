"""What a session description may say: three sections, Opus and VP8, one certificate.

docs/protocol.md §7.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import DescriptionRefused

SECTIONS = ("audio", "video", "video")
"""Kinds of the three sections, in order: microphone, camera, screen."""

_CODECS = {
    "audio": frozenset({"opus/48000/2"}),
    "video": frozenset({"vp8/90000", "rtx/90000"}),  # rtx carries VP8 packets once more
}
_MEDIA = re.compile(r"m=(\w+) (\d+) (\S+) ([\d ]+)")
_CODEC = re.compile(r"a=rtpmap:(\d+) (\S+)")
_PRINT = re.compile(r"sha-256 (?:[0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2}")
_LOUDNESS = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


@dataclass(frozen=True, slots=True)
class Described:
    """What a connection is held to."""

    fingerprint: bytes  # 32, SHA-256 of the certificate


def read_description(sdp: str) -> Described:
    """Raises `DescriptionRefused` for other sections or codecs, or more than one certificate."""
    session, *sections = _split(sdp)
    if len(sections) != len(SECTIONS):
        raise DescriptionRefused("sections")
    for lines, kind in zip(sections, SECTIONS, strict=True):
        _check_section(lines, kind)
    everywhere = _fingerprints(session)
    prints = set(everywhere).union(*map(_fingerprints, sections))
    if len(prints) != 1 or not all(everywhere or _fingerprints(each) for each in sections):
        raise DescriptionRefused("fingerprint")
    found = prints.pop()
    if not _PRINT.fullmatch(found):
        raise DescriptionRefused("fingerprint")
    return Described(bytes.fromhex(found.removeprefix("sha-256 ").replace(":", "")))


def tidy(sdp: str) -> str:
    """A description of ours with one fingerprint, and without the loudness of speech.

    Header extensions are not encrypted: how loud a packet is tells who speaks when.
    """
    kept = [
        line
        for line in sdp.splitlines()
        if not line.startswith(("a=fingerprint:sha-384 ", "a=fingerprint:sha-512 "))
        and not (line.startswith("a=extmap:") and line.endswith(_LOUDNESS))
    ]
    return "\r\n".join([*kept, ""])


def with_path(sdp: str, ufrag: str, password: str, candidates: list[str]) -> str:
    """A description with another path: ICE is restarted, everything else stays."""
    names = ("a=candidate:", "a=end-of-candidates", "a=ice-ufrag:", "a=ice-pwd:")
    session, *sections = (
        [line for line in part if not line.startswith(names)] for part in _split(sdp)
    )
    first = [*(f"a=candidate:{each}" for each in candidates), "a=end-of-candidates"]
    for section in sections:
        section += [f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", *first]
        first = []
    return "\r\n".join([*session, *(line for each in sections for line in each), ""])


def _split(sdp: str) -> list[list[str]]:
    """Lines of the session part, then of each section."""
    parts: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    return parts


def _check_section(lines: list[str], kind: str) -> None:
    media = _MEDIA.fullmatch(lines[0])
    if media is None or media[1] != kind:
        raise DescriptionRefused("section kind")
    if media[2] == "0" and "a=bundle-only" not in lines:
        raise DescriptionRefused("rejected section")
    if media[3] != "UDP/TLS/RTP/SAVPF":
        raise DescriptionRefused("transport")
    codecs = {found[1]: found[2].lower() for found in map(_CODEC.fullmatch, lines) if found}
    if any(codecs.get(payload) not in _CODECS[kind] for payload in media[4].split()):
        raise DescriptionRefused("codec")


def _fingerprints(lines: list[str]) -> list[str]:
    marked = (line for line in lines if line.startswith("a=fingerprint:"))
    return [line.removeprefix("a=fingerprint:").strip() for line in marked]
