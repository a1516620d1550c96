"""A WebSocket that sends to everybody what one sends, on the stack of careseal's own, as a floor.

python -m bench.peers.bare_echo FOLDER PORT
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from bench.peers.bare import serve

ROOMS: dict[str, set[WebSocket]] = defaultdict(set)


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    room = ROOMS[socket.path_params["room"]]
    room.add(socket)
    await socket.send_text("ready")
    async for text in socket.iter_text():
        for other in list(room):
            await other.send_text(text)
    room.discard(socket)


def main(port: int) -> None:
    serve(Starlette(routes=[WebSocketRoute("/{room}", echo)]), port)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    main(int(sys.argv[2]))
