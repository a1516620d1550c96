"""Exit codes that mean something, and plain sentences for what went wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from enum import IntEnum
from typing import Any, TypeVar

T = TypeVar("T")


class Exit(IntEnum):
    """What the shell gets."""

    DONE = 0
    FAILED = 1  # anything that has no code of its own
    USAGE = 2  # wrong arguments
    LINK_REFUSED = 3  # wrong, expired, closed or used-up link, or wrong passcode
    NOT_IN_SESSION = 4  # removed, left, ended or unknown session
    UNREACHABLE = 5  # no answer; what was written waits and goes out by itself
    NOT_ALLOWED = 6  # only a host, or only an account, may do this
    ALARM = 7  # somebody changed what was sent, or the server shows different logs
    NOT_READY = 8  # a host, or the device that has what is missing, must come online first
    INTERRUPTED = 130  # Ctrl-C


HELP = """Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 link refused, 4 not in the session,
5 server unreachable, 6 not allowed, 7 alarm, 8 another device must come online, 130 interrupted."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; its failures become a sentence on stderr and an exit code."""
    from careseal.client.errors import ClientError
    from careseal.e2ee.errors import SealError

    try:
        return asyncio.run(work)
    except (ClientError, SealError, OSError) as error:
        print(f"careseal: {sentence(error)}", file=sys.stderr)
        raise SystemExit(code_of(error)) from None
    except KeyboardInterrupt:
        raise SystemExit(Exit.INTERRUPTED) from None


def code_of(error: Exception) -> Exit:
    from careseal.client import errors as client
    from careseal.e2ee import errors as e2ee

    kinds: list[tuple[type[Exception] | tuple[type[Exception], ...], Exit]] = [
        ((client.DoorNotReady, client.CarryOnWaits), Exit.NOT_READY),
        (client.NotAdmitted, Exit.NOT_ALLOWED),
        (client.LinkRefused, Exit.LINK_REFUSED),
        ((client.NotInSession, client.SessionEnded), Exit.NOT_IN_SESSION),
        (client.ServerUnreachable, Exit.UNREACHABLE),
        ((client.NotAuthorised, e2ee.NotAllowed), Exit.NOT_ALLOWED),
        ((client.SendingStopped, e2ee.Tampered, e2ee.ForkDetected), Exit.ALARM),
    ]
    if isinstance(error, client.ServerRefused) and error.problem == "forbidden":
        return Exit.NOT_ALLOWED
    return next((code for kind, code in kinds if isinstance(error, kind)), Exit.FAILED)


def sentence(error: Exception) -> str:
    """What happened, and what to do."""
    from careseal.client import errors as client
    from careseal.e2ee import errors as e2ee

    from .telling import one_line

    match error:
        case client.ServerUnreachable():
            return f"{error} Check the network; what was written is kept and goes out by itself."
        case client.NotAuthorised():
            return "The server does not accept this account or session. Sign in again."
        case client.ServerRestored():
            return f"{error} Do so with careseal carry-on."
        case client.CarryOnWaits():
            return one_line(str(error))
        case client.SessionEnded():
            return "The session has ended; it can only be read."
        case client.StorageFull():
            return f"{error} ({error.problem}{f', limit {error.limit}' if error.limit else ''})"
        case client.ServerRefused(limit=str(limit)):
            return f"{error} (limit {limit})"
        case e2ee.ForkDetected():
            return "The server shows different logs to different people. Stop, and ring the others."
        case e2ee.Tampered():
            return f"Somebody changed what was sent: {error}."
        case OSError(filename=str(name), strerror=str(why)):
            return f"{name}: {why}."
    text = str(error) or type(error).__name__
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def fail(text: str, code: Exit = Exit.FAILED) -> SystemExit:
    """To be raised: a sentence on stderr, and an exit code."""
    print(f"careseal: {text}", file=sys.stderr)
    return SystemExit(code)
