"""What a peer sends, written to a media file."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av import AudioFrame, AudioResampler, VideoFrame

from .errors import MediaRefused
from .link import Link, Slot

_Item = tuple[float, AudioFrame | VideoFrame]
"""Seconds since the first frame, and a frame."""

RATE = 48_000
PATIENCE = 2.0
"""Seconds of sound after which the size of the picture is taken to be the usual one."""
_MILLISECONDS = Fraction(1, 1000)
_CODECS = {  # by container: sound, picture
    "wav": ("pcm_s16le", None),
    "mp3": ("mp3", None),
    "ogg": ("libopus", None),
    "opus": ("libopus", None),
    "webm": ("libopus", "libvpx"),
}
_OTHERS = "aac", "libx264"
_FAST = {
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libx264": {"preset": "ultrafast", "tune": "zerolatency"},
}


class Recorder:
    """Writes microphone and camera of a link to a file, in a thread of its own.

    Only what the call shows: nothing before it was answered, nothing while muted.
    """

    def __init__(self, path: Path) -> None:
        """The ending says which kind of file: webm, mp4, mkv, ogg, wav… Raises `MediaRefused`."""
        try:
            self._file: Any = av.open(str(path), "w")
            sound, picture = _CODECS.get(self._file.format.name, _OTHERS)
            self._sound: Any = self._file.add_stream(sound, rate=RATE, layout="stereo")
            self._picture: Any = None
            if picture is not None:
                self._picture = self._file.add_stream(picture, options=_FAST[picture])
                self._picture.pix_fmt = "yuv420p"
                self._picture.codec_context.time_base = _MILLISECONDS
        except (av.FFmpegError, OSError, ValueError) as error:
            raise MediaRefused(f"{path} cannot be written.") from error
        context: Any = self._sound.codec_context
        self._resampler = AudioResampler(context.format, "stereo", RATE)
        self._frames: queue.Queue[_Item | None] = queue.Queue()
        self._unlisten: list[Callable[[], None]] = []
        self._error: Exception | None = None
        self._start: float | None = None
        self._samples: int | None = None
        self._last_picture = -1
        self._thread = threading.Thread(target=self._write_all, name="recorder", daemon=True)
        self._thread.start()

    def record(self, link: Link) -> None:
        """What comes from that peer, from now on."""
        for slot in (Slot.MICROPHONE, Slot.CAMERA):
            self._unlisten.append(link.inlets[slot].listen(self.take))

    def close(self) -> None:
        """Ends the file. Blocks until all is written. Raises `MediaRefused`."""
        for unlisten in self._unlisten:
            unlisten()
        self._unlisten.clear()
        self._frames.put(None)
        self._thread.join()
        if self._error is not None:
            raise MediaRefused("The recording could not be written.") from self._error

    def take(self, frame: AudioFrame | VideoFrame) -> None:
        """Writes a frame as of now."""
        now = time.monotonic()
        self._start = now if self._start is None else self._start
        self._frames.put((now - self._start, frame))

    def _write_all(self) -> None:
        try:
            held = self._await_picture()
            while (item := held.pop(0) if held else self._frames.get()) is not None:
                self._write(*item)
            for stream, written in (
                (self._sound, self._samples is not None),
                (self._picture, self._last_picture >= 0),
            ):
                if written:
                    self._file.mux(stream.encode(None))
            self._file.close()
        except (av.FFmpegError, OSError, ValueError) as error:
            self._error = error

    def _await_picture(self) -> list[_Item | None]:
        """The size of the picture must be known before anything is written."""
        held: list[_Item | None] = []
        while self._picture is not None:
            held.append(item := self._frames.get())
            if item is None or item[0] > PATIENCE:
                break
            if isinstance(item[1], VideoFrame):
                self._picture.width, self._picture.height = item[1].width, item[1].height
                break
        return held

    def _write(self, at: float, frame: AudioFrame | VideoFrame) -> None:
        if isinstance(frame, AudioFrame):
            self._write_sound(at, frame)
        elif self._picture is not None:
            self._write_picture(at, frame)

    def _write_sound(self, at: float, frame: AudioFrame) -> None:
        """Samples follow each other; a pause is left where nothing came for longer."""
        frame.pts = None
        for part in self._resampler.resample(frame):
            due = round(at * RATE)
            if self._samples is None or due - self._samples > RATE:
                self._samples = due
            part.pts = self._samples
            part.time_base = Fraction(1, RATE)
            self._samples += part.samples
            self._file.mux(self._sound.encode(part))

    def _write_picture(self, at: float, frame: VideoFrame) -> None:
        stream = self._picture
        fitting = frame.reformat(stream.width, stream.height, "yuv420p")
        self._last_picture = max(self._last_picture + 1, round(at * 1000))
        fitting.pts = self._last_picture
        fitting.time_base = _MILLISECONDS
        self._file.mux(stream.encode(fitting))
