"""What a collector of traces gets: where time goes, and nothing of whom or what."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from careseal.server import traces
from tests.browser.canaries import forms
from tests.form import new_stores
from tests.server.test_backup import upload
from tests.server.visits import Visit
from tests.serving import ServerProcess, serving


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes spans: its URL, and what was sent to it."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            got.append(gzip.decompress(body) if packed else body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spans_of(bodies: list[bytes]) -> list[Span]:
    return [
        span
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_a_visit_is_traced_and_not_described(tmp_path: Path) -> None:
    with collector() as (url, bodies):
        with (
            serving(tmp_path, f"--traces={url}", "--name=CanaryClinic") as server,
            server.sign_in() as signed_in,
            server.client() as client,
        ):
            visit = Visit().create(signed_in)
            guest = visit.join(client, 0)
            visit.write(client, guest, 1)
            file, _ = upload(client, visit)
            heard = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
            client.get(f"/{visit.id}?{guest.token.text}", headers=heard)
        spans = spans_of(bodies)  # the server has ended: the last are sent
    write = next(s for s in spans if s.name == "POST /api/telemedicine/sessions/{session}/chat")
    about = {each.key: each.value for each in write.attributes}
    assert set(about) == {"http.request.method", "http.route", "http.response.status_code"}
    assert about["http.response.status_code"].int_value == 201
    steps = [span for span in spans if span.parent_span_id == write.span_id]
    assert {"database read", "database write"} >= {span.name for span in steps} != set()
    for step in steps:
        assert write.start_time_unix_nano <= step.start_time_unix_nano
        assert step.end_time_unix_nano <= write.end_time_unix_nano
    assert "object write" in {span.name for span in spans}
    assert bytes.fromhex("ab" * 16) not in {span.trace_id for span in spans}
    secrets = [visit.id, visit.host.id, guest.id, file, guest.token.text, visit.host.token.text]
    secrets += [visit.guest_invite.id, visit.guest_invite.token.text, "CanaryClinic"]
    for secret in secrets:
        assert not any(form in body for _, form in forms(secret) for body in bodies), secret


def test_a_collector_that_is_away_costs_no_request(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "--traces=http://127.0.0.1:9") as server,
        server.sign_in() as signed_in,
        server.client() as client,
    ):
        visit = Visit().create(signed_in)
        visit.write(client, visit.join(client, 0), 1)


def test_a_url_that_is_none_is_refused(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, ("--traces=9464",), new_stores())
    with pytest.raises(RuntimeError, match="--traces is the URL of a collector"):
        server.start()


def test_without_the_packages_it_is_said_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `importlib` finds them where even the first is missing."""
    monkeypatch.setattr(traces, "find_spec", _found)
    with pytest.raises(ValueError, match=r"careseal\[traces\]"):
        traces.check("http://127.0.0.1:4318")


def _found(name: str) -> None:
    if "." in name:
        raise ModuleNotFoundError(name)
