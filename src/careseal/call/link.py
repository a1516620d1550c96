"""One peer connection with one peer of a call (docs/protocol.md §7.2).

The offer has three transceivers; nothing is negotiated again. What is sent goes out only once
the call was answered.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Literal, Protocol

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.sdp import candidate_from_sdp
from cryptography.hazmat.primitives import hashes

from careseal.e2ee.frame import CONTEXT_SIZE, Codec
from careseal.e2ee.identifiers import CallId
from careseal.e2ee.signal import Peer
from careseal.e2ee.signal_payload import (
    CallSignal,
    Candidate,
    Description,
    Media,
    SignalPayload,
)

from .coders import attach
from .description import SECTIONS, Described, read_description, tidy
from .errors import DescriptionRefused
from .events import AlarmKind
from .frames import Keys, StreamOpener, StreamSealer
from .path import Path
from .tracks import Gate, Inlet

_log = logging.getLogger(__name__)

NO_CONTEXT = bytes(CONTEXT_SIZE)
"""Stands where no stream to the recipient exists (docs/protocol.md §7.1)."""

PATIENCE = 3.0
"""Seconds after which another path is looked for, again and again until there is one."""


class Slot(IntEnum):
    """The three transceivers, in order."""

    MICROPHONE = 0
    CAMERA = 1
    SCREEN = 2


CODECS = (Codec.OPUS, Codec.VP8, Codec.VP8)


class LinkState(StrEnum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Sent:
    """What one side says it sends."""

    audio: bool = False
    video: bool = False
    screen: bool = False

    def slot(self, slot: Slot) -> bool:
        return (self.audio, self.video, self.screen)[slot]


class LinkEvents(Protocol):
    """Whom a link tells."""

    def say(self, to: Peer, payload: SignalPayload) -> None:
        """Signals leave in the order they were said."""

    def connected(self, link: Link) -> None: ...

    def interrupted(self, link: Link) -> None:
        """The path is gone; another one is looked for."""

    def sends(self, link: Link) -> None:
        """What the other side says it sends has changed."""

    def betrayed(self, link: Link, alarm: AlarmKind) -> None:
        """Another certificate than the signed one, or frames that were not sealed."""

    def failed(self, link: Link) -> None:
        """The connection is gone, or the other side speaks another language."""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    call: CallId
    peer: Peer
    keys: Keys
    sources: tuple[MediaStreamTrack, MediaStreamTrack, MediaStreamTrack]
    ice_servers: Callable[[], Awaitable[list[dict[str, object]]]]
    relay_only: bool
    sent: Callable[[], Sent]
    events: LinkEvents


class Link:
    """Media to and from one page or process."""

    def __init__(self, options: LinkOptions) -> None:
        self.peer = options.peer
        self.state = LinkState.CONNECTING
        self.remote = Sent()
        self.offerer = False
        self.round = 0
        self.released = False
        self._options = options
        self._events = options.events
        self._described: Described | None = None
        self._pc: RTCPeerConnection | None = None
        self._path: Path | None = None
        self._impatience: asyncio.TimerHandle | None = None
        self._candidates: list[Candidate] = []
        self._steps = asyncio.Lock()
        self._working: set[asyncio.Task[None]] = set()
        self.sealers = tuple(
            StreamSealer(codec, os.urandom(CONTEXT_SIZE), options.keys) for codec in CODECS
        )
        self.openers = tuple(StreamOpener(codec, options.keys) for codec in CODECS)
        self.inlets = tuple(Inlet(self._may_show(slot)) for slot in Slot)
        self._gates = tuple(map(Gate, options.sources))

    # What is done --------------------------------------------------------------------------

    def offer(self) -> None:
        """Offers; the call rings at the other side with it."""
        self.offerer = True

        async def work() -> None:
            pc = await self._connection()
            await pc.setLocalDescription(await pc.createOffer())
            self._describe("offer", pc)
            self.announce()

        self._step(work)

    def restart(self) -> None:
        """Looks for another path: offered by the offerer, asked for by the other."""
        if not self.offerer:
            self._say(CallSignal("restart", self._options.call))
            return

        async def work() -> None:
            if self._path is not None and self._described is not None:
                self.round += 1
                self._say(await self._on_another_path(self._path, "offer"))

        self._step(work)

    def take(self, signal: Description | Candidate | Media) -> None:
        """A signal of the peer about this connection."""
        match signal:
            case Description(type="offer"):
                self._step(lambda: self._take_offer(signal))
            case Description():
                self._step(lambda: self._take_answer(signal))
            case Candidate():
                self._candidates.append(signal)
                self._step(self._add_candidates)
            case Media():
                self._take_media(signal)

    def announce(self) -> None:
        """Tells what is being sent, with the contexts it is sealed under."""
        sent = self._options.sent()
        contexts = self.sealers[0].context, self.sealers[1].context, self.sealers[2].context
        call = self._options.call
        self._say(Media(call, sent.audio, sent.video, sent.screen, contexts))

    def release(self) -> None:
        """The call was answered: from now on media goes out, and what comes is shown."""
        self.released = True
        for gate in self._gates:
            gate.open()

    def close(self) -> Awaitable[None]:
        """No frame goes out or is shown from now on; what is returned is done when all is."""
        self.state = LinkState.CLOSED
        self._be_patient()
        for inlet in self.inlets:
            inlet.end()
        for gate in self._gates:
            gate.stop()
        return self._shut()

    # Negotiation ---------------------------------------------------------------------------

    async def _take_offer(self, signal: Description) -> None:
        if self.offerer or (self._pc is not None and signal.round <= self.round):
            return
        if self._path is not None:
            await self._take_restart(self._path, signal)
            return
        if signal.round != 0:
            return
        self._accept(signal)
        pc = await self._connection()
        await pc.setRemoteDescription(RTCSessionDescription(signal.sdp, "offer"))
        self._open_inlets(pc)
        await pc.setLocalDescription(await pc.createAnswer())
        self.announce()  # goes first, so that no frame comes before the contexts
        self._describe("answer", pc)
        await self._add_candidates()

    async def _take_restart(self, path: Path, signal: Description) -> None:
        self._accept(signal)
        self.round = signal.round
        self._say(await self._on_another_path(path, "answer"))
        await path.take(signal.sdp)
        await self._add_candidates()

    async def _on_another_path(self, path: Path, kind: Literal["offer", "answer"]) -> Description:
        options = self._options
        servers = [_ice_server(each) for each in await options.ice_servers()]
        before = tidy(self._connected_pc.localDescription.sdp)
        sdp = await path.prepare(servers, relay_only=options.relay_only, sdp=before)
        return Description(kind, options.call, sdp, self.round)

    @property
    def _connected_pc(self) -> RTCPeerConnection:
        assert self._pc is not None  # noqa: S101 - narrowed for the type checker
        return self._pc

    async def _take_answer(self, signal: Description) -> None:
        pc = self._pc
        if not self.offerer or pc is None or signal.round != self.round:
            return
        if self.round > 0 and self._path is not None:
            self._accept(signal)
            await self._path.take(signal.sdp)
            await self._add_candidates()
            return
        if pc.signalingState != "have-local-offer":
            return
        self._accept(signal)
        await pc.setRemoteDescription(RTCSessionDescription(signal.sdp, "answer"))
        self._open_inlets(pc)
        await self._add_candidates()

    def _take_media(self, signal: Media) -> None:
        if NO_CONTEXT not in signal.context:
            for opener, context in zip(self.openers, signal.context, strict=True):
                opener.announce(self.peer.leaf, context)
        before, self.remote = self.remote, Sent(signal.audio, signal.video, signal.screen)
        if before != self.remote:
            self._events.sends(self)

    def _accept(self, signal: Description) -> None:
        """The certificate stays the same for the life of the connection."""
        described = read_description(signal.sdp)
        if self._described not in (None, described):
            raise DescriptionRefused("another certificate")
        self._described = described

    async def _connection(self) -> RTCPeerConnection:
        if self._pc is not None:
            return self._pc
        servers = [_ice_server(each) for each in await self._options.ice_servers()]
        policy = "relay" if self._options.relay_only else "all"
        pc = RTCPeerConnection(
            RTCConfiguration(
                iceServers=servers,
                iceTransportPolicy=RTCIceTransportPolicy(policy),
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        self._pc = pc
        for slot, kind in zip(Slot, SECTIONS, strict=True):
            self._attach(pc.addTransceiver(kind, direction="sendrecv"), slot)
        self._path = Path(pc.getTransceivers()[0].sender.transport.transport, self._changed_path)
        pc.on("connectionstatechange", lambda: self._state_changed(pc))
        return pc

    def _attach(self, transceiver: RTCRtpTransceiver, slot: Slot) -> None:
        transceiver.setCodecPreferences(_sealable(SECTIONS[slot]))
        attach(transceiver, self.sealers[slot], self.openers[slot], self._came_unsealed)
        transceiver.sender.replaceTrack(self._gates[slot])

    def _open_inlets(self, pc: RTCPeerConnection) -> None:
        for inlet, transceiver in zip(self.inlets, pc.getTransceivers(), strict=True):
            inlet.begin(transceiver.receiver.track)

    def _describe(self, kind: Any, pc: RTCPeerConnection) -> None:
        sdp = tidy(pc.localDescription.sdp)
        self._say(Description(kind, self._options.call, sdp, self.round))

    async def _add_candidates(self) -> None:
        pc = self._pc
        if pc is None or pc.remoteDescription is None:
            return
        due, self._candidates = self._candidates, []
        self._candidates = [signal for signal in due if signal.round > self.round]
        for signal in due:
            if signal.round != self.round:
                continue
            # One that this machine cannot use, as of a family it lacks, is no reason to end.
            with suppress(ValueError, OSError, AssertionError, IndexError):
                if self.round > 0 and self._path is not None:
                    await self._path.add(_candidate(signal))
                else:
                    await pc.addIceCandidate(_candidate(signal))

    # What happens --------------------------------------------------------------------------

    def _state_changed(self, pc: RTCPeerConnection) -> None:
        if self.state is LinkState.CLOSED:
            return
        transport = pc.getTransceivers()[0].sender.transport
        if not self._is_described(transport):
            self._events.betrayed(self, "foreign-fingerprint")
        elif pc.connectionState == "connected" and self.state is LinkState.CONNECTING:
            self.state = LinkState.CONNECTED
            self._events.connected(self)
        elif transport.state in ("failed", "closed") or self.state is LinkState.CONNECTING:
            if pc.connectionState in ("failed", "closed"):
                self._fail()
        elif pc.connectionState == "failed" and self._path and not self._path.replaced:
            self._interrupt()

    def _changed_path(self, up: bool) -> None:
        if self.state is LinkState.CLOSED:
            return
        if not up:
            self._interrupt()
        elif self.state is LinkState.RECONNECTING:
            self._be_patient()
            self.state = LinkState.CONNECTED
            self._events.connected(self)

    def _interrupt(self) -> None:
        """Whoever ends the call when nobody comes back, it is not the link."""
        self.state = LinkState.RECONNECTING
        self._events.interrupted(self)
        self._lose_patience()

    def _lose_patience(self) -> None:
        if self.state is LinkState.RECONNECTING:
            self.restart()
            loop = asyncio.get_running_loop()
            self._impatience = loop.call_later(PATIENCE, self._lose_patience)

    def _be_patient(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None

    def _is_described(self, transport: Any) -> bool:
        """aiortc refuses another certificate by itself; here it is told apart from bad luck."""
        ssl = transport._ssl
        certificate = ssl and ssl.get_peer_certificate(as_cryptography=True)
        if not certificate:
            return True
        found: bytes = certificate.fingerprint(hashes.SHA256())
        return self._described is not None and found == self._described.fingerprint

    def _came_unsealed(self) -> None:
        if self.state is not LinkState.CLOSED:
            self._say(CallSignal("unsealed", self._options.call))
            self._events.betrayed(self, "unsealed-media")

    def _may_show(self, slot: Slot) -> Callable[[], bool]:
        return lambda: self.released and self.remote.slot(slot)

    def _say(self, payload: SignalPayload) -> None:
        self._events.say(self.peer, payload)

    # One after the other -------------------------------------------------------------------

    def _step(self, work: Callable[[], Awaitable[None]]) -> None:
        """One after the other, and none after the end."""

        async def in_turn() -> None:
            async with self._steps:
                if self.state is LinkState.CLOSED:
                    return
                try:
                    await work()
                except Exception as error:  # whatever a description makes aiortc raise
                    _log.debug("a connection of a call failed", exc_info=error)
                    self._fail()

        task = asyncio.create_task(in_turn())
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    def _fail(self) -> None:
        if self.state is not LinkState.CLOSED:
            self._events.failed(self)

    async def _shut(self) -> None:
        async with self._steps:
            if self._pc is not None:
                await self._pc.close()
                # aiortc may still have been connecting: what it started behind its own back stops,
                # or a decoder's thread would keep the process from ending.
                for transceiver in self._pc.getTransceivers():
                    await transceiver.stop()
            if self._path is not None:
                await self._path.close()


def _sealable(kind: str) -> list[Any]:
    wanted = ("audio/opus",) if kind == "audio" else ("video/vp8", "video/rtx")
    codecs = RTCRtpSender.getCapabilities(kind).codecs
    return [each for each in codecs if each.mimeType.lower() in wanted]


def _ice_server(server: dict[str, object]) -> RTCIceServer:
    username, credential = server.get("username"), server.get("credential")
    urls = server["urls"]
    return RTCIceServer(
        [str(each) for each in urls] if isinstance(urls, list) else str(urls),
        None if username is None else str(username),
        None if credential is None else str(credential),
    )


def _candidate(signal: Candidate) -> Any:
    if signal.candidate is None:
        return None
    candidate = candidate_from_sdp(signal.candidate.removeprefix("candidate:"))
    candidate.sdpMid = signal.mid
    candidate.sdpMLineIndex = signal.line
    return candidate
