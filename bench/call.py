"""How soon a visit can be used, and how soon after "Answer" the other is seen.

Beside it, in the same run and browsers, two bare pages without careseal that start from nothing
when "Answer" is pressed. To reach: 400 ms from the link to the chat, apart from what the person
does, and a ratio of at most 1.0 for the picture.

    python -m bench.call
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from tests.browser.chromium import options_of_chromium
from tests.browser.people import (
    Person,
    browsing,
    clinician,
    join,
    new_context,
    new_session,
)
from tests.serving import ServerProcess, serving

ROUNDS = 7
CHAT_WITHIN = 400  # ms
BARE_PAGE = Path(__file__).with_name("bare_call.html")

# Notes when buttons are pressed, when things are first there, and when the fake camera's green is
# first seen in the other's picture; ms since the page began.
WATCH = """
  window.noted = {}
  window.connections = []
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...rest) {
      super(...rest)
      connections.push(this)
    }
  }
  window.pictures = async () => {
    const report = await connections.at(-1).getStats()
    return [...report.values()].reduce((sum, { framesDecoded = 0 }) => sum + framesDecoded, 0)
  }
  const note = (what) => (noted[what] ??= performance.now())
  addEventListener("click", ({ target }) => {
    const name = target.closest("button")?.textContent.trim()
    if (name) note(`pressed ${name}`)
  }, true)
  const canvas = new OffscreenCanvas(8, 8)
  const context = canvas.getContext("2d", { willReadFrequently: true })
  const watched = new WeakSet()
  const watch = (video) => {
    if (watched.has(video)) return
    watched.add(video)
    const look = () => {
      context.drawImage(video, 0, 0, 8, 8)
      const [red, green, blue] = context.getImageData(3, 3, 1, 1).data
      if (green > 120 && blue < 60) note("seen")
      else video.requestVideoFrameCallback(look)
    }
    video.requestVideoFrameCallback(look)
  }
  const look = () => {
    if (document.querySelector(".composer textarea")) note("chat")
    if (document.querySelector("#name")) note("form")
    document.querySelectorAll("figure.tile video").forEach(watch)
  }
  new MutationObserver(look).observe(document, { subtree: true, childList: true })
"""


def until(page: Page, condition: str) -> None:
    wait = "new Promise((next) => setTimeout(next, 50))"
    page.evaluate(f"async () => {{ while (!({condition})) await {wait} }}")


def seen_after_answer(page: Page) -> float:
    until(page, "noted.seen !== undefined")
    return float(page.evaluate("noted.seen - noted['pressed Answer']"))


def arrival(server: ServerProcess, doctor: Person, far: Browser) -> tuple[float, float]:
    """ms from the link to the form, and from "Join" to the chat, in a new profile."""
    link = new_session(doctor)
    context = new_context(far)
    context.add_init_script(WATCH)
    ann = Person("Ann", context, context.new_page())
    ann.page.goto(link)
    join(ann)
    noted = ann.page.evaluate("noted")
    context.close()
    doctor.page.goto(server.base_url)
    return noted["form"], noted["chat"] - noted["pressed Join"]


def sealed_call(doctor: Person, ann: Person) -> float:
    """ms from "Answer" to the picture; it rings for two seconds, as people let it."""
    expect(doctor.button("Start call")).to_be_enabled()
    doctor.button("Start call").click()
    expect(ann.button("Answer")).to_be_visible()
    until(ann.page, "connections.at(-1)?.connectionState === 'connected'")
    until(ann.page, "await pictures() > 40")
    ann.page.evaluate("() => { noted = {} }")
    ann.button("Answer").click()
    took = seen_after_answer(ann.page)
    doctor.button("Hang up").click()
    for person in (doctor, ann):
        expect(person.button("Hang up")).to_have_count(0)
        person.button("All right").first.click()
    return took


def bare_call(url: str, near: Browser, far: Browser) -> float:
    contexts = [new_context(near), new_context(far)]
    caller, answerer = (context.new_page() for context in contexts)
    answerer.add_init_script(WATCH)
    for page in (caller, answerer):
        page.goto(url)
        page.wait_for_function("line.readyState === WebSocket.OPEN")
    caller.get_by_role("button", name="Call").click()
    answerer.get_by_role("button", name="Answer").click()
    took = seen_after_answer(answerer)
    for context in contexts:
        context.close()
    return took


@contextmanager
def bare_server() -> Iterator[str]:
    """Serves the page, and hands each page's words to the other."""
    here: set[ServerConnection] = set()

    def page(_: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            return None
        body = BARE_PAGE.read_bytes()
        headers = Headers({"Content-Type": "text/html", "Content-Length": str(len(body))})
        return Response(HTTPStatus.OK, "OK", headers, body)

    async def relay(connection: ServerConnection) -> None:
        here.add(connection)
        try:
            async for message in connection:
                for other in here - {connection}:
                    await other.send(message)
        finally:
            here.discard(connection)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> Any:
        return await serve(relay, "127.0.0.1", 0, process_request=page)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    yield f"http://localhost:{server.sockets[0].getsockname()[1]}/"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def report(name: str, rounds: list[float]) -> float:
    median = statistics.median(rounds)
    print(f"{name}: {median:,.0f} ms (of {', '.join(f'{each:,.0f}' for each in rounds)})")
    return median


def main() -> int:
    options = options_of_chromium()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        bare_server() as bare,
        sync_playwright() as playwright,
        browsing(playwright, options) as near,
        browsing(playwright, options) as far,
    ):
        doctor = clinician(near, server.sign_in_link)
        arrivals = [arrival(server, doctor, far) for _ in range(ROUNDS)]
        link = new_session(doctor)
        context = new_context(far)
        context.add_init_script(WATCH)
        ann = Person("Ann", context, context.new_page())
        ann.page.goto(link)
        join(ann)
        pairs = [(sealed_call(doctor, ann), bare_call(bare, near, far)) for _ in range(ROUNDS)]
    report("link opened to the form", [form for form, _ in arrivals])
    report('"Join" to the chat', [chat for _, chat in arrivals])
    arrived = report("link to chat, without the person", [form + chat for form, chat in arrivals])
    report('"Answer" to the first picture, sealed', [sealed for sealed, _ in pairs])
    report('"Answer" to the first picture, bare', [bare for _, bare in pairs])
    ratio = statistics.median(sealed / bare for sealed, bare in pairs)
    print(f"ratio: {ratio:.2f}")
    reached = arrived <= CHAT_WITHIN and ratio <= 1
    print(f"{'reached' if reached else 'NOT reached'}: {CHAT_WITHIN} ms and 1.0")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
