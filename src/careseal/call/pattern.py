"""A moving test picture and a tone: a call without camera and microphone."""

from __future__ import annotations

import array
import asyncio
import math
import time
from fractions import Fraction

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame
from av.frame import Frame

WIDTH, HEIGHT, RATE = 640, 480, 15
BAR = 80  # pixels
SAMPLE_RATE, SAMPLES = 48_000, 960

_BLUE = (90, 200, 100)  # Y, U, V
_WHITE = 235


class Pattern(MediaStreamTrack):
    """A white bar that moves over blue."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._pace = _Pace(self, 1 / RATE)
        luma, *chroma = _BLUE
        self._row = bytes([luma]) * WIDTH
        self._chroma = [bytes([value]) * (WIDTH * HEIGHT // 4) for value in chroma]

    async def recv(self) -> Frame:
        count = await self._pace.next()
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        at = count * 8 % (WIDTH - BAR)
        row = self._row[:at] + bytes([_WHITE]) * BAR + self._row[at + BAR :]
        for plane, content in zip(frame.planes, [row * HEIGHT, *self._chroma], strict=True):
            plane.update(content)
        frame.pts = count * 90_000 // RATE
        frame.time_base = Fraction(1, 90_000)
        return frame


class Tone(MediaStreamTrack):
    """A sine, half as loud as can be; `frequency` in Hz, a multiple of ten."""

    kind = "audio"

    def __init__(self, frequency: int = 440) -> None:
        super().__init__()
        self._pace = _Pace(self, SAMPLES / SAMPLE_RATE)
        wave = array.array(
            "h",
            (
                round(16_000 * math.sin(2 * math.pi * frequency * at / SAMPLE_RATE))
                for at in range(SAMPLE_RATE // 10)  # whole periods
            ),
        ).tobytes()
        self._parts = [wave[at : at + 2 * SAMPLES] for at in range(0, len(wave), 2 * SAMPLES)]

    async def recv(self) -> Frame:
        count = await self._pace.next()
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(self._parts[count % len(self._parts)])
        frame.sample_rate = SAMPLE_RATE
        frame.pts = count * SAMPLES
        frame.time_base = Fraction(1, SAMPLE_RATE)
        return frame


class _Pace:
    """Counts frames as time goes by."""

    def __init__(self, track: MediaStreamTrack, period: float) -> None:
        self._track = track
        self._period = period
        self._start: float | None = None
        self._count = -1

    async def next(self) -> int:
        """Raises `MediaStreamError` once the track was stopped."""
        now = time.monotonic()
        self._start = now if self._start is None else self._start
        self._count += 1
        await asyncio.sleep(max(0.0, self._start + self._count * self._period - now))
        if self._track.readyState != "live":
            raise MediaStreamError
        return self._count
