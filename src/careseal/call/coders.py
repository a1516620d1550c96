"""SFrame at the coders of one transceiver (docs/protocol.md §7.3).

Frames are sealed between encoder and packets, and opened between packets and decoder. It fails
closed: a frame that cannot be sealed is not sent, and what does not open is not decoded.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpTransceiver
from aiortc.codecs.opus import OpusEncoder
from aiortc.codecs.vpx import Vp8Encoder, VpxPayloadDescriptor
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtcpByePacket, RtpPacket
from av.frame import Frame

from .errors import CallError
from .frames import Outcome, StreamOpener, StreamSealer

VIDEO_PACKETS = 512
"""Packets that may wait for one that is missing."""
LONGEST_GAP = 0.5
"""Seconds for which they do."""


class SealingVp8Encoder(Vp8Encoder):
    """VP8 whose frames are sealed before they are cut into packets."""

    def __init__(self, sealer: StreamSealer) -> None:
        super().__init__()
        self._sealer = sealer
        self._torn = False

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        whole, self._torn = force_keyframe or self._torn, False
        return super().encode(frame, whole)

    def _packetize(self, buffer: bytes, picture_id: int) -> list[bytes]:  # type: ignore[override]
        if not buffer:
            return []
        sealed = self._sealer.seal(buffer)
        if sealed is None:  # what follows builds on it: begin with a whole picture again
            self._torn = True
            return []
        return super()._packetize(sealed, picture_id)


class SealingOpusEncoder(OpusEncoder):
    """Opus whose packets are sealed whole."""

    def __init__(self, sealer: StreamSealer) -> None:
        super().__init__()
        self._sealer = sealer

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        packets, timestamp = super().encode(frame, force_keyframe)
        sealed = map(self._sealer.seal, packets)
        return [each for each in sealed if each is not None], timestamp


class OpeningQueue(queue.Queue[Any]):
    """What leads to a decoder: only frames that open go in."""

    def __init__(
        self,
        opener: StreamOpener,
        ask_whole: Callable[[], None],
        unsealed: Callable[[], None],
    ) -> None:
        super().__init__()
        self._opener = opener
        self._ask_whole = ask_whole
        self._unsealed = unsealed
        self._missing = False

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:  # the decoder's end
            super().put(None)
            return
        codec, frame = item
        opened = self._opener.open(frame.data)
        if isinstance(opened, bytes):
            if self._missing:
                self._ask_whole()
            self._missing = False
            super().put((codec, JitterFrame(opened, frame.timestamp)))
            return
        self._missing = True
        if opened is Outcome.UNSEALED:
            self._unsealed()


class WholeFrames(JitterBuffer):
    """Lets no frame through whose beginning is missing: it would look like one unsealed.

    And waits for what is missing no longer than eyes do.
    """

    def __init__(self) -> None:
        super().__init__(VIDEO_PACKETS, is_video=True)
        self._torn = False
        self._last_frame = time.monotonic()

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        self._torn = False
        ask_whole, frame = super().add(packet)
        now = time.monotonic()
        if frame is not None:
            self._last_frame = now
        elif now - self._last_frame > LONGEST_GAP and self._has_gap_before(packet):
            self._last_frame = now
            self.remove(self.capacity)
            self._origin = None  # goes on from here, with a whole picture
            super().add(packet)
            ask_whole = True
        return ask_whole or self._torn, frame

    def _has_gap_before(self, packet: RtpPacket) -> bool:
        if self._origin is None:
            return False
        count = (packet.sequence_number - self._origin) % 65536
        places = ((self._origin + at) % self.capacity for at in range(count))
        return count < self.capacity and any(self._packets[place] is None for place in places)

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        first = None if self._origin is None else self._packets[self._origin % self.capacity]
        frame = super()._remove_frame(sequence_number)
        if frame is not None and (first is None or not _begins_frame(first)):
            self._torn = True
            return None
        return frame


def _begins_frame(packet: RtpPacket) -> bool:
    try:
        descriptor, _ = VpxPayloadDescriptor.parse(packet.payload)
    except ValueError:
        return False
    return descriptor.partition_start == 1 and descriptor.partition_id == 0


def attach(
    transceiver: RTCRtpTransceiver,
    sealer: StreamSealer,
    opener: StreamOpener,
    unsealed: Callable[[], None],
) -> None:
    """Puts sealing and opening between a transceiver's coders and its packets.

    Before anything is sent or received. Raises `CallError` where aiortc is built otherwise:
    then there is no call, rather than one that is not sealed.
    """
    sender, receiver = transceiver.sender, transceiver.receiver
    video = transceiver.kind == "video"
    encoder = SealingVp8Encoder(sealer) if video else SealingOpusEncoder(sealer)
    _put(sender, "_RTCRtpSender__encoder", encoder)
    torn = getattr(receiver, "_RTCRtpReceiver__decoder_error", None)
    if not isinstance(torn, threading.Event):
        raise CallError("This version of aiortc cannot be used: its receiver is built otherwise.")
    _put(receiver, "_RTCRtpReceiver__decoder_queue", OpeningQueue(opener, torn.set, unsealed))
    if video:
        _put(receiver, "_RTCRtpReceiver__jitter_buffer", WholeFrames())
    _outlive_pauses(receiver)


def _put(owner: object, name: str, value: object) -> None:
    if not hasattr(owner, name):
        raise CallError(f"This version of aiortc cannot be used: it has no {name}.")
    setattr(owner, name, value)


def _outlive_pauses(receiver: Any) -> None:
    """A browser says BYE when it mutes; the slot stays, so the decoder does too."""
    handle = receiver._handle_rtcp_packet

    async def without_bye(packet: object) -> None:
        if not isinstance(packet, RtcpByePacket):
            await handle(packet)

    receiver._handle_rtcp_packet = without_bye
