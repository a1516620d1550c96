"""How every bare server of the benches runs: on the stack of careseal's own."""

from __future__ import annotations

from typing import Any

import uvicorn


def serve(application: Any, port: int) -> None:
    """Serve an ASGI application on the loopback until the process is ended."""
    uvicorn.run(
        application,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
        backlog=2048,
    )
