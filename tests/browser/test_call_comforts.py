"""What makes a call comfortable: devices that come and go, and what is told of them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.call_pages.caller import Caller
from tests.browser.people import Person
from tests.browser.test_call_visit import in_call as in_visit
from tests.browser.test_call_visit import sees_other

pytestmark = pytest.mark.alone

MakeCaller = Callable[..., Caller]

# Made-up devices are never unplugged: what the browser then says is played here.
PLUGS = """{
  const media = navigator.mediaDevices
  const gone = new Set()
  const list = media.enumerateDevices.bind(media)
  media.enumerateDevices = async () => (await list()).filter(({ deviceId }) => !gone.has(deviceId))
  const get = media.getUserMedia.bind(media)
  media.getUserMedia = async (wanted) => {
    const exact = wanted.video?.deviceId?.exact
    if (gone.has(exact)) throw new DOMException("gone", "NotFoundError")
    if (!wanted.video || exact) return get(wanted)
    const [first] = (await media.enumerateDevices()).filter(({ kind }) => kind === "videoinput")
    const deviceId = { exact: first.deviceId }
    return get({ ...wanted, video: { ...wanted.video, deviceId } })
  }
  window.unplug = (id) => {
    gone.add(id)
    for (const track of given) {
      if (track.readyState === "ended" || track.getSettings().deviceId !== id) continue
      track.stop()
      track.dispatchEvent(new Event("ended"))
    }
    media.dispatchEvent(new Event("devicechange"))
  }
  window.plugIn = (id) => {
    gone.delete(id)
    media.dispatchEvent(new Event("devicechange"))
  }
  window.cameraInUse = () => calls.preview.value?.getVideoTracks()[0].getSettings().deviceId
}"""


def in_call(make_caller: MakeCaller, *, before: str = "") -> tuple[Caller, Caller]:
    """Roe called, Ann answered, and Ann sees Roe."""
    roe, ann = make_caller("Roe", 0, before=before), make_caller("Ann", 1)
    roe.until("line.line.peers.value.length === 1")
    roe.start()
    ann.answer()
    ann.until_seen("Roe")
    return roe, ann


def test_a_loudspeaker_is_offered_where_the_browser_can_choose_one(
    make_caller: MakeCaller,
) -> None:
    roe, ann = in_call(make_caller, before="delete HTMLMediaElement.prototype.setSinkId")
    kinds = "calls.devices.value.map(({ kind }) => kind)"
    roe.until(f"{kinds}.includes('camera')")
    assert "speaker" not in roe.do(kinds)
    ann.until(f"{kinds}.includes('speaker')")


def test_a_camera_that_is_unplugged_is_replaced_and_offered_when_it_comes_back(
    make_caller: MakeCaller,
) -> None:
    roe, ann = in_call(make_caller, before=PLUGS)
    descriptions = "connections.map(({ remoteDescription }) => remoteDescription.sdp).join()"
    agreed = ann.do(descriptions)
    cameras = roe.do("calls.devices.value.filter(({kind}) => kind === 'camera').map(({id}) => id)")
    grey = cameras[1]  # 16 bits, which Chromium does not send
    roe.page.evaluate("(id) => { unplug(id) }", grey)
    used = roe.do("cameraInUse()")
    roe.page.evaluate("(id) => { unplug(id) }", used)
    roe.until("calls.news.value?.what === 'replaced'")
    assert roe.do("calls.news.value.kind") == "camera"
    assert roe.do("cameraInUse()") == cameras[2]
    assert roe.do("calls.errors.value") == []
    assert roe.lights_on() == 2
    # The first has ended, so what moves now comes from the other.
    ann.until_seen("Roe")

    roe.page.evaluate("(id) => { plugIn(id) }", used)
    roe.until("calls.news.value?.what === 'offered'")
    assert roe.do("calls.news.value.devices.map(({ id }) => id)") == [used]
    roe.page.evaluate("(id) => calls.chooseDevice('camera', id)", used)
    assert roe.do("cameraInUse()") == used

    roe.page.evaluate("(id) => calls.chooseDevice('camera', id)", grey)
    roe.until("calls.news.value?.what === 'refused'")
    assert roe.do("cameraInUse()") == used
    assert roe.do("calls.errors.value") == []
    ann.until_seen("Roe")
    assert ann.do(descriptions) == agreed, "negotiated again"


# A telephone: the first camera looks at its user, the second away.
TELEPHONE = """{
  const media = navigator.mediaDevices
  const isCamera = ({ kind }) => kind === "videoinput"
  const ways = new Map()
  const settings = MediaStreamTrack.prototype.getSettings
  MediaStreamTrack.prototype.getSettings = function () {
    const told = settings.call(this)
    return ways.has(told.deviceId) ? { ...told, facingMode: ways.get(told.deviceId) } : told
  }
  const get = media.getUserMedia.bind(media)
  media.getUserMedia = async (wanted) => {
    if (!wanted.video || wanted.video.deviceId) return get(wanted)
    const all = (await media.enumerateDevices()).filter(isCamera)
    const [front, back] = [all[0], all[2]]  // the other has a format that Chromium does not send
    ways.set(front.deviceId, "user").set(back.deviceId, "environment")
    const { deviceId } = wanted.video.facingMode?.ideal === "environment" ? back : front
    return get({ ...wanted, video: { ...wanted.video, deviceId: { exact: deviceId } } })
  }
}"""
BLINKED = """window.blinked = false, calls.peers.subscribe((peers) => {
  blinked ||= peers.some(({ cameraOff }) => cameraOff)
}), true"""


def test_the_other_camera_of_a_telephone_takes_over_and_nobody_is_told_of_no_picture(
    make_caller: MakeCaller,
) -> None:
    roe, ann = in_call(make_caller, before=TELEPHONE)
    assert roe.do("calls.facing.value") == "user"
    ann.do(BLINKED)
    for way in ("environment", "user"):
        roe.do("calls.flipCamera()")
        assert roe.do("calls.facing.value") == way
        assert roe.lights_on() == 2
        ann.until_seen("Roe")
    # What is said of the microphone comes behind all that was said of the camera.
    roe.do("calls.setMuted(true)")
    ann.until("peerNamed('Roe').muted")
    assert not ann.do("blinked")


# A camera that can blur what is behind somebody, as some systems offer it.
BLURRING = """{
  const { prototype } = MediaStreamTrack
  const { getCapabilities, getSettings, applyConstraints } = prototype
  const blurred = new WeakMap()
  prototype.getCapabilities = function () {
    return { ...getCapabilities.call(this), backgroundBlur: [false, true] }
  }
  prototype.getSettings = function () {
    return { ...getSettings.call(this), backgroundBlur: blurred.get(this) ?? false }
  }
  prototype.applyConstraints = async function ({ backgroundBlur, ...others }) {
    blurred.set(this, backgroundBlur)
    return applyConstraints.call(this, others)
  }
}"""


def test_the_background_is_blurred_where_the_camera_can_and_stays_so(
    make_caller: MakeCaller,
) -> None:
    roe, ann = in_call(make_caller, before=BLURRING)
    assert roe.do("calls.blurred.value") is False
    roe.do("calls.setBlurred(true)")
    assert roe.do("calls.blurred.value") is True
    roe.do("calls.setCameraOff(true)")
    assert roe.do("calls.blurred.value") is None
    roe.do("calls.setCameraOff(false)")
    roe.until("calls.blurred.value === true")
    ann.until_seen("Roe")
    assert ann.do("calls.blurred.value") is None


# A shared tab with a tone; its end is the browser's, as by the bar that says what is shared.
TAB_WITH_TONE = """{
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = document.createElement("canvas")
    const pen = canvas.getContext("2d")
    setInterval(() => {
      pen.fillStyle = "#246"
      pen.fillRect(0, 0, 300, 150)
    }, 50)
    const audio = new AudioContext()
    const tone = audio.createOscillator()
    const out = audio.createMediaStreamDestination()
    tone.connect(out)
    tone.start()
    const stream = canvas.captureStream(20)
    stream.addTrack(out.stream.getAudioTracks()[0])
    given.push(...stream.getTracks())
    window.endedByTheBar = () => {
      const [picture] = stream.getVideoTracks()
      picture.stop()
      picture.dispatchEvent(new Event("ended"))
    }
    return stream
  }
}"""


def test_a_tab_is_shared_with_its_sound_also_while_muted_until_the_browser_ends_it(
    make_caller: MakeCaller,
) -> None:
    roe, ann = in_call(make_caller, before=TAB_WITH_TONE)
    roe.do("calls.setMuted(true)")
    ann.until("peerNamed('Roe').muted")
    roe.do("calls.shareScreen()")
    ann.until("peerNamed('Roe').sharing && !peerNamed('Roe').muted")
    ann.until_heard("Roe")
    assert roe.do("calls.muted.value")
    roe.do("endedByTheBar()")
    ann.until("!peerNamed('Roe').sharing && peerNamed('Roe').muted")
    assert roe.lights_on() == 2
    assert not roe.do("calls.sharing.value")
    roe.do("calls.setMuted(false)")
    ann.until_heard("Roe")


# A microphone that says a word a second.
TALKING = """{
  const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await get(wanted)
    if (!wanted.audio) return stream
    const audio = new AudioContext()
    const voice = audio.createOscillator()
    const words = audio.createGain()
    const out = audio.createMediaStreamDestination()
    words.gain.value = 0
    voice.connect(words).connect(out)
    voice.start()
    setInterval(() => {
      words.gain.setValueAtTime(0.3, audio.currentTime)
      words.gain.setValueAtTime(0, audio.currentTime + 0.8)
    }, 1000)
    stream.getAudioTracks().forEach((track) => stream.removeTrack(track))
    return new MediaStream([...out.stream.getTracks(), ...stream.getTracks()])
  }
}"""


def test_who_speaks_while_muted_is_told_until_they_can_be_heard(make_caller: MakeCaller) -> None:
    roe, _ = in_call(make_caller, before=TALKING)
    assert not roe.do("calls.speakingWhileMuted.value")
    roe.do("calls.setMuted(true)")
    roe.until("calls.speakingWhileMuted.value")
    roe.do("calls.setMuted(false)")
    assert not roe.do("calls.speakingWhileMuted.value")


# What a page took from the browser, and what it said to screen readers.
WITNESS = """() => {
  window.given = []
  window.said = []
  window.awake = []
  const media = navigator.mediaDevices
  const get = media.getUserMedia.bind(media)
  media.getUserMedia = async (wanted) => {
    const stream = await get(wanted)
    given.push(...stream.getTracks())
    return stream
  }
  // Without a screen there is nothing to keep awake: whether it is asked for is what counts.
  navigator.wakeLock.request = async () => {
    const lock = { released: false, release: async () => void (lock.released = true) }
    awake.push(lock)
    return lock
  }
  document.ariaNotify = (text) => said.push(text)
}"""
LIGHTS = "given.filter(({ readyState }) => readyState === 'live').length"
DARK = f"() => {LIGHTS} === 0"  # a function: the policy of the page lets no text be tried again


def said(page: Page, sentence: str) -> None:
    """A screen reader was told this."""
    page.wait_for_function("(text) => said.join('. ').includes(text)", arg=sentence)


def test_a_call_in_the_visit_with_its_comforts(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    for person in visit:
        person.page.evaluate(WITNESS)
    in_visit(visit)
    said(doctor.page, "Ann is in the call")
    # The made-up microphone beeps, which the other side sees on the tile.
    expect(ann.page.locator(".tile[data-speaking=true]")).to_be_visible()
    doctor.page.wait_for_function("() => awake.at(-1)?.released === false")

    place = doctor.button("Hang up").bounding_box()
    doctor.message_box.press("m")
    expect(doctor.button("Mute")).to_be_visible()
    expect(doctor.message_box).to_have_value("m")
    doctor.button("Mute").focus()
    doctor.page.keyboard.press("m")
    expect(doctor.button("Unmute")).to_be_visible()
    assert doctor.button("Hang up").bounding_box() == place
    said(doctor.page, "Your microphone is off")
    said(ann.page, "is muted")
    expect(ann.page.locator(".tile[data-speaking=true]")).to_have_count(0)
    doctor.page.keyboard.press("m")
    said(doctor.page, "Your microphone is on")

    own = doctor.page.get_by_role("group", name=re.compile("Your own picture"))
    before = own.bounding_box()
    own.press("ArrowLeft")
    own.press("ArrowUp")
    after = own.bounding_box()
    assert before
    assert after
    assert (after["x"], after["y"]) < (before["x"], before["y"])

    expect(own.locator(".mirrored")).to_have_count(1)
    doctor.button("More").click()
    doctor.page.get_by_label("Show my own picture as in a mirror").uncheck()
    doctor.page.keyboard.press("Escape")
    expect(own.locator(".mirrored")).to_have_count(0)
    assert doctor.page.evaluate("localStorage.getItem('careseal.mirror')") == "off"

    doctor.page.get_by_role("button", name=re.compile("line .numbers.$")).click()
    numbers = doctor.page.get_by_role("dialog", name="Line to Ann")
    expect(numbers).to_contain_text("Straight from device to device")
    expect(numbers).to_contain_text(re.compile(r"[1-9][\d.]* [kM]b"))
    expect(numbers).to_contain_text("Yes, on the devices of you both")
    doctor.page.keyboard.press("Escape")

    assert doctor.page.evaluate(LIGHTS) == ann.page.evaluate(LIGHTS) == 2
    ann.button("Hang up").click()
    ann.page.wait_for_function(DARK)
    expect(doctor.button("Hang up")).to_have_count(0)
    doctor.page.wait_for_function(DARK)
    doctor.page.wait_for_function("() => awake.every(({ released }) => released)")
    for person in visit:
        said(person.page, "The call has ended")


def test_a_call_waits_for_who_goes_to_another_page_of_the_client(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    doctor.page.evaluate(WITNESS)
    in_visit(visit)
    desk = doctor.page.get_by_role("heading", name="Your sessions")

    doctor.page.go_back()
    expect(desk).to_be_visible()
    doctor.page.wait_for_function(DARK)
    expect(ann.page.get_by_text("Line gone. Connecting again…").first).to_be_visible()
    doctor.page.go_forward()
    sees_other(ann)
    sees_other(doctor)

    doctor.button("Mute").click()
    doctor.page.get_by_role("link", name="All sessions").click()
    question = doctor.page.get_by_role("dialog", name="Go to your sessions?")
    expect(question).to_contain_text("You are out of the call until you are back")
    question.get_by_role("button", name="Cancel").click()
    expect(doctor.button("Unmute")).to_be_visible()
    doctor.page.get_by_role("link", name="All sessions").click()
    question.get_by_role("button", name="All sessions").click()
    expect(desk).to_be_visible()
    doctor.page.wait_for_function(DARK)
    rows = doctor.page.get_by_role("list", name="Open sessions").get_by_role("listitem")
    rows.get_by_role("link").click()
    expect(doctor.button("Unmute")).to_be_visible()
    sees_other(ann)
    sees_other(doctor)
    expect(ann.chat.get_by_text(re.compile("The call ended"))).to_have_count(0)


def test_who_comes_back_is_shown_the_call_that_was_missed(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    doctor.button("Start call").click()
    expect(ann.button("Answer")).to_be_visible()
    ann.leave()
    doctor.button("Hang up").click()
    doctor.sees("Nobody answered your call")
    ann.page.go_back()
    notice = ann.page.get_by_role("status").filter(has_text="Missed call from")
    expect(notice).to_be_visible()
    expect(ann.chat.get_by_text(re.compile("^A call from .* was missed$"))).to_be_visible()
    notice.get_by_role("button").click()
    expect(notice).to_have_count(0)
    ann.page.reload()
    expect(ann.message_box).to_be_visible()
    expect(ann.chat.get_by_text(re.compile("^A call from .* was missed$"))).to_be_visible()
    expect(notice).to_have_count(0)


# What the keys of a headset would set off; and Ann's browser puts no sound on a chosen loudspeaker.
HEADSET = """() => {
  window.keys = {}
  const session = navigator.mediaSession
  session.setActionHandler = (name, handler) => { keys[name] = handler }
  session.setMicrophoneActive = (on) => { keys.microphoneIsOn = on }
}"""
NO_CHOICE_OF_LOUDSPEAKER = "() => { delete HTMLMediaElement.prototype.setSinkId }"
SMALL = "documentPictureInPicture.window?.document"


ONE_PICTURE_ONLY = "() => { delete window.documentPictureInPicture }"
PICTURES = """[...document.querySelectorAll(".tile video:not([hidden])")]
  .filter(({ videoWidth }) => videoWidth > 0).length"""


def test_a_browser_that_can_show_only_a_picture_on_top_says_when_there_is_none(
    visit: tuple[Person, Person],
) -> None:
    doctor, ann = visit
    doctor.page.evaluate(ONE_PICTURE_ONLY)
    in_visit(visit)
    ann.button("Turn camera off").click()
    doctor.page.wait_for_function(f"() => {PICTURES} === 0")
    doctor.button("More").click()
    doctor.button("Small window on top").click()
    # In the dialog, where it can be read out and closed.
    notice = doctor.page.get_by_role("dialog").locator(".toast", has_text="there is none now")
    notice.get_by_role("button", name="Close").click()
    expect(notice).to_have_count(0)
    ann.button("Turn camera on").click()
    doctor.page.wait_for_function(f"() => {PICTURES} === 1")
    doctor.button("Small window on top").click()
    doctor.page.wait_for_function("() => document.pictureInPictureElement !== null")


def test_a_headset_and_the_small_window_steer_the_call(visit: tuple[Person, Person]) -> None:
    doctor, ann = visit
    for person in visit:
        person.page.evaluate(WITNESS)
        person.page.evaluate(HEADSET)
    ann.page.evaluate(NO_CHOICE_OF_LOUDSPEAKER)
    in_visit(visit)
    # What the doctor says is heard all the same.
    ann.page.wait_for_function(
        "() => [...document.querySelectorAll('audio')].some(({ currentTime }) => currentTime > 0)"
    )

    doctor.page.wait_for_function("() => keys.microphoneIsOn")
    doctor.page.evaluate("keys.togglemicrophone()")
    expect(doctor.button("Unmute")).to_be_visible()
    doctor.page.wait_for_function("() => keys.microphoneIsOn === false")
    doctor.page.evaluate("keys.togglemicrophone()")
    expect(doctor.button("Mute")).to_be_visible()
    doctor.page.evaluate("keys.togglecamera()")
    expect(doctor.button("Turn camera on")).to_be_visible()
    doctor.page.evaluate("keys.togglecamera()")
    expect(doctor.button("Turn camera off")).to_be_visible()

    doctor.button("More").click()
    doctor.button("Small window on top").click()
    doctor.page.wait_for_function(f"() => {SMALL}?.querySelector('video')?.readyState === 4")
    wide = f"{SMALL}.querySelector('.tile').clientWidth === {SMALL}.documentElement.clientWidth"
    assert doctor.page.evaluate(wide)
    doctor.page.evaluate(f"{SMALL}.querySelector('.control').click()")
    expect(doctor.button("Unmute")).to_be_visible()
    doctor.page.evaluate(f"{SMALL}.querySelector('.hang-up').click()")
    expect(doctor.button("Hang up")).to_have_count(0)
    doctor.page.wait_for_function("() => documentPictureInPicture.window === null")
    doctor.page.wait_for_function(DARK)
    doctor.page.wait_for_function("() => keys.hangup === null")

    expect(doctor.button("Start call")).to_be_enabled()
    in_visit(visit)
    ann.page.evaluate("keys.hangup()")
    expect(ann.button("Hang up")).to_have_count(0)
    ann.page.wait_for_function(DARK)
