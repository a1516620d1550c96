"""What all suites share."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from hypothesis import settings

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


ENDS_WITHIN = 20  # s


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """A thread that does not end would keep the run from ending: that is a failure, not a wait."""

    def give_up() -> None:
        stuck = [each.name for each in threading.enumerate() if not each.daemon]
        print(f"threads that did not end: {', '.join(stuck)}", file=sys.stderr, flush=True)
        os._exit(1)

    watch = threading.Timer(ENDS_WITHIN, give_up)
    watch.daemon = True
    watch.start()
