"""One session of a browser, a program, a command line and a call peer, on a real server.

The program (the SDK) is the host and made the session; Ann is in a browser, the nurse has a
terminal, and the ward's kiosk is a call peer that shows a test pattern.
"""

from __future__ import annotations

import array
import asyncio
import json
import math
import os
import re
import threading
import wave
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import av
import pytest
from av import AudioFrame, AudioResampler, VideoFrame
from playwright.sync_api import Browser, Playwright, expect

from careseal.call import (
    Calls,
    Connected,
    Ended,
    EndReason,
    Pattern,
    Recorder,
    Rings,
    Sending,
    Slot,
    Tone,
)
from careseal.call.tracks import Inlet
from careseal.client import (
    ApiToken,
    Edit,
    Event,
    File,
    InviteOptions,
    MessageReceived,
    Reaction,
    Session,
    Store,
    Text,
)
from careseal.e2ee.identifiers import MemberId, MessageId
from careseal.e2ee.security_code import SecurityCode
from tests.browser.call_pages.fixtures import CALLS
from tests.browser.people import Person, browsing, patient
from tests.browser.test_files import file_in_chat, save
from tests.call.senses import Watcher, fingerprint, frequency, mean_colour
from tests.cli.conftest import Shell
from tests.serving import ServerProcess, serving

T = TypeVar("T")

SOON = 30.0  # s
RATE = 48_000
BROWSER_HZ, KIOSK_HZ, NURSE_HZ, FILE_HZ = 880, 660, 440, 550

# aiortc finds no candidate on loopback by itself, and tests stay on it.
CALL_ON_LOOPBACK = (
    "import aioice.ice; aioice.ice.get_host_addresses = lambda **_: ['127.0.0.1']; "
    "from careseal.cli import main; main()"
)

# Resolves with the mean colour of a picture of somebody else, once two different ones were shown.
SEEN = """
  async () => {
    const canvas = new OffscreenCanvas(64, 48)
    const context = canvas.getContext("2d", { willReadFrequently: true })
    const prints = new Map()
    const deadline = performance.now() + 20_000
    for (;;) {
      await new Promise((next) => setTimeout(next, 50))
      if (performance.now() > deadline) throw new Error(document.body.innerText)
      for (const video of document.querySelectorAll("figure.tile:not(.screen):not(.own) video")) {
        if (!video.videoWidth) continue
        context.drawImage(video, 0, 0, 64, 48)
        const { data } = context.getImageData(0, 0, 64, 48)
        const mean = [0, 0, 0]
        data.forEach((value, at) => { if (at % 4 < 3) mean[at % 4] += value / (64 * 48) })
        if (Math.max(...mean) < 100) continue
        prints.set(video, (prints.get(video) ?? new Set()).add(data.join()))
        if (prints.get(video).size >= 2) return mean.map(Math.round)
      }
    }
  }
"""

# Resolves with the loudest frequency of somebody else who is heard, in Hz.
HEARD = """
  async () => {
    const audio = new AudioContext()
    const ears = new Map()
    const deadline = performance.now() + 20_000
    for (;;) {
      await new Promise((next) => setTimeout(next, 100))
      if (performance.now() > deadline) throw new Error("nothing is heard")
      for (const { srcObject } of document.querySelectorAll("audio")) {
        if (!srcObject?.getAudioTracks().length) continue
        if (!ears.has(srcObject)) {
          ears.set(srcObject, new AnalyserNode(audio, { fftSize: 16384, smoothingTimeConstant: 0 }))
          audio.createMediaStreamSource(srcObject).connect(ears.get(srcObject))
        }
        const decibels = new Float32Array(8192)
        ears.get(srcObject).getFloatFrequencyData(decibels)
        const loudest = decibels.indexOf(Math.max(...decibels))
        if (decibels[loudest] > -50) return loudest * audio.sampleRate / 16384
      }
    }
  }
"""


class Background:
    """An event loop in a thread, beside the browser's driver, which has one of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="programs")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.start(work).result(SOON)

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def ask(self, question: Callable[[], T]) -> T:
        """A store is used in one thread only, so what needs it is asked there."""

        async def answer() -> T:
            return question()

        return self.run(answer())

    def close(self) -> None:
        async def end() -> None:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Program:
    """A session in a program, followed in the background, with all that it heard."""

    name: str
    background: Background
    session: Session
    heard: list[Event] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _following: Future[None] | None = None

    @property
    def code(self) -> SecurityCode:
        return self.background.ask(lambda: self.session.security_code)

    def follow(self) -> None:
        async def listen() -> None:
            async with self.session.following() as events:
                async for event in events:
                    self.heard.append(event)
                    self._news.set()

        self._following = self.background.start(listen())

    def sees(self, found: Callable[[Event], T | None]) -> T:
        """What `found` makes of an event that was or will be heard."""

        async def wait() -> T:
            async with asyncio.timeout(SOON):
                while True:
                    for event in self.heard:
                        if (what := found(event)) is not None:
                            return what
                    self._news.clear()
                    await self._news.wait()

        return self.background.run(wait())

    def sees_text(self, text: str) -> None:
        def says(event: Event) -> bool | None:
            match event:
                case MessageReceived(payload=Text(text=said)) if said == text:
                    return True
            return None

        assert self.sees(says)

    def sees_file(self, name: str) -> File:
        def brings(event: Event) -> File | None:
            match event:
                case MessageReceived(payload=File() as file) if file.name == name:
                    return file
            return None

        return self.sees(brings)

    def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
        self.background.run(self.session.close())


@dataclass
class Visit:
    background: Background
    host: Program
    kiosk: Program
    nurse: Shell
    ann: Person


@pytest.fixture(scope="module")
def only_loopback() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])
        yield


@pytest.fixture(scope="module")
def tone_browser(
    playwright: Playwright, chromium_options: dict[str, Any], tmp_path_factory: Any
) -> Iterator[Browser]:
    """A browser whose microphone hears a tone."""
    path = tmp_path_factory.mktemp("microphone") / "tone.wav"
    samples = array.array(
        "h", (round(16_000 * math.sin(2 * math.pi * BROWSER_HZ * at / RATE)) for at in range(RATE))
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    arguments = [*chromium_options["args"], *CALLS, f"--use-file-for-fake-audio-capture={path}"]
    with browsing(playwright, {**chromium_options, "args": arguments}) as browser:
        yield browser


@contextmanager
def program(
    background: Background, folder: Path, begin: Callable[[Store], Coroutine[Any, Any, Session]]
) -> Iterator[Program]:
    store = background.ask(lambda: Store.open(folder))
    try:
        member = Program(folder.name, background, background.run(begin(store)))
        member.follow()
        try:
            yield member
        finally:
            member.close()
    finally:
        background.ask(store.close)


@pytest.fixture(scope="module")
def visit(
    tone_browser: Browser, only_loopback: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    folder = tmp_path_factory.mktemp("visit")
    background = Background()
    try:
        with serving(folder / "server") as server:
            yield from _visit(background, server, tone_browser, folder)
    finally:
        background.close()


def _visit(
    background: Background, server: ServerProcess, browser: Browser, folder: Path
) -> Iterator[Visit]:
    made = server.careseal("api-token")
    links: list[str] = []

    async def create(store: Store) -> Session:
        session, found = await Session.create(
            store,
            server.base_url,
            ApiToken(made),
            name="Dr Roe",
            title="Ward round",
            invites=[InviteOptions(label) for label in ("Ann", "Nurse", "Kiosk")],
        )
        links.extend(link.reveal() for link in found)
        return session

    with program(background, folder / "host", create) as host:
        to_browser, to_shell, to_kiosk = links
        ann = patient(browser, to_browser)
        nurse = Shell(folder, server.base_url, "Nurse", {})
        nurse.run("join", stdin=to_shell.encode())
        joining = lambda store: Session.join(store, to_kiosk, name="Kiosk")  # noqa: E731
        with program(background, folder / "kiosk", joining) as kiosk:
            admit_all(host)
            yield Visit(background, host, kiosk, nurse, ann)
    assert ann.complaints == []
    ann.context.close()


def admit_all(host: Program) -> None:
    async def admit() -> None:
        await host.session.catch_up()
        for member in host.session.waiting:
            await host.session.admit(member.id)

    host.background.run(admit())


def test_all_see_what_each_of_them_writes(visit: Visit) -> None:
    visit.ann.write("from the browser")
    visit.background.run(visit.host.session.send("from the program"))
    visit.nurse.run("send", "from the terminal")
    visit.background.run(visit.kiosk.session.send("from the kiosk"))
    texts = [f"from the {where}" for where in ("browser", "program", "terminal", "kiosk")]
    for text in texts:
        visit.ann.sees(text)
        visit.host.sees_text(text)
        visit.kiosk.sees_text(text)
    log = [line["text"] for line in visit.nurse.json("log") if line["event"] == "text"]
    assert sorted(log) == sorted(texts)


def test_all_agree_on_what_is_edited_withdrawn_and_felt(visit: Visit) -> None:
    host, ann = visit.host, visit.ann
    sent = visit.background.run(host.session.send("Take twenty"))
    gone = visit.background.run(host.session.send("for somebody else"))
    ann.sees("for somebody else")
    visit.background.run(host.session.edit(sent.message, "Take two"))
    visit.background.run(host.session.withdraw(gone.message))
    ann.sees("Take two")
    expect(ann.chat.get_by_text("Message withdrawn", exact=True)).to_have_count(1)
    expect(ann.page.get_by_text(re.compile("twenty|somebody else"))).to_have_count(0)

    ann.write("Before or with food?")
    host.sees_text("Before or with food?")
    expect(ann.chat.get_by_role("listitem").last).to_have_attribute("data-state", "sent")
    ann.page.keyboard.press("ArrowUp")
    ann.message_box.fill("With food?")
    ann.page.keyboard.press("Enter")
    author, message = host.sees(lambda event: edit_of(event, "With food?"))
    visit.background.run(host.session.react(author, message, "👍"))
    expect(ann.button("👍 from Dr Roe")).to_be_visible()
    ann.chat.get_by_role("listitem").filter(has_text="Take two").last.focus()
    ann.page.keyboard.press("Enter")
    ann.page.get_by_role("menuitemradio", name="React with 🙏").click()
    assert host.sees(lambda event: reaction_of(event, "🙏"))

    log = {line.get("text", line["event"]): line for line in visit.nurse.json("log")}
    assert log["Take two"]["edited"]
    assert log["With food?"]["edited"]
    assert [felt["from"]["name"] for felt in log["With food?"]["reactions"]] == ["Dr Roe"]
    assert [felt["from"]["name"] for felt in log["Take two"]["reactions"]] == ["Ann"]
    assert log["withdrawn"]["from"]["name"] == "Dr Roe"
    assert "for somebody else" not in log


def edit_of(event: Event, text: str) -> tuple[MemberId, MessageId] | None:
    match event:
        case MessageReceived(payload=Edit(message=message, text=said)) if said == text:
            return event.sender.id, message
    return None


def reaction_of(event: Event, emoji: str) -> bool | None:
    match event:
        case MessageReceived(payload=Reaction(emoji=felt)) if felt == emoji:
            return True
    return None


def test_all_have_the_same_security_code(visit: Visit) -> None:
    visit.ann.open_panel("Security code")
    groups = visit.ann.page.get_by_role("list", name="Six groups of five digits")
    expect(groups.get_by_role("listitem")).to_have_count(6)
    shown = groups.get_by_role("listitem").all_inner_texts()
    assert visit.nurse.json("code")[0]["code"] == shown
    for member in (visit.host, visit.kiosk):
        assert list(member.code.groups) == shown
    visit.ann.open_panel("Chat")


def test_files_go_each_way(visit: Visit, tmp_path: Path) -> None:
    def made(name: str, size: int) -> Path:
        path = tmp_path / name
        path.write_bytes(os.urandom(size))
        return path

    def received(by: Program, path: Path) -> bytes:
        file = by.sees_file(path.name)
        into = tmp_path / f"{by.name}-{path.name}"
        visit.background.run(by.session.receive_file(file, into))
        return into.read_bytes()

    from_browser = made("scan.bin", 5_000_000)
    visit.ann.attach(from_browser)
    assert received(visit.host, from_browser) == from_browser.read_bytes()
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    visit.nurse.run("receive", "--output", str(inbox))
    assert (inbox / "scan.bin").read_bytes() == from_browser.read_bytes()

    from_shell = made("chart.bin", 100_000)
    visit.nurse.run("send-file", str(from_shell))
    from_program = made("result.bin", 4_200_000)
    visit.background.run(visit.host.session.send_file(from_program))
    for path in (from_shell, from_program):
        expect(file_in_chat(visit.ann, path.name)).to_be_visible()
        assert save(visit.ann, path.name).read_bytes() == path.read_bytes()
        assert received(visit.kiosk, path) == path.read_bytes()
    visit.nurse.run("receive", "--output", str(inbox))
    assert (inbox / "result.bin").read_bytes() == from_program.read_bytes()


def test_the_kiosk_answers_the_browser_and_both_see_and_hear_each_other(visit: Visit) -> None:
    sensed: Future[tuple[tuple[int, int, int], float]] = Future()

    async def sense(inlets: Sequence[Inlet]) -> None:
        camera, microphone = Watcher(inlets[Slot.CAMERA]), Watcher(inlets[Slot.MICROPHONE])
        sensed.set_result((await camera.moving_picture(), await microphone.tone()))

    async def kiosk() -> Ended:
        async with asyncio.timeout(60), Calls.of(visit.kiosk.session) as calls:
            async for event in calls.events():
                match event:
                    case Rings():
                        await calls.answer(Sending(Tone(KIOSK_HZ), Pattern()))
                    case Connected(peer=peer):
                        sensing = asyncio.create_task(sense(calls.link(peer).inlets))
                    case Ended() as ended:
                        await sensing
                        return ended
        raise AssertionError

    answering = visit.background.start(kiosk())
    visit.ann.button("Start call").click()
    assert is_blue(visit.ann.page.evaluate(SEEN))
    assert visit.ann.page.evaluate(HEARD) == pytest.approx(KIOSK_HZ, abs=10)
    picture, tone = sensed.result(SOON)
    assert is_green(picture)
    assert tone == pytest.approx(BROWSER_HZ, rel=0.02)
    visit.ann.button("Hang up").click()
    assert answering.result(SOON).reason is EndReason.HUNG_UP_BY_OTHER


def test_the_terminal_calls_the_browser_and_records_it(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "recorded.webm"
    arguments = ["call", "--ring", "--play=pattern", f"--record={path}", "--for=6", "--json"]
    calling = visit.nurse.start(*arguments, program=["-c", CALL_ON_LOOPBACK])
    visit.ann.button("Answer").click()
    assert is_blue(visit.ann.page.evaluate(SEEN))
    assert visit.ann.page.evaluate(HEARD) == pytest.approx(NURSE_HZ, abs=10)
    out, err = calling.communicate(timeout=SOON)
    assert calling.returncode == 0, err
    told = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in told if line["event"] != "sends"] == [
        "joined",
        "connected",
        "ended",
        "recorded",
    ]
    assert told[-2]["reason"] == "hung-up"
    expect(visit.ann.button("Hang up")).to_have_count(0)
    expect(visit.ann.chat.get_by_text(re.compile("call", re.IGNORECASE)).last).to_be_visible()
    pictures, tone = look_into(path)
    assert is_green(mean_colour(pictures[-1]))
    assert len({fingerprint(each) for each in pictures}) > 10
    assert tone == pytest.approx(BROWSER_HZ, rel=0.02)


def test_the_terminal_answers_the_browser_with_a_media_file(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "greeting.webm"
    visit.background.run(record_pattern(path))
    arguments = ["call", f"--play={path}", "--repeat", "--json"]
    waiting = visit.nurse.start(*arguments, program=["-c", CALL_ON_LOOPBACK])
    visit.ann.button("Start call").click()
    assert is_blue(visit.ann.page.evaluate(SEEN))
    assert visit.ann.page.evaluate(HEARD) == pytest.approx(FILE_HZ, abs=10)
    visit.ann.button("Hang up").click()
    out, err = waiting.communicate(timeout=SOON)
    assert waiting.returncode == 0, err
    told = [json.loads(line) for line in out.splitlines()]
    assert told[0]["event"] == "rings"
    assert told[0]["from"]["name"] == "Ann"
    assert (told[-1]["event"], told[-1]["reason"]) == ("ended", "hung-up-by-other")


async def record_pattern(path: Path) -> None:
    """Two seconds of the test pattern, as a media file."""
    recorder = Recorder(path)

    async def take(track: Pattern | Tone, count: int) -> None:
        for _ in range(count):
            frame = await track.recv()
            assert isinstance(frame, AudioFrame | VideoFrame)
            recorder.take(frame)

    await asyncio.gather(take(Pattern(), 30), take(Tone(FILE_HZ), 100))
    await asyncio.to_thread(recorder.close)


def is_blue(colour: Any) -> bool:
    red, green, blue = colour
    return bool(blue > 150 and green < 140 and red < 120)


def is_green(colour: Any) -> bool:
    red, green, blue = colour
    return bool(green > 100 and red < 60 and blue < 60)


def look_into(path: Path) -> tuple[list[VideoFrame], float]:
    """Pictures of a media file, and the frequency of its tone."""
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    pictures, samples = [], array.array("h")
    with av.open(str(path)) as file:
        for frame in file.decode():
            if isinstance(frame, VideoFrame):
                pictures.append(frame)
            elif isinstance(frame, AudioFrame):
                for part in resampler.resample(frame):
                    samples.frombytes(bytes(part.planes[0])[: 2 * part.samples])
    return pictures, frequency(samples, RATE)
