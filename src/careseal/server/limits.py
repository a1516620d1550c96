"""Token buckets: how often each may do what (docs/protocol.md §8.3)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from careseal.server.problems import too_many
from careseal.server.settings import Limits

MOST_BUCKETS = 10_000
DROP_EVERY = 1.0  # s


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float  # s


class RateLimiter:
    """In this process only. ``clock`` is in seconds and monotonic."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = {
            "entriesPerSecond": (limits.entries_per_second, limits.entries_burst),
            "signalsPerSecond": (limits.signals_per_second, limits.signals_burst),
            "doorsPerSecond": (limits.doors_per_second, limits.doors_burst),
            "refusalsPerMinute": (limits.refusals_per_minute / 60, limits.refusals_burst),
        }
        self._clock = clock
        self._buckets: dict[tuple[str, Hashable], _Bucket] = {}
        self._dropped = -math.inf

    def rate(self, limit: str) -> tuple[float, int]:
        """How many a second, and how many at once."""
        return self._rates[limit]

    def take(self, limit: str, who: Hashable) -> None:
        """Count one. Raises ``too-many`` with the seconds after which the next is allowed."""
        self.check(limit, who).tokens -= 1

    def check(self, limit: str, who: Hashable) -> _Bucket:
        """As ``take``, without counting."""
        rate, burst = self._rates[limit]
        now = self._clock()
        if len(self._buckets) > MOST_BUCKETS and now - self._dropped >= DROP_EVERY:
            self._drop_full(now)
        bucket = self._buckets.get((limit, who))
        if bucket is None:
            bucket = self._buckets[limit, who] = _Bucket(burst, now)
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.tokens < 1:
            raise too_many(limit, math.ceil((1 - bucket.tokens) / rate) if rate else 3600)
        return bucket

    def _drop_full(self, now: float) -> None:
        self._dropped = now
        for (limit, who), bucket in list(self._buckets.items()):
            rate, burst = self._rates[limit]
            if bucket.tokens + (now - bucket.at) * rate >= burst:
                del self._buckets[limit, who]
