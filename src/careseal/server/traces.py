"""Spans for OpenTelemetry: where a request's time goes, never whose it is or what it holds.

Names and attributes are routes' templates, methods, statuses and the names below. What a caller
says of traces is not heard: nobody outside chooses our ids. Without ``--traces`` nothing is traced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from careseal import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

SENT_WITHIN: Final = 3.0  # s, also when the server stops and nobody listens
Described = tuple[str, str, int]  # method, route, status or close code

_UNTRACED: Final = nullcontext()
_tracer: Tracer | None = None


def check(url: str | None) -> None:
    """Raises ``ValueError`` with a sentence where ``told_to`` could not."""
    if url is None:
        return
    if not find_spec("opentelemetry") or not find_spec("opentelemetry.exporter"):
        raise ValueError("Traces need more packages: pip install 'careseal[traces]'")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ValueError("--traces is the URL of a collector, as http://127.0.0.1:4318.")


@contextmanager
def told_to(url: str | None) -> Iterator[None]:
    """Send this process's spans to the collector at ``url`` (OTLP over HTTP); at the end the last.

    How many are kept and how they are sent can be set by OpenTelemetry's own ``OTEL_…`` variables.
    """
    global _tracer  # noqa: PLW0603 - as with loggers, there is one for the process
    if url is None:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {"service.name": "careseal", "service.version": __version__}
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{url.rstrip('/')}/v1/traces", timeout=SENT_WITHIN)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("careseal", __version__)
    try:
        yield
    finally:
        _tracer = None
        provider.shutdown()


def request(described: Callable[[], Described]) -> AbstractContextManager[None]:
    """A span of a request or a socket, which is described when it is over."""
    return _UNTRACED if _tracer is None else _span(_tracer, described)


def step(name: str) -> AbstractContextManager[None]:
    """A span within a request's: ``database read``, ``database write``, ``object write``."""
    return _UNTRACED if _tracer is None else _step(_tracer, name)


@contextmanager
def _span(tracer: Tracer, described: Callable[[], Described]) -> Iterator[None]:
    from opentelemetry.trace import SpanKind, StatusCode

    with tracer.start_as_current_span(
        "request", kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        finally:
            method, route, status = described()
            span.update_name(f"{method} {route}")
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", status)
            if 500 <= status < 600:
                span.set_status(StatusCode.ERROR)


@contextmanager
def _step(tracer: Tracer, name: str) -> Iterator[None]:
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False):
        yield
