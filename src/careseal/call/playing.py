"""Media files, played into a call."""

from __future__ import annotations

from pathlib import Path

from aiortc.contrib.media import MediaPlayer
from av import FFmpegError

from .errors import MediaRefused
from .pattern import Pattern, Tone
from .sending import Sending

PATTERN = "pattern"


def play(source: str | Path, *, loop: bool = False) -> Sending:
    """What a file sends: its sound as microphone, its picture as camera.

    `pattern` is a moving test picture and a tone. Raises `MediaRefused`.
    """
    if str(source) == PATTERN:
        return Sending(Tone(), Pattern())
    try:
        player = MediaPlayer(str(source), loop=loop)
    except (FFmpegError, OSError, ValueError) as error:
        raise MediaRefused(f"{source} cannot be played.") from error
    if player.audio is None and player.video is None:
        raise MediaRefused(f"{source} has neither sound nor picture.")
    return Sending(player.audio, player.video)
