"""A supervisor of two processes that do nothing, for test_supervisor.py.

    python -m tests.server.supervised FOLDER START_AT_MOST

Each that is ready leaves its process id in the folder. None starts while there are as many as
``START_AT_MOST`` says, unless the folder has a file named "go on"; with one named "wait" it never
says that it is ready, and leaves "starting".
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from careseal.server.request_log import set_up
from careseal.server.supervisor import CannotWork, Supervisor, say_ready


def work(folder: Path, most: int, _listening: socket.socket, parent: Connection) -> None:
    if len(list(folder.glob("*.pid"))) >= most and not (folder / "go on").exists():
        if (folder / "wait").exists():
            (folder / "starting").touch()
            signal.sigwait([signal.SIGUSR1])
        return
    (folder / f"{os.getpid()}.pid").touch()
    say_ready(parent)
    signal.sigwait([signal.SIGTERM])


def main(folder: Path, most: int) -> int:
    set_up()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        try:
            supervisor = Supervisor(partial(work, folder, most), listening, 2)
            supervisor.run((folder / "started").touch)
        except CannotWork:
            return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
