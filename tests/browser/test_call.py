"""Calls between real browsers over the real call modules (docs/protocol.md §7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.call_pages.caller import Caller
from tests.browser.call_pages.relay import Relay
from tests.eventually import eventually

pytestmark = pytest.mark.alone

MakeCaller = Callable[..., Caller]


def in_call(make_caller: MakeCaller) -> tuple[Caller, Caller]:
    """Roe called, Ann answered, and both see each other."""
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    ann.answer()
    ann.until_seen("Roe")
    roe.until_seen("Ann")
    return roe, ann


def test_both_see_and_hear_each_other(make_caller: MakeCaller) -> None:
    roe, ann = in_call(make_caller)
    ann.until_heard("Roe")
    roe.until_heard("Ann")
    for caller, other in ((roe, "Ann"), (ann, "Roe")):
        assert caller.do("calls.state.value.kind") == "active"
        peer = caller.peer(other)
        assert (peer["sealed"], peer["connection"]) == ("yes", "connected")
        assert (peer["muted"], peer["cameraOff"], peer["sharing"]) == (False, False, False)
        assert caller.alarms() == []
    assert roe.do("line.renewals()") == 1


def test_it_is_connected_and_sealed_while_it_rings_but_nothing_is_shown(
    make_caller: MakeCaller,
) -> None:
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    ann.until("peerNamed('Roe')?.sealed === 'yes' && look('Roe/camera')")
    assert ann.do("calls.state.value.kind") == "ringing-in"
    assert ann.do("look('Roe/camera').lit") == 0
    assert ann.lights_on() == 0
    sent = "sent.filter((track) => given.includes(track)).length"
    assert roe.do(sent) == 0
    ann.answer()
    ann.until_seen("Roe")
    assert roe.do(sent) > 0


def test_hanging_up_switches_the_lights_off_on_both_sides(make_caller: MakeCaller) -> None:
    roe, ann = in_call(make_caller)
    assert roe.lights_on() == 2
    assert ann.lights_on() == 2
    ann.do("calls.hangUp()")
    assert ann.lights_on() == 0
    assert ann.ended() == "hung-up"
    assert roe.ended() == "hung-up-by-other"
    assert roe.lights_on() == 0
    roe.until("line.entries.some(({ event, from }) => event === 'ended' && from === 'Ann')")
    assert roe.do("connections.every(({ connectionState }) => connectionState === 'closed')")
    roe.do("calls.dismiss()")
    assert roe.do("calls.state.value.kind") == "idle"


def test_camera_off_frees_the_camera_and_on_shows_it_again(make_caller: MakeCaller) -> None:
    roe, ann = in_call(make_caller)
    roe.do("calls.setCameraOff(true)")
    assert roe.lights_on() == 1
    ann.until("peerNamed('Roe').cameraOff")
    assert not ann.peer("Roe")["muted"]
    roe.do("calls.setCameraOff(false)")
    ann.until("!peerNamed('Roe').cameraOff")
    ann.until_seen("Roe")


def test_another_camera_can_be_chosen_in_the_middle(make_caller: MakeCaller) -> None:
    roe, ann = in_call(make_caller)
    roe.until("calls.devices.value.filter(({ kind }) => kind === 'camera').length > 1")
    used = roe.do("calls.preview.value.getVideoTracks()[0].getSettings().deviceId")
    cameras = roe.do("calls.devices.value.filter(({kind}) => kind === 'camera').map(({id}) => id)")
    other = cameras[2]  # Chromium does not send the second fake one, which is grey with 16 bits
    assert other != used
    roe.page.evaluate("(id) => calls.chooseDevice('camera', id)", other)
    assert roe.do("calls.preview.value.getVideoTracks()[0].getSettings().deviceId") == other
    assert roe.lights_on() == 2
    # The first has ended, so what moves now comes from the other.
    ann.until_seen("Roe")


def test_a_screen_is_shown_beside_the_camera_until_sharing_stops(make_caller: MakeCaller) -> None:
    roe, ann = in_call(make_caller)
    roe.do("calls.shareScreen()")
    assert roe.do("calls.errors.value") == []
    ann.until("peerNamed('Roe').sharing && look('Roe/screen')?.lit > 0.05")
    ann.until_seen("Roe")
    size = "[look('Roe/screen').width, look('Roe/screen').height].join() "
    assert ann.do(size) != "640,360", "the blank picture is no screen"
    roe.do("calls.stopSharing()")
    ann.until("!peerNamed('Roe').sharing")
    assert roe.lights_on() == 2


def test_an_ice_restart_asked_for_by_the_answerer_keeps_the_call(make_caller: MakeCaller) -> None:
    roe, ann = in_call(make_caller)
    ufrag = "connections[0].remoteDescription.sdp.match(/ice-ufrag:(\\S+)/)[1]"
    before = ann.do(ufrag)
    ann.do(
        "line.line.send(line.line.peers.value[0],"
        " { type: 'restart', call: calls.state.value.call })"
    )
    ann.until(f"{ufrag} !== '{before}' && connections[0].connectionState === 'connected'")
    ann.until_seen("Roe")
    roe.until_seen("Ann")
    assert len(ann.do("connections")) == 1


def test_three_see_each_other(make_caller: MakeCaller) -> None:
    roe, ann, kim = make_caller("Roe", 0), make_caller("Ann", 1), make_caller("Kim", 2)
    roe.until("line.line.peers.value.length === 2")
    roe.start()
    kim.answer()
    ann.answer()
    for caller, others in ((roe, "Ann Kim"), (ann, "Roe Kim"), (kim, "Roe Ann")):
        for other in others.split():
            caller.until_seen(other)
    kim.do("calls.hangUp()")
    ann.until("calls.peers.value.length === 1 && calls.state.value.kind === 'active'")
    roe.until("calls.peers.value.length === 1 && calls.state.value.kind === 'active'")
    ann.until_seen("Roe")
    assert roe.do("line.entries.map(({ event }) => event)") == ["started"]


def test_after_a_reload_one_is_back_in_the_call(make_caller: MakeCaller) -> None:
    roe, ann = in_call(make_caller)
    ann.load()
    ann.until("calls.ongoing.value?.wasIn")
    assert ann.do("calls.ongoing.value.names") == ["Roe"]
    ann.do("calls.joinOngoing({ audio: true, video: true })")
    ann.until_seen("Roe")
    roe.until_seen("Ann")
    assert roe.do("calls.peers.value.length") == 1
    assert roe.do("calls.state.value.kind") == "active"


def test_who_started_is_back_in_the_call_after_a_reload(make_caller: MakeCaller) -> None:
    roe, ann = in_call(make_caller)
    roe.load()
    roe.until("calls.ongoing.value?.wasIn")
    roe.do("calls.joinOngoing({ audio: true, video: true })")
    ann.until_seen("Roe")
    roe.until_seen("Ann")


def test_a_page_that_opens_while_it_rings_rings_too(make_caller: MakeCaller) -> None:
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    ann.until_state("ringing-in")
    ann.load()
    ann.answer()
    ann.until_seen("Roe")


def test_a_call_can_be_declined(make_caller: MakeCaller) -> None:
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    ann.until_state("ringing-in")
    ann.do("calls.decline()")
    assert ann.ended() == "declined"
    assert roe.ended() == "declined-by-other"
    ann.until("line.entries.some(({ event }) => event === 'declined')")
    assert roe.lights_on() == 0


def test_a_caller_who_gives_up_is_a_missed_call(make_caller: MakeCaller) -> None:
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    ann.until_state("ringing-in")
    roe.do("calls.hangUp()")
    assert ann.ended() == "cancelled"
    assert ann.do("calls.missed.value[0].from.name") == "Roe"
    ann.until("line.entries.some(({ event }) => event === 'missed')")


def test_two_who_call_each_other_at_once_are_in_one_call(
    make_caller: MakeCaller, relay: Relay
) -> None:
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    ann.until("line.line.peers.value.length === 1")
    relay.hold()
    roe.start()
    ann.start()
    eventually(lambda: len(relay.said("offer")) == 2)
    relay.let_go()
    roe.until_seen("Ann")
    ann.until_seen("Roe")
    assert roe.do("calls.state.value.call") == ann.do("calls.state.value.call")
    assert relay.said("offer")[0]["call"] != relay.said("offer")[1]["call"]


def test_to_call_who_calls_is_to_answer(make_caller: MakeCaller) -> None:
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    ann.until_state("ringing-in")
    ann.start()
    roe.until_seen("Ann")
    ann.until_seen("Roe")


def test_who_is_in_a_call_is_busy_for_another(make_caller: MakeCaller) -> None:
    _roe, ann = in_call(make_caller)
    kim = make_caller("Kim", 2)
    kim.until("calls.ongoing.value")
    kim.start()
    assert kim.ended() == "busy"
    assert ann.do("calls.state.value.kind") == "active"


def test_without_devices_there_is_a_call_all_the_same(make_caller: MakeCaller) -> None:
    denied = """
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("no", "NotAllowedError")
      }
    """
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1, before=denied)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    ann.answer()
    ann.until_seen("Roe")
    roe.until("peerNamed('Ann').connection === 'connected' && peerNamed('Ann').sealed === 'yes'")
    assert ann.do("calls.errors.value.map(({ about, error }) => about + ' ' + error).sort()") == [
        "camera permission-denied",
        "microphone permission-denied",
    ]
    roe.until("peerNamed('Ann').muted && peerNamed('Ann').cameraOff")


def test_a_browser_that_cannot_seal_says_so_and_declines(make_caller: MakeCaller) -> None:
    roe = make_caller("Roe", 0)
    ann = make_caller("Ann", 1, before="delete window.RTCRtpScriptTransform")
    roe.until("line.line.peers.value.length === 1")
    assert ann.do("calls.state.value.kind") == "unsupported"
    ann.start()
    assert ann.do("calls.state.value.kind") == "unsupported"
    roe.start()
    assert roe.ended() == "declined-by-other"
    assert ann.do("connections.length") == 0


@pytest.mark.parametrize("choice", [(True, False), (False, True), (False, False)])
def test_one_may_answer_with_less(make_caller: MakeCaller, choice: tuple[bool, bool]) -> None:
    audio, video = choice
    roe, ann = make_caller("Roe", 0), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    ann.answer(audio=audio, video=video)
    roe.until("calls.state.value.kind === 'active'")
    ann.until_seen("Roe")
    roe.until(f"peerNamed('Ann').muted === {str(not audio).lower()}")
    roe.until(f"peerNamed('Ann').cameraOff === {str(not video).lower()}")
    assert ann.lights_on() == audio + video
    roe.until("peerNamed('Ann').sealed === 'yes'")
