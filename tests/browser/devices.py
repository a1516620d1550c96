"""Cameras and microphones that do not work: each failure as a real Chromium makes it."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, Playwright

FAKE = "--use-fake-device-for-media-stream"
Setting = Literal["granted", "denied", "prompt"]

# Counts what is asked for, and lets it happen.
ASKED = """
  const media = navigator.mediaDevices, real = media?.getUserMedia.bind(media)
  window.asked = { audio: 0, video: 0 }
  if (media) media.getUserMedia = (wanted) => {
    if (wanted.audio) asked.audio++
    if (wanted.video) asked.video++
    return real(wanted)
  }
"""
# Two made-up cameras cannot be busy; this is what browsers say of one that another program has.
BUSY = """
  navigator.mediaDevices.getUserMedia = () =>
    Promise.reject(new DOMException("Could not start video source", "NotReadableError"))
"""


@contextmanager
def browser_with(
    playwright: Playwright, options: dict[str, Any], *arguments: str
) -> Iterator[Browser]:
    """A browser without a made-up camera and without its hidden "yes", but for ``arguments``."""
    plain = [flag for flag in options["args"] if "media-stream" not in flag]
    browser = playwright.chromium.launch(**options | {"args": [*plain, *arguments]})
    try:
        yield browser
    finally:
        browser.close()


class Permissions:
    """What a person answers to the questions of a page's browser.

    ``prompt`` without anybody there is a question that is closed without an answer.
    """

    def __init__(self, browser: Browser, page: Page, origin: str) -> None:
        self._session = browser.new_browser_cdp_session()
        self._origin = origin
        session = page.context.new_cdp_session(page)
        info = session.send("Target.getTargetInfo")["targetInfo"]
        self._context = info["browserContextId"]

    def put(self, setting: Setting, *devices: str) -> None:
        for device in devices or ("camera", "microphone"):
            self._session.send(
                "Browser.setPermission",
                {
                    "permission": {"name": device},
                    "setting": setting,
                    "origin": self._origin,
                    "browserContextId": self._context,
                },
            )


def picture_of(path: Path, light: int) -> Path:
    """A Y4M film for Chromium's made-up camera, all of one light (16 is black, 235 white)."""
    width, height = 320, 240
    with path.open("wb") as film:
        film.write(b"YUV4MPEG2 W%d H%d F10:1 Ip A0:0 C420\n" % (width, height))
        film.write(b"FRAME\n" + bytes([light]) * (width * height))
        film.write(bytes([128]) * (width * height // 2))
    return path


def silence(path: Path) -> Path:
    """A second of nothing for Chromium's made-up microphone, which plays it again and again."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(48000)
        sound.writeframes(bytes(2 * 48000))
    return path
