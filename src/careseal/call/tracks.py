"""What goes out and what comes in, as frames of aiortc's tracks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame
from av.frame import Frame

OnFrame = Callable[[AudioFrame | VideoFrame], None]

_VIDEO_CLOCK = 90_000


class Outlet(MediaStreamTrack):
    """One slot of a call: what is put in it, one source after the other; it never ends.

    Without a source there is nothing at all, so that not even the rhythm of frames tells of
    a muted room.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._source: MediaStreamTrack | None = None
        self._changed = asyncio.Event()
        self._samples = 0
        self._began: float | None = None
        self._offset = 0

    @property
    def source(self) -> MediaStreamTrack | None:
        return self._source

    def put(self, source: MediaStreamTrack | None) -> None:
        """Takes the place of what was there, which is stopped."""
        before, self._source = self._source, source
        self._changed.set()
        if before is not None and before is not source:
            before.stop()
        self._began = None

    def take(self) -> MediaStreamTrack | None:
        """Gives its source back, which goes on."""
        source, self._source = self._source, None
        return source

    async def recv(self) -> Frame:
        while self.readyState == "live":
            source = self._source
            if source is None:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                frame = await source.recv()
            except MediaStreamError:
                if self._source is source:
                    self.put(None)
                continue
            if self._source is source and isinstance(frame, AudioFrame | VideoFrame):
                return self._stamp(frame)
        raise MediaStreamError

    def stop(self) -> None:
        super().stop()
        self.put(None)

    def _stamp(self, frame: AudioFrame | VideoFrame) -> Frame:
        """Time goes on where a new source begins again from zero."""
        if isinstance(frame, AudioFrame):
            frame.pts = self._samples
            frame.time_base = Fraction(1, frame.sample_rate)
            self._samples += frame.samples
            return frame
        told = frame.time or 0.0
        if self._began is None:
            self._began = time.monotonic() - told
        frame.pts = int((self._began + told) * _VIDEO_CLOCK)
        frame.time_base = Fraction(1, _VIDEO_CLOCK)
        return frame


class Gate(MediaStreamTrack):
    """Lets frames of a track through once it is opened."""

    def __init__(self, source: MediaStreamTrack) -> None:
        super().__init__()
        self.kind = source.kind
        self._source = source
        self._opened = asyncio.Event()

    def open(self) -> None:
        self._opened.set()

    async def recv(self) -> Frame:
        await self._opened.wait()
        frame = await self._source.recv()
        assert isinstance(frame, Frame)  # noqa: S101 - narrowed for the type checker
        return frame

    def stop(self) -> None:
        self._source.stop()
        super().stop()


class Inlet:
    """Takes the frames of a remote track as they come, for whoever listens."""

    def __init__(self, may_pass: Callable[[], bool]) -> None:
        self._may_pass = may_pass
        self._listeners: list[OnFrame] = []
        self._pumping: asyncio.Task[None] | None = None

    def listen(self, on_frame: OnFrame) -> Callable[[], None]:
        """Calls `on_frame` with each frame; what is returned ends that."""
        self._listeners.append(on_frame)
        return lambda: self._listeners.remove(on_frame) if on_frame in self._listeners else None

    def begin(self, track: MediaStreamTrack) -> None:
        if self._pumping is None:
            self._pumping = asyncio.create_task(self._pump(track))

    def end(self) -> None:
        if self._pumping is not None:
            self._pumping.cancel()
        self._listeners.clear()

    async def _pump(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if self._may_pass() and isinstance(frame, AudioFrame | VideoFrame):
                for listener in list(self._listeners):
                    listener(frame)
