"""Eyes and ears: what a frame really shows, and which tone is really heard."""

from __future__ import annotations

import array
import asyncio
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from av import AudioFrame, AudioResampler, VideoFrame

from careseal.call.tracks import Inlet

SIDE = 16


def mean_colour(frame: VideoFrame) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, over the whole picture."""
    small = frame.reformat(SIDE, SIDE, "rgb24")
    plane = small.planes[0]
    data = bytes(plane)
    rows = [data[y * plane.line_size :][: 3 * SIDE] for y in range(SIDE)]
    pixels = b"".join(rows)
    red, green, blue = (sum(pixels[channel::3]) // (SIDE * SIDE) for channel in range(3))
    return red, green, blue


def fingerprint(frame: VideoFrame) -> bytes:
    return bytes(frame.reformat(SIDE, SIDE, "gray").planes[0])


def frequency(samples: array.array[int], rate: int) -> float:
    """Hz of a tone, by how often it goes up through zero; pauses do not count.

    A hum near zero is silence, which has 0 Hz.
    """
    crossings, low = [], False
    for at, sample in enumerate(samples):
        if sample < -1000:
            low = True
        elif sample > 1000 and low:
            low = False
            crossings.append(at)
    if len(crossings) < 10:
        return 0.0
    return rate / mean(sorted(after - before for before, after in pairwise(crossings))[3:-3])


@dataclass
class Watcher:
    """Waits for what an inlet shows."""

    inlet: Inlet

    def __post_init__(self) -> None:
        self._frames: asyncio.Queue[AudioFrame | VideoFrame] = asyncio.Queue()
        self.inlet.listen(self._frames.put_nowait)

    @property
    def count(self) -> int:
        return self._frames.qsize()

    async def frame(self, within: float = 20) -> AudioFrame | VideoFrame:
        async with asyncio.timeout(within):
            return await self._frames.get()

    async def moving_picture(self) -> tuple[int, int, int]:
        """Its colour, once two different pictures were seen."""
        prints: set[bytes] = set()
        while True:
            frame = await self.frame()
            assert isinstance(frame, VideoFrame)
            prints.add(fingerprint(frame))
            if len(prints) >= 3:
                return mean_colour(frame)

    async def tone(self, seconds: float = 0.5) -> float:
        """Hz over that time, from when something is heard."""
        resampler = AudioResampler(format="s16", layout="mono", rate=48_000)
        samples = array.array("h")
        while len(samples) < seconds * 48_000:
            frame = await self.frame()
            assert isinstance(frame, AudioFrame)
            for part in resampler.resample(frame):
                heard = array.array("h", bytes(part.planes[0])[: 2 * part.samples])
                if samples or max(heard, default=0) > 3000:
                    samples += heard
        return frequency(samples, 48_000)
