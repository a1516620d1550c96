"""A process that sends numbered messages and files: ``STORE SESSION NAME FROM``."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path

from careseal.client import Session, Store
from careseal.client.errors import ClientError
from careseal.e2ee.identifiers import SessionId


def say(*what: object) -> None:
    print(json.dumps(what), flush=True)


async def send(store: str, session_id: str, name: str, number: int) -> None:
    session = await Session.open(Store.open(Path(store)), SessionId.parse(session_id))
    while True:
        text = f"{name} {number}"
        say("begins", number)
        number += 1
        try:
            if number % 4:
                await session.send(text)
            else:
                await session.send_file(io.BytesIO(text.encode()), name=text)
        except ClientError:  # the server is away: what was kept goes out later
            await asyncio.sleep(0.1)
            continue
        say("acknowledged", text)


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
