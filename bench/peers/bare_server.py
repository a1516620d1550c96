"""A server that stores what is put and gives it back, on the stack of careseal's own, as a floor.

What it acknowledges is on disk, as at careseal's. Nothing is checked, sealed or counted.

    python -m bench.peers.bare_server FOLDER PORT
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from bench.peers.bare import serve
from careseal.server.durable import sync_file, sync_folder

BUFFER = 256 * 1024
PAGE = """<!doctype html><title>bare</title><input type=file>
<script>
const up = async (name) => {
  const body = document.querySelector("input").files[0]
  const answer = await fetch(`/${name}`, { method: "PUT", body })
  if (!answer.ok) throw new Error(answer.status)
}
// To the private disk and from there to the downloads, as careseal's page does it.
const down = async (name) => {
  const root = await navigator.storage.getDirectory()
  const handle = await root.getFileHandle(name, { create: true })
  const answer = await fetch(`/${name}`)
  await answer.body.pipeTo(await handle.createWritable())
  const link = document.createElement("a")
  link.href = URL.createObjectURL(await handle.getFile())
  link.download = name
  link.click()
}
const clear = async () => {
  const root = await navigator.storage.getDirectory()
  for await (const name of root.keys()) await root.removeEntry(name)
  return true
}
</script>"""


def application(folder: Path) -> Starlette:
    async def put(request: Request) -> Response:
        path = folder / request.path_params["name"]
        with path.open("wb", buffering=BUFFER) as file:
            async for chunk in request.stream():
                file.write(chunk)
        await asyncio.to_thread(sync_file, path)
        await asyncio.to_thread(sync_folder, folder)
        return Response(status_code=201)

    async def get(request: Request) -> Response:
        return FileResponse(folder / request.path_params["name"])

    async def page(request: Request) -> Response:
        return Response(PAGE, media_type="text/html")

    return Starlette(
        routes=[
            Route("/", page),
            Route("/{name}", put, methods=["PUT"]),
            Route("/{name}", get, methods=["GET"]),
        ]
    )


def main(folder: Path, port: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    serve(application(folder), port)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
