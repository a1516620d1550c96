"""The Chromium to drive: Debian's, or Playwright's own (``tests/install-system``)."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

FAKE_MEDIA = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def chromium_options() -> dict[str, Any]:
    """Arguments of Playwright's ``chromium.launch``; camera and microphone are made up."""
    options: dict[str, Any] = {"args": FAKE_MEDIA + QUIET}
    if found := os.environ.get("CARESEAL_CHROMIUM") or shutil.which("chromium"):
        options["executable_path"] = found
    if os.geteuid() == 0:
        options["args"].append("--no-sandbox")
    return options
