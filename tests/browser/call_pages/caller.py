"""A browser page in a call, as a test sees it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page, TimeoutError

from tests.browser.call_pages.relay import Relay

# What a page did with devices and senders, kept where no module can hide it.
WITNESS = """
  window.given = []
  window.sent = []
  window.connections = []
  window.workers = []
  const media = navigator.mediaDevices
  for (const name of ["getUserMedia", "getDisplayMedia"]) {
    const real = media[name].bind(media)
    media[name] = async (constraints) => {
      const stream = await real(constraints)
      given.push(...stream.getTracks())
      return stream
    }
  }
  const replace = RTCRtpSender.prototype.replaceTrack
  RTCRtpSender.prototype.replaceTrack = function (track) {
    if (track) sent.push(track)
    return replace.call(this, track)
  }
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...rest) {
      super(...rest)
      connections.push(this)
    }
  }
  window.Worker = class extends Worker {
    constructor(...rest) {
      super(...rest)
      workers.push(this)
    }
  }
"""

# Gives every sender its transform one task too late, as a careless change might.
LATE = """
  const { get, set } = Object.getOwnPropertyDescriptor(RTCRtpSender.prototype, "transform")
  Object.defineProperty(RTCRtpSender.prototype, "transform", {
    get,
    set(transform) { setTimeout(() => set.call(this, transform), 200) },
  })
"""

STANDING = """
  JSON.stringify({
    state: window.calls?.state.value,
    peers: window.calls?.peers.value.map(({ name }) => [name, peerNamed(name)]),
    errors: window.calls?.errors.value,
    ownLine: window.calls?.ownLine.value,
    lines: window.calls?.peers.value.map(({ line }) => line.value),
    alarms: line.alarms,
    connections: connections.map(({ connectionState, iceConnectionState, signalingState }) =>
      [connectionState, iceConnectionState, signalingState]),
    heard: line.heard.map(({ from, signal }) => `${from} ${signal.type}`),
  }, null, 1)
"""

FAKE_CAMERA_GREEN = 120


class Caller:
    """One page in its own browser context."""

    def __init__(
        self,
        browser: Browser,
        relay: Relay,
        name: str,
        leaf: int,
        *,
        page: str = "index.html",
        before: str = "",
    ) -> None:
        self.name = name
        self.context = browser.new_context(permissions=["camera", "microphone"])
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.add_init_script(f"{WITNESS};{before}")
        self.address = f"{relay.url}/{page}?name={name}&leaf={leaf}"
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.load()

    def load(self) -> None:
        self.page.goto(self.address)
        self.page.wait_for_selector("body[data-ready=yes]", state="attached")

    def do(self, script: str) -> Any:
        """Runs a script in the page; a promise is awaited."""
        return self.page.evaluate(script)

    def until(self, condition: str) -> None:
        """Waits until a condition holds in the page; says how things stand when it never does."""
        try:
            self.page.wait_for_function(condition)
        except TimeoutError as late:
            raise AssertionError(f"{self.name}: never {condition}\n{self.do(STANDING)}") from late

    def until_state(self, kind: str) -> None:
        self.until(f"calls.state.value.kind === '{kind}'")

    def start(self, *, audio: bool = True, video: bool = True) -> None:
        self.do(f"void calls.start({choice(audio, video)})")

    def answer(self, *, audio: bool = True, video: bool = True) -> None:
        self.until_state("ringing-in")
        self.do(f"void calls.answer({choice(audio, video)})")

    def until_seen(self, who: str, what: str = "camera") -> None:
        """Waits for the fake camera's own colour, and for two different pictures of it."""
        name = f"{who}/{what}"
        green = f"look('{name}')?.mean[1] > {FAKE_CAMERA_GREEN} && look('{name}').mean[2] < 60"
        self.until(green)
        first = self.do(f"look('{name}').print")
        self.until(f"look('{name}').print !== {first}")

    def until_heard(self, who: str) -> None:
        self.do(f"listen('{who}')")
        self.until(f"listen('{who}') > 0.02")

    def peer(self, who: str) -> dict[str, Any]:
        return self.do(f"peerNamed('{who}')")  # type: ignore[no-any-return]

    def ended(self) -> str:
        self.until_state("ended")
        return str(self.do("calls.state.value.reason"))

    def alarms(self) -> list[str]:
        return list(self.do("line.alarms.map(({ kind }) => kind)"))

    def lights_on(self) -> int:
        """How many tracks of camera, microphone or screen are still open."""
        return int(self.do("given.filter(({ readyState }) => readyState === 'live').length"))

    def close(self) -> None:
        self.context.close()


def choice(audio: bool, video: bool) -> str:
    return f"{{ audio: {str(audio).lower()}, video: {str(video).lower()} }}"
