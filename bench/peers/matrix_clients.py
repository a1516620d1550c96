"""Two clients in an encrypted room: ``URL FOLDER PASSWORD COUNT``. Run by the peer's own Python.

Prints a JSON list of the seconds from each message's sending until the other has opened it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from nio import AsyncClient, AsyncClientConfig, RoomMessageText

WARMING = 10
ENCRYPTION = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}


async def client(url: str, folder: Path, name: str, password: str) -> Any:
    store = folder / name
    store.mkdir()
    config = AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True)
    made = AsyncClient(url, f"@{name}:localhost", store_path=str(store), config=config)
    await made.login(password)
    await made.sync(timeout=0, full_state=True)
    return made


async def run(url: str, folder: Path, password: str, count: int) -> list[float]:
    roe = await client(url, folder, "roe", password)
    ann = await client(url, folder, "ann", password)
    shown: asyncio.Queue[tuple[str, float]] = asyncio.Queue()

    async def show(_room: Any, event: Any) -> None:
        if event.sender == "@roe:localhost":
            shown.put_nowait((event.body, time.perf_counter()))

    ann.add_event_callback(show, RoomMessageText)
    made = await roe.room_create(invite=["@ann:localhost"], initial_state=[ENCRYPTION])
    await ann.join(made.room_id)
    following = [asyncio.create_task(each.sync_forever(timeout=30000)) for each in (roe, ann)]
    await asyncio.gather(roe.synced.wait(), ann.synced.wait())
    while "@ann:localhost" not in roe.rooms[made.room_id].users:
        await roe.synced.wait()
        await asyncio.sleep(0.05)
    spent = []
    for number in range(WARMING + count):
        content = {"msgtype": "m.text", "body": f"message {number}"}
        began = time.perf_counter()
        sending = asyncio.create_task(
            roe.room_send(made.room_id, "m.room.message", content, ignore_unverified_devices=True)
        )
        body, moment = await asyncio.wait_for(shown.get(), 30)
        assert body == content["body"]
        await sending
        spent.append(moment - began)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    for each in (roe, ann):
        await each.close()
    return spent[WARMING:]


if __name__ == "__main__":
    address, place, secret, many = sys.argv[1:]
    print(json.dumps(asyncio.run(run(address, Path(place), secret, int(many)))))
