"""The Chromium to drive: Debian's, or Playwright's own (``tests/install-system``)."""

from __future__ import annotations

import os
import shutil
from typing import Any

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
# Two pages for the address bar beside each window: a second of processor that nobody sees.
ADDRESS_BAR = ["WebUIOmniboxAimPopup", "WebUIOmniboxPopup"]
# Those that Playwright turns off, said again because only the last such list counts.
UNWANTED = [
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
]


def options_of_chromium(*unwanted: str) -> dict[str, Any]:
    """Arguments of Playwright's ``chromium.launch``; camera and microphone are made up.

    ``unwanted`` are further features of Chromium to turn off.
    """
    features = ",".join([*ADDRESS_BAR, *UNWANTED, *unwanted])
    options: dict[str, Any] = {"args": [*FAKE_MEDIA, *QUIET, f"--disable-features={features}"]}
    if found := os.environ.get("CARESEAL_CHROMIUM") or shutil.which("chromium"):
        options["executable_path"] = found
    if os.geteuid() == 0:
        options["args"].append("--no-sandbox")
    return options
