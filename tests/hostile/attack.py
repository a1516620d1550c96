"""What an attack is: a lie on a path, and the one way in which it has to end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from .liar import Liar
from .scene import Scene

Lie = Callable[[], None]
Path: TypeAlias = Callable[[Scene, Lie], Awaitable[None]]
Attacking: TypeAlias = Callable[[Liar], None]


@dataclass(frozen=True)
class Attack:
    """`ends` is the alarm or the error; None where all goes on as without the attack."""

    name: str
    does: str
    path: Path
    lie: Attacking
    ends: type[Any] | None
    quick: bool

    @property
    def happens(self) -> str:
        if self.ends is None:
            return "no effect"
        if issubclass(self.ends, Exception):
            return f"refused: `{self.ends.__name__}`"
        return f"noticed: `{self.ends.__name__}`"


ATTACKS: list[Attack] = []


def on(
    path: Path, ends: type[Any] | None, *, quick: bool = False
) -> Callable[[Attacking], Attacking]:
    """Registers an attack; its docstring says what the server does. `quick`: in `make test`."""

    def register(lie: Attacking) -> Attacking:
        assert lie.__doc__ is not None
        name = lie.__name__.replace("_", " ")
        ATTACKS.append(Attack(name, lie.__doc__.strip(), path, lie, ends, quick))
        return lie

    return register
