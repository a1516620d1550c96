"""What a call sends from the start."""

from __future__ import annotations

from dataclasses import dataclass

from aiortc.mediastreams import MediaStreamTrack

from .conversation import Conversation
from .link import Slot


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent from the start; None sends nothing."""

    microphone: MediaStreamTrack | None = None
    camera: MediaStreamTrack | None = None
    screen: MediaStreamTrack | None = None

    def put_on(self, conversation: Conversation) -> None:
        sources = (self.microphone, self.camera, self.screen)
        for slot, source in zip(Slot, sources, strict=True):
            conversation.put(slot, source)
