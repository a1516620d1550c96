"""Addresses of objects in a bucket that open one object, for one method, for some minutes.

AWS Signature Version 4 in the query, of the bucket's own address as clients reach it
(docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html). obstore signs too, but the
host only; here the headers that a request must carry are signed with it, so the store itself
refuses other bytes than the address is for.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self
from urllib.parse import quote, urlsplit

ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Presigner:
    """``bucket`` is an address without a slash at its end, ``prefix`` what names begin with."""

    bucket: str
    prefix: str
    key: str
    secret: str = field(repr=False)
    region: str = "us-east-1"
    token: str | None = field(default=None, repr=False)  # of keys that are lent

    @classmethod
    def of_environment(cls, bucket: str, prefix: str) -> Self:
        """With the keys that the server's own requests have. Raises ``ValueError``."""
        key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
        if not key or not secret:
            raise ValueError(
                "Direct transfer needs the bucket's keys in AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY."
            )
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        token = os.environ.get("AWS_SESSION_TOKEN")
        return cls(bucket, prefix, key, secret, region or "us-east-1", token or None)

    def address(
        self,
        method: str,
        name: str,
        lasts: int,
        headers: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> str:
        """Of the object ``name``, for ``lasts`` seconds.

        Only a request that carries ``headers`` (names in lower case), with these values, is right.
        """
        at = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{at[:8]}/{self.region}/s3/aws4_request"
        url = f"{self.bucket}/{quote('/'.join(filter(None, (self.prefix, name))))}"
        place = urlsplit(url)
        signed = {"host": place.netloc, **(headers or {})}
        names = ";".join(sorted(signed))
        query = {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.key}/{scope}",
            "X-Amz-Date": at,
            "X-Amz-Expires": str(lasts),
            "X-Amz-SignedHeaders": names,
        } | ({"X-Amz-Security-Token": self.token} if self.token else {})
        asked = "&".join(f"{each}={quote(value, safe='')}" for each, value in sorted(query.items()))
        lines = [f"{each}:{signed[each].strip()}" for each in sorted(signed)]
        request = "\n".join([method, place.path, asked, *lines, "", names, "UNSIGNED-PAYLOAD"])
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = self._sign(scope, f"{ALGORITHM}\n{at}\n{scope}\n{digest}")
        return f"{url}?{asked}&X-Amz-Signature={signature}"

    def _sign(self, scope: str, text: str) -> str:
        key = f"AWS4{self.secret}".encode()
        for step in scope.split("/"):
            key = hmac.digest(key, step.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()
