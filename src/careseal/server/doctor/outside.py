"""What browsers reach: the relay of calls, and the public URL with its TLS, headers and sockets."""

from __future__ import annotations

import asyncio
import ssl
import time
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from secrets import token_bytes
from typing import Any, Final
from urllib.parse import urlsplit

from careseal.server import base64url
from careseal.server.blobs import open_blobs
from careseal.server.direct import open_direct
from careseal.server.doctor.finding import Finding, bad, clock, doubtful, good
from careseal.server.headers import OF_PAGES
from careseal.server.settings import Settings
from careseal.server.tokens import server_secrets
from careseal.server.turn import ice_servers

TURN: Final = "turn"
PUBLIC: Final = "public url"
DIRECT: Final = "direct"
DAY: Final = 86_400
PROXY: Final = "deploy/Caddyfile shows a proxy that passes it."


async def turn(settings: Settings) -> list[Finding]:
    """A real allocation at each relay, with credentials as members get them."""
    if not settings.turn_urls:
        do = "Run a relay (docs/operating.md, TURN) and give --turn-url."
        return [doubtful(TURN, "none; calls between some networks will not connect", do)]
    if find_spec("aioice") is None:
        return [doubtful(TURN, "not examined", "pip install 'careseal[call]' brings the means.")]
    if settings.turn_secret is None and not settings.secrets_path.exists():
        return [doubtful(TURN, "the secret is not there yet", "The first start makes it.")]
    secret = settings.turn_secret or server_secrets(settings.secrets_path).turn_secret
    server = ice_servers(settings, secret, time.time_ns() // 1_000_000)[-1]
    return [await _allocate(url, server) for url in settings.turn_urls]


async def _allocate(url: str, server: dict[str, Any]) -> Finding:
    from aioice import stun
    from aioice.turn import create_turn_endpoint

    scheme, _, rest = url.partition(":")
    where, _, query = rest.partition("?")
    host, _, port = where.rpartition(":") if where.rpartition(":")[2].isdigit() else (where, "", "")
    try:
        async with asyncio.timeout(8):
            transport, _ = await create_turn_endpoint(
                asyncio.DatagramProtocol,
                server_addr=(host.strip("[]"), int(port or (5349 if scheme == "turns" else 3478))),
                username=server["username"],
                password=server["credential"],
                ssl=scheme == "turns",
                transport="tcp" if scheme == "turns" or "transport=tcp" in query else "udp",
            )
        transport.close()
    except stun.TransactionFailed as refused:
        code = refused.response.attributes.get("ERROR-CODE", (0, ""))[0]
        do = "Give both the same secret: --turn-secret-file, and static-auth-secret of coturn."
        return bad(TURN, f"{where} refuses the credentials ({code})", do)
    except (OSError, TimeoutError, stun.TransactionTimeout):
        do = "See that coturn runs and its ports are open (docs/operating.md, TURN)."
        return bad(TURN, f"{where} does not answer", do)
    return good(TURN, f"{where} relays with credentials that members get")


async def direct(settings: Settings) -> list[Finding]:
    """Whether the store does what it must for direct transfer, and lets the pages ask it."""
    if settings.objects_direct is None:
        return []
    settings.check()
    blobs = open_blobs(settings.objects_url, settings.data / "objects")
    bucket = open_direct(settings, blobs)
    assert bucket is not None  # noqa: S101 - the settings say so
    if why := await bucket.try_out():
        do = "Files go through the server meanwhile (docs/operating.md, Direct transfer)."
        return [bad(DIRECT, f"{settings.direct_origin}: {why}", do)]
    found = [good(DIRECT, "the store checks length, hash and that nothing is overwritten")]
    if not settings.public_url:
        return [*found, doubtful(DIRECT, "CORS not examined", "Give --public-url.")]
    place = urlsplit(settings.public_url)
    origin = f"{place.scheme}://{place.netloc}"
    if why := await bucket.try_cors(origin):
        do = "Set the bucket's CORS rules (docs/operating.md, Direct transfer)."
        return [*found, bad(DIRECT, f"browsers may not use it: {why}", do)]
    return [*found, good(DIRECT, f"pages of {origin} may use it")]


async def public_url(settings: Settings) -> list[Finding]:
    import httpx

    url = (settings.public_url or "").rstrip("/")
    if not url:
        return [doubtful(PUBLIC, "not given", "Give --public-url, as browsers reach the server.")]
    host = urlsplit(url).hostname
    sealed = url.startswith("https://")
    if not sealed and host not in ("localhost", "127.0.0.1"):
        do = "Put a TLS proxy in front (docs/operating.md, TLS) and give its https URL."
        return [bad(PUBLIC, "without TLS browsers give a page no camera and no keys", do)]
    found = [await asyncio.to_thread(_certificate, url)] if sealed else []
    if any(each.state == "fail" for each in found):
        return found
    context = ssl.create_default_context()
    begun = time.time()
    async with httpx.AsyncClient(verify=context, timeout=10, trust_env=False) as client:
        answer = await client.get(f"{url}/healthz")
    ended = time.time()
    if answer.status_code != 200:
        do = "See that the proxy leads to careseal, and that it runs."
        return [*found, bad(PUBLIC, f"{url}/healthz answers {answer.status_code}", do)]
    found.append(_headers(answer.headers, sealed))
    if date := answer.headers.get("date"):
        theirs = parsedate_to_datetime(date).timestamp() + 0.5
        found.append(clock(PUBLIC, (begun + ended) / 2 - theirs, (ended - begun) / 2 + 0.5))
    return [*found, await _socket(url, context if sealed else None)]


def _certificate(url: str) -> Finding:
    import socket

    parts = urlsplit(url)
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), 10) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) as line,
        ):
            certificate = line.getpeercert() or {}
            version = line.version()
    except ssl.SSLCertVerificationError as failure:
        return bad(PUBLIC, f"its certificate is refused: {failure.verify_message}", "Renew it.")
    except OSError as failure:
        do = "See that the proxy runs, and that the name leads here."
        return bad(PUBLIC, f"{parts.hostname} cannot be reached by TLS ({failure})", do)
    left = ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()
    begun = ssl.cert_time_to_seconds(str(certificate["notBefore"]))
    lifetime = left + time.time() - begun
    says = f"{version}, and its certificate is good for {left / DAY:.1f} days"
    if left < min(14 * DAY, lifetime / 4):
        return doubtful(PUBLIC, says, "See why it was not renewed.")
    return good(PUBLIC, says)


def _headers(headers: Any, sealed: bool) -> Finding:
    missing = [name for name, value in OF_PAGES.items() if headers.get(name) != value]
    policy = headers.get("content-security-policy", "")
    if "default-src 'none'" not in policy or "trusted-types" not in policy:
        missing.append("Content-Security-Policy")
    if sealed and "max-age" not in headers.get("strict-transport-security", ""):
        do = "Start careseal with --tls, or let the proxy pass X-Forwarded-Proto."
        return bad(PUBLIC, "Strict-Transport-Security is missing", do)
    if missing:
        do = f"Let the proxy pass the server's headers as they are. {PROXY}"
        return bad(PUBLIC, f"missing or changed: {', '.join(missing)}", do)
    return good(PUBLIC, "the headers that protect the page arrive")


async def _socket(url: str, context: ssl.SSLContext | None) -> Finding:
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake

    session = base64url.encode(token_bytes(16))
    address = f"ws{url.removeprefix('http')}/api/telemedicine/sessions/{session}/follow"
    try:
        async with connect(address, ssl=context, proxy=None, open_timeout=10):
            return good(PUBLIC, "WebSockets get through")
    except (OSError, InvalidHandshake, TimeoutError):
        do = f"Let the proxy pass the Upgrade of WebSockets. {PROXY}"
        return bad(PUBLIC, "WebSockets do not get through; browsers poll instead", do)
