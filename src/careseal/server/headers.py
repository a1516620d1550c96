"""Headers that every answer carries, so that the page runs its own code only.

What the page may do is said with the page; the API's answers, of which there are more, are data
that may do nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from starlette.types import Scope

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "font-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "careseal careseal-frames careseal-pdf",
}

_OWN: Final = (
    "autoplay",
    "camera",
    "clipboard-write",
    "display-capture",
    "fullscreen",
    "microphone",
    "picture-in-picture",
    "screen-wake-lock",
    "speaker-selection",
)
_OFF: Final = (
    "accelerometer",
    "browsing-topics",
    "clipboard-read",
    "encrypted-media",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "identity-credentials-get",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "midi",
    "otp-credentials",
    "payment",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "serial",
    "storage-access",
    "sync-xhr",
    "usb",
    "window-management",
    "xr-spatial-tracking",
)

_ALWAYS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
OF_PAGES: Final = _ALWAYS | {
    "Permissions-Policy": ", ".join(
        [f"{feature}=(self)" for feature in _OWN] + [f"{feature}=()" for feature in _OFF]
    ),
}
OF_DATA: Final = _ALWAYS | {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
TRANSPORT_SECURITY: Final = "max-age=63072000"


def content_security_policy(host: str | None, secure: bool, bucket: str | None = None) -> str:
    """The policy for a page of ``host``; its own WebSocket is named for older browsers.

    ``bucket`` is the origin of the one other place from which the page may fetch.
    """
    own = "'self'"
    if host and _HOST.fullmatch(host):
        own += f" {'wss' if secure else 'ws'}://{host}"
    policy = _POLICY | {"connect-src": f"{own} {bucket}" if bucket else own}
    return "; ".join(f"{name} {value}" for name, value in policy.items())


Raw = list[tuple[bytes, bytes]]


@lru_cache(256)
def _of_pages(host: bytes | None, secure: bool, bucket: str | None) -> Raw:
    told = None if host is None else host.decode("latin-1")
    policy = content_security_policy(told, secure, bucket)
    return _raw(OF_PAGES | {"Content-Security-Policy": policy}, secure)


def _raw(headers: dict[str, str], secure: bool) -> Raw:
    if secure:
        headers = headers | {"Strict-Transport-Security": TRANSPORT_SECURITY}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_RAW_OF_DATA: Final = {secure: _raw(OF_DATA, secure) for secure in (False, True)}


def headers_for(scope: Scope, *, tls: bool, bucket: str | None = None) -> Raw:
    """Of the answer to an HTTP request; ``tls`` if a TLS proxy is always in front."""
    secure = tls or scope["scheme"] == "https"
    if scope["path"].startswith("/api/"):
        return _RAW_OF_DATA[secure]
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    return _of_pages(host, secure, bucket)
