"""Which STUN and TURN servers a call may use (docs/operating.md, "TURN")."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Any

from careseal.server.settings import Settings


def ice_servers(settings: Settings, secret: str, now: int) -> list[dict[str, Any]]:
    """As ``RTCConfiguration.iceServers``, with credentials of coturn's ``use-auth-secret``.

    ``now`` is in ms. The user name tells the relay when it expires, and nothing of who uses it.
    """
    servers: list[dict[str, Any]] = []
    if settings.stun_urls:
        servers.append({"urls": list(settings.stun_urls)})
    if settings.turn_urls:
        name = f"{now // 1000 + settings.turn_lifetime}:{secrets.token_hex(8)}"
        proof = base64.b64encode(hmac.digest(secret.encode(), name.encode(), "sha1")).decode()
        servers.append({"urls": list(settings.turn_urls), "username": name, "credential": proof})
    return servers
