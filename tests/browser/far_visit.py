"""A visit with a patient behind a bad line: pages, signals and media all go through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.bad_line import BadLine, bad_line
from tests.browser.call_pages.turn import Turn
from tests.browser.people import Person, clinician, join, new_context, new_session
from tests.browser.test_call_visit import sees_other
from tests.serving import serving

# The patient's TURN server is reached over the patient's line. Connections are kept to be counted.
OVER_THE_LINE = """
  window.connections = []
  const address = (url) => url.replace("%(turn)s", "%(line)s")
  const over = (configuration) => configuration && {
    ...configuration,
    iceServers: configuration.iceServers?.map((server) =>
      ({ ...server, urls: [server.urls].flat().map(address) })),
  }
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) {
      super(over(configuration))
      connections.push(this)
    }
    setConfiguration(configuration) {
      super.setConfiguration(over(configuration))
    }
  }
"""

# Resolves to the share of seconds in which the fake microphone's beep was heard.
HEARD = """
  async (seconds) => {
    const audio = window.ears ??= new AudioContext()
    const streams = [...document.querySelectorAll("audio")].map(({ srcObject }) => srcObject)
    const analysers = streams.filter((stream) => stream?.active).map((stream) => {
      const analyser = audio.createAnalyser()
      audio.createMediaStreamSource(stream).connect(analyser)
      return analyser
    })
    const samples = new Float32Array(2048)
    const heard = new Set()
    const began = performance.now()
    for (;;) {
      const second = Math.floor((performance.now() - began) / 1000)
      if (second >= seconds) return heard.size / seconds
      for (const analyser of analysers) {
        analyser.getFloatTimeDomainData(samples)
        if (samples.some((sample) => Math.abs(sample) > 0.02)) heard.add(second)
      }
      await new Promise((next) => setTimeout(next, 30))
    }
  }
"""

# Resolves when the picture of the other is as wide as the test wants it, to how wide it is.
WIDTH = """
  async ([least, most]) => {
    for (;;) {
      const video = document.querySelector("figure.tile:not(.screen):not(.own) video")
      const width = video?.videoWidth ?? 0
      if (least <= width && width <= most) return width
      await new Promise((next) => setTimeout(next, 100))
    }
  }
"""

# Resolves to the candidate pair in use, once it is another than the one before.
PATH = """
  async (before) => {
    for (;;) {
      for (const connection of connections) {
        for (const { type, selectedCandidatePairId } of (await connection.getStats()).values())
          if (type === "transport" && selectedCandidatePairId !== before)
            return selectedCandidatePairId
      }
      await new Promise((next) => setTimeout(next, 100))
    }
  }
"""

# Keeps all that the page ever says of the line to the other.
LINE_SAID = """
  window.lineSaid = []
  const note = () => {
    const words = document.querySelector(".tile .line")?.textContent
    if (words !== undefined && lineSaid.at(-1) !== words) lineSaid.push(words)
  }
  new MutationObserver(note)
    .observe(document.body, { subtree: true, childList: true, characterData: true })
"""


@dataclass
class FarVisit:
    """The doctor is beside the servers; Ann is behind the line."""

    doctor: Person
    ann: Person
    line: BadLine

    def call(self) -> None:
        expect(self.doctor.button("Start call")).to_be_enabled()
        self.doctor.button("Start call").click()
        self.ann.button("Answer").click()
        sees_other(self.ann)
        sees_other(self.doctor)

    def both_hear(self, seconds: int) -> tuple[float, float]:
        """The shares of seconds in which the doctor and Ann heard each other, at the same time."""
        for person in (self.doctor, self.ann):
            person.page.evaluate(f"window.hearing = ({HEARD})({seconds}), undefined")
        there, here = (each.page.evaluate("hearing") for each in (self.doctor, self.ann))
        return float(there), float(here)

    def picture_at_doctor(self, least: int = 1, most: int = 10_000) -> int:
        """Waits until Ann's picture arrives so many pixels wide."""
        return int(self.doctor.page.evaluate(WIDTH, [least, most]))

    def path(self, before: str = "") -> str:
        """Waits until Ann's call goes another way than before, and names it."""
        return str(self.ann.page.evaluate(PATH, before))

    def note_what_is_said(self) -> None:
        """From now on, for ``said``."""
        for person in (self.doctor, self.ann):
            person.page.evaluate(LINE_SAID)

    def said(self) -> list[str]:
        """What the pages said of the line to the other, in order, the doctor's first."""
        return [word for each in (self.doctor, self.ann) for word in each.page.evaluate("lineSaid")]


@contextmanager
def far_visit(folder: Path, near: Browser, far: Browser, turn: Turn) -> Iterator[FarVisit]:
    """A visit without a call, whose calls go through the relay only. The line is good at first."""
    turn_port = int(turn.url.rpartition(":")[2])
    with (
        serving(folder, "--turn-url", turn.url, "--turn-secret", turn.secret) as server,
        bad_line(server.port, turn_port) as line,
    ):
        doctor = clinician(near, server.sign_in_link)
        link = new_session(doctor, relay_only=True)
        context = new_context(far)
        ports = {"turn": f":{turn_port}", "line": f":{line.turn_port}"}
        context.add_init_script(OVER_THE_LINE % ports)
        ann = Person("Ann", context, context.new_page())
        ann.page.goto(link.replace(f":{server.port}/", f":{line.port}/"))
        join(ann)
        yield FarVisit(doctor, ann, line)
        complaints = doctor.complaints + ann.complaints
        doctor.context.close()
        context.close()
        assert complaints == []
