"""Matrix: Synapse on SQLite, and two clients of matrix-nio in an encrypted room."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path

from bench.peers.processes import ROOT, Missing, packages, running
from tests.ports import free_ports

SETTINGS = """
server_name: localhost
pid_file: {folder}/synapse.pid
signing_key_path: {folder}/signing.key
media_store_path: {folder}/media
database: {{name: sqlite3, args: {{database: {folder}/synapse.db}}}}
listeners:
  - {{port: {port}, type: http, bind_addresses: [127.0.0.1], resources: [{{names: [client]}}]}}
registration_shared_secret: {secret}
macaroon_secret_key: {secret}
trusted_key_servers: []
report_stats: false
rc_message: {{per_second: 10000, burst_count: 10000}}
rc_login:
  address: {{per_second: 100, burst_count: 100}}
  account: {{per_second: 100, burst_count: 100}}
"""
NAMES = ("roe", "ann")
WITHIN = 300  # s


def chat(folder: Path, count: int) -> list[float]:
    """Seconds from a message's sending until the other client shows it opened, one after another.

    Raises `Missing`.
    """
    programs = packages("matrix", "matrix-synapse", "matrix-nio[e2e]")
    folder.mkdir()
    (port,) = free_ports(1)
    password = secrets.token_hex(8)
    settings = folder / "synapse.yaml"
    settings.write_text(SETTINGS.format(folder=folder, port=port, secret=secrets.token_hex(16)))
    synapse = [programs / "python", "-m", "synapse.app.homeserver", "-c", settings]
    subprocess.run([*map(str, synapse), "--generate-keys"], check=True, capture_output=True)
    url = f"http://127.0.0.1:{port}"
    with running(*synapse, port=port, log=folder / "synapse.log"):
        for name in NAMES:
            register = [programs / "register_new_matrix_user", "-c", settings, "-u", name]
            register += ["-p", password, "--no-admin", url]
            subprocess.run([str(part) for part in register], check=True, capture_output=True)
        script = ROOT / "bench/peers/matrix_clients.py"
        clients = [programs / "python", script, url, folder, password, count]
        done = subprocess.run(
            [str(part) for part in clients],
            check=False,
            capture_output=True,
            text=True,
            timeout=WITHIN,
        )
    if done.returncode:
        raise Missing(f"the clients of Matrix do not work here: {done.stderr[-300:]}")
    return [float(each) for each in json.loads(done.stdout)]
