"""What a session description may say (docs/protocol.md §7.2)."""

from __future__ import annotations

import pytest

from careseal.call.description import read_description, tidy
from careseal.call.errors import DescriptionRefused

PRINT = "a=fingerprint:sha-256 " + ":".join(["0A"] * 32)
AUDIO = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2"]
VIDEO = ["m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000"]


def sdp(*sections: list[str], session: tuple[str, ...] = ("v=0", PRINT)) -> str:
    return "\r\n".join([*session, *(line for each in sections for line in each), ""])


def test_gives_the_fingerprint() -> None:
    assert read_description(sdp(AUDIO, VIDEO, VIDEO)).fingerprint == b"\x0a" * 32


def test_gives_the_fingerprint_of_the_sections() -> None:
    sections = [[*each, PRINT] for each in (AUDIO, VIDEO, VIDEO)]
    assert read_description(sdp(*sections, session=("v=0",))).fingerprint == b"\x0a" * 32


@pytest.mark.parametrize(
    "text",
    [
        sdp(),
        sdp(AUDIO, VIDEO),
        sdp(AUDIO, VIDEO, VIDEO, VIDEO),
        sdp(VIDEO, AUDIO, VIDEO),
        sdp(AUDIO, VIDEO, ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel"]),
        sdp(["m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=rtpmap:0 PCMU/8000"], VIDEO, VIDEO),
        sdp(AUDIO, [VIDEO[0]], VIDEO),
        sdp(AUDIO, [VIDEO[0], "a=rtpmap:96 H264/90000", VIDEO[2]], VIDEO),
        sdp(AUDIO, [VIDEO[0].replace(" 9 ", " 0 "), *VIDEO[1:]], VIDEO),
        sdp([AUDIO[0].replace("UDP/TLS/", ""), AUDIO[1]], VIDEO, VIDEO),
        sdp(AUDIO, VIDEO, VIDEO, session=("v=0",)),
        sdp(AUDIO, VIDEO, [*VIDEO, PRINT.replace("0A", "0B")]),
        sdp(AUDIO, VIDEO, VIDEO, session=("v=0", PRINT.replace("sha-256", "sha-1"))),
        sdp([*AUDIO, PRINT], VIDEO, VIDEO, session=("v=0",)),
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(DescriptionRefused):
        read_description(text)


def test_tidied_it_has_one_fingerprint_and_no_loudness() -> None:
    loud = "a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    more = PRINT.replace("sha-256", "sha-512")
    untidy = sdp([*AUDIO, PRINT, more, loud], [*VIDEO, PRINT], [*VIDEO, PRINT], session=("v=0",))
    tidied = tidy(untidy)
    assert tidied == sdp([*AUDIO, PRINT], [*VIDEO, PRINT], [*VIDEO, PRINT], session=("v=0",))
    assert read_description(tidied).fingerprint == b"\x0a" * 32
