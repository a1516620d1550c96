"""``careseal`` without one kind of sync, to see that the tests notice: ``FAULTS_WITHOUT``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Pool, event

from careseal.cli import main
from careseal.server import blobs, single, tokens
from careseal.server.store import engines


def _nothing(path: Path) -> None:
    """No sync."""


match os.environ["FAULTS_WITHOUT"]:
    case "database":
        # Each time that it is used, for the server sets its own when it connects.
        @event.listens_for(Pool, "checkout")
        def _prepare(connection: Any, _record: Any, _proxy: Any) -> None:
            connection.execute("PRAGMA synchronous = OFF")

    case "folders":
        for module in (blobs, engines, single, tokens):
            module.sync_folder = _nothing  # type: ignore[attr-defined]
    case "parts":
        blobs.sync_file = _nothing  # type: ignore[attr-defined]

main()
