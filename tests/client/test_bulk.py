"""Bodies of megabytes over plain sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_INET

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from careseal.client.bulk import UNANSWERED, Bulk, proxied

SIZE = 8 << 20  # more than sockets hold back
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(
    serve: Serve, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Bulk, str]]:
    """What asks, and the URL of a server whose connections are each handed to ``serve``."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(run, "localhost", 0, family=AF_INET, ssl=tls)
    bulk = Bulk(silence=600)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield bulk, f"http{'s' if tls else ''}://localhost:{port}/part?n=1"
        bulk.close()


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answer(body: bytes, length: int | None = None, status: str = "200 OK") -> bytes:
    said = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {said}\r\n\r\n".encode() + body


async def test_bodies_go_and_come_whole_over_one_connection() -> None:
    body, connections = bytes(range(256)) * (SIZE // 256), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        asked = await head(reader)
        assert asked.startswith(b"PUT /part?n=1 HTTP/1.1\r\n")
        assert b"\r\nAuthorization: Bearer x\r\n" in asked
        assert await reader.readexactly(SIZE) == body
        writer.write(answer(b"{}", status="201 Created"))
        assert (await head(reader)).startswith(b"GET /part?n=1 HTTP/1.1\r\n")
        writer.write(answer(body))
        await reader.read()

    async with served(serve) as (bulk, url):
        told = await bulk.put(url, {"Authorization": "Bearer x"}, memoryview(body))
        assert (told.status_code, told.content) == (201, b"{}")
        into = bytearray(SIZE + 1)
        told, size = await bulk.get(url, {}, memoryview(into))
        assert (told.status_code, bytes(into[:size])) == (200, body)
    assert len(connections) == 1


async def test_a_refusal_that_comes_before_the_body_went_is_told() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(answer(b'{"type":"x"}', status="409 Conflict"))
        await writer.drain()
        writer.transport.abort()

    async with served(serve) as (bulk, url):
        told = await bulk.put(url, {}, memoryview(bytes(SIZE)))
        assert (told.status_code, told.content) == (409, b'{"type":"x"}')


async def test_an_answer_that_ends_early_is_none() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(answer(bytes(100), length=101))

    async with served(serve) as (bulk, url):
        with pytest.raises(UNANSWERED):
            await bulk.get(url, {}, memoryview(bytearray(200)))


async def test_silence_is_no_answer() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(answer(bytes(100), length=101))
        await reader.read()

    async with served(serve) as (bulk, url):
        bulk.silence = 0.2
        with pytest.raises(TimeoutError):
            await bulk.get(url, {}, memoryview(bytearray(200)))


async def test_what_does_not_fit_is_left_out_and_its_connection_not_used_again() -> None:
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await head(reader)
        writer.write(answer(b"abcdef"))
        await reader.read()

    async with served(serve) as (bulk, url):
        for _ in range(2):
            into = bytearray(4)
            assert (await bulk.get(url, {}, memoryview(into)))[1] == 4
            assert into == b"abcd"
    assert len(connections) == 2


async def test_a_connection_that_ended_meanwhile_is_not_used() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(answer(b"ab"))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        ended.set()

    async with served(serve) as (bulk, url):
        for _ in range(2):
            assert (await bulk.get(url, {}, memoryview(bytearray(4))))[1] == 2
            await ended.wait()
            ended.clear()


async def test_who_stops_waiting_ends_the_request() -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        asked.set()
        await reader.read()
        ended.set()

    async with served(serve) as (bulk, url):
        asking = asyncio.create_task(bulk.get(url, {}, memoryview(bytearray(4))))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(60):
            await ended.wait()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of a server whose certificate is trusted here."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    made = made.public_key(key.public_key())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = made.add_extension(names, critical=False).sign(key, SHA256())
    file = tmp_path / "server.pem"
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(text + certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


async def test_the_same_goes_over_tls(tls: ssl.SSLContext) -> None:
    body, asked, ended = bytes(range(256)) * (SIZE // 256), asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        assert await reader.readexactly(SIZE) == body
        writer.write(answer(b"{}"))
        await head(reader)
        writer.write(answer(body))
        await head(reader)
        asked.set()
        with suppress(ConnectionError, ssl.SSLError):
            await reader.read()
        ended.set()

    async with served(serve, tls) as (bulk, url):
        assert (await bulk.put(url, {}, memoryview(body))).status_code == 200
        into = bytearray(SIZE)
        assert (await bulk.get(url, {}, memoryview(into)))[1] == SIZE
        assert into == body
        asking = asyncio.create_task(bulk.get(url, {}, memoryview(into)))
        await asked.wait()
        asking.cancel()
        async with asyncio.timeout(60):
            await ended.wait()


async def test_a_certificate_that_is_not_trusted_is_no_answer(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("it was talked to")

    async with served(serve, tls) as (bulk, url):
        with pytest.raises(ssl.SSLCertVerificationError):
            await bulk.get(url, {}, memoryview(bytearray(4)))


def test_a_proxy_in_the_environment_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert not proxied("https://clinic.example")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert proxied("https://clinic.example/x")
    monkeypatch.setenv("no_proxy", "clinic.example")
    assert not proxied("https://clinic.example")
