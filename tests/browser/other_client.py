"""The server with the web client of ``CARESEAL_TEST_WEB``: changing that folder is an upgrade."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from careseal.cli import main
from careseal.server import web_client

if __name__ == "__main__":
    folder = Path(os.environ["CARESEAL_TEST_WEB"])
    web_client.WebClient = partial(web_client.WebClient, folder)  # type: ignore[assignment, misc]
    main()
