"""No frame leaves a browser unsealed, and none without the group's key is shown (§7.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.call_pages.caller import LATE, Caller
from tests.browser.call_pages.relay import Relay
from tests.browser.call_pages.turn import Turn

pytestmark = pytest.mark.alone

MakeCaller = Callable[..., Caller]
SHOWN_BY_USER = "sent.filter((track) => given.includes(track)).length"


def call(caller: Caller, other: Caller) -> None:
    caller.until("line.line.peers.value.length === 1")
    caller.start()
    other.answer()


def raw_call(make_caller: MakeCaller, **options: Any) -> tuple[Caller, Caller]:
    """Roe in a call with a peer that counts the frames as they come off the network."""
    roe = make_caller("Roe", 0, **options)
    raw = make_caller("Raw", 1, page="raw.html")
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    raw.until("connected()")
    raw.do("accept()")
    return roe, raw


def test_every_frame_that_leaves_is_sealed_for_its_stream(make_caller: MakeCaller) -> None:
    roe, raw = raw_call(make_caller)
    roe.until_state("active")
    roe.do("calls.shareScreen()")
    raw.until("counts.every(({ sealed }) => sealed > 20)")
    assert raw.do("counts.map(({ foreign }) => foreign)") == [0, 0, 0]
    assert raw.do("counts.every(({ frames, sealed }) => frames === sealed)")


def test_while_muted_no_frame_of_sound_leaves(make_caller: MakeCaller) -> None:
    roe, raw = raw_call(make_caller)
    raw.until("counts[0].sealed > 20")
    roe.do("calls.setMuted(true)")
    raw.until("line.heard.some(({ signal }) => signal.type === 'media' && !signal.audio)")
    video = raw.do("counts[1].frames")
    raw.until(f"counts[1].frames > {video + 5}")  # what was on its way has come
    sound = raw.do("counts[0].frames")
    video = raw.do("counts[1].frames")
    raw.until(f"counts[1].frames > {video + 20}")
    assert raw.do("counts[0].frames") == sound
    roe.do("calls.setMuted(false)")
    raw.until(f"counts[0].sealed > {sound + 20}")
    assert raw.do("counts[0].foreign") == 0


def test_a_transform_that_came_late_is_noticed_before_anything_of_the_user_is_sent(
    make_caller: MakeCaller,
) -> None:
    roe, raw = raw_call(make_caller, before=LATE)
    assert roe.ended() == "alarm"
    assert roe.alarms() == ["unsealed-media"]
    assert roe.do(SHOWN_BY_USER) == 0
    assert roe.lights_on() == 0
    # The control: the browser did send the blank picture past the transform.
    assert raw.do("counts[1].foreign") > 0


def test_unsealed_frames_are_not_shown_and_are_reported(make_caller: MakeCaller) -> None:
    roe, ann = make_caller("Roe", 0, before=LATE), make_caller("Ann", 1)
    call(roe, ann)
    assert ann.ended() == "alarm"
    assert ann.alarms() == ["unsealed-media"]
    assert roe.ended() == "alarm"
    assert roe.do("line.heard.filter(({ signal }) => signal.type === 'unsealed').length") > 0
    assert ann.do("look('Roe/camera')?.lit ?? 0") == 0


def test_when_the_worker_dies_nothing_leaves_any_more(make_caller: MakeCaller) -> None:
    roe, raw = raw_call(make_caller)
    raw.until("counts[0].sealed > 20 && counts[1].sealed > 20")
    roe.do("workers[0].terminate()")
    assert roe.ended() == "sealing-stopped"
    assert roe.lights_on() == 0
    assert raw.do("counts.map(({ foreign }) => foreign)") == [0, 0, 0]


def test_frames_of_another_key_are_never_shown(make_caller: MakeCaller) -> None:
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    ann.do("line.setKeys([[1, 8]])")
    call(roe, ann)
    ann.until("peerNamed('Roe')?.sealed === 'cannot-be-opened'")
    assert ann.do("look('Roe/camera') ?? null") is None
    assert ann.do("listen('Roe')") == 0
    assert ann.alarms() == []


def test_a_new_epoch_is_used_at_once_and_shuts_out_who_lacks_its_key(
    make_caller: MakeCaller,
) -> None:
    roe, ann, kim = make_caller("Roe", 0), make_caller("Ann", 1), make_caller("Kim", 2)
    roe.until("line.line.peers.value.length === 2")
    roe.start()
    ann.answer()
    kim.answer()
    kim.until_seen("Roe")
    ann.until_seen("Roe")
    roe.do("line.setKeys([[2, 9], [1, 7]])")
    ann.do("line.setKeys([[2, 9], [1, 7]])")
    kim.until("peerNamed('Roe').sealed === 'cannot-be-opened'")
    ann.until_seen("Roe")  # what had been opened already is on Kim's screen now
    frozen = kim.do("look('Roe/camera').print")
    roe.until_seen("Ann")
    ann.until_seen("Roe")
    assert kim.do("look('Roe/camera').print") == frozen
    roe.do("line.setKeys([[2, 9]])")
    roe.until("peerNamed('Kim').sealed === 'cannot-be-opened'")


def test_a_removed_member_is_cut_off_and_the_others_go_on(make_caller: MakeCaller) -> None:
    roe, ann, kim = make_caller("Roe", 0), make_caller("Ann", 1), make_caller("Kim", 2)
    roe.until("line.line.peers.value.length === 2")
    for caller in (roe, ann, kim):
        caller.do("setMembers(['Roe', 'Ann', 'Kim'])")
    roe.start()
    ann.answer()
    kim.answer()
    kim.until_seen("Ann")
    kim.do("line.setKeys(null)")
    for caller in (roe, ann):
        caller.do("line.setKeys([[2, 9], [1, 7]])")
        caller.do("setMembers(['Roe', 'Ann'])")
    assert kim.ended() == "removed"
    assert kim.lights_on() == 0
    assert roe.do("calls.peers.value.map(({ name }) => name)") == ["Ann"]
    ann.until_seen("Roe")
    roe.until_seen("Ann")


def test_another_certificate_than_the_signed_one_is_an_alarm(
    make_caller: MakeCaller, relay: Relay
) -> None:
    def exchange(_sender: dict[str, Any], signal: dict[str, Any]) -> dict[str, Any]:
        if signal["type"] != "answer":
            return signal
        lines = [
            "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) if "a=fingerprint" in line else line
            for line in signal["sdp"].split("\r\n")
        ]
        return {**signal, "sdp": "\r\n".join(lines)}

    relay.on_the_way = exchange
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    call(roe, ann)
    assert roe.ended() == "alarm"
    assert roe.alarms() == ["foreign-fingerprint"]
    assert roe.do(SHOWN_BY_USER) == 0
    assert ann.do(SHOWN_BY_USER) == 0


@pytest.mark.parametrize("codec", ["H264/90000", "red/48000/2"])
def test_a_description_with_another_codec_is_refused(
    make_caller: MakeCaller, relay: Relay, codec: str
) -> None:
    kind = codec.split("/", maxsplit=1)[1]

    def exchange(_sender: dict[str, Any], signal: dict[str, Any]) -> dict[str, Any]:
        if signal["type"] != "offer":
            return signal
        name = "opus/48000/2" if kind.startswith("48") else "VP8/90000"
        return {**signal, "sdp": signal["sdp"].replace(name, codec)}

    relay.on_the_way = exchange
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    assert ann.ended() == "failed"
    assert roe.ended() == "failed"
    assert ann.do("connections.length") == 0
    assert ann.do(SHOWN_BY_USER) == 0


def test_relayed_only_nothing_goes_the_direct_way(
    make_caller: MakeCaller, relay: Relay, turn: Turn
) -> None:
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    for caller in (roe, ann):
        caller.page.evaluate("(server) => line.setRelay([server], true)", turn.ice_server())
    call(roe, ann)
    ann.until_seen("Roe")
    roe.until_seen("Ann")
    candidates = [said["candidate"] for said in relay.said("candidate") if said["candidate"]]
    assert candidates
    assert all(" typ relay " in candidate for candidate in candidates)
