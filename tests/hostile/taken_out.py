"""Takes one named check out of the client, in this process and for one test only."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

TakingOut = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Check:
    """A check by the name that docs/attacks.md has for it, and how it is taken out."""

    name: str
    take_out: TakingOut


def branch(owner: Any, function: str, saying: str, otherwise: str = "pass") -> Check:
    """The `if` in a function that refuses with these words; `otherwise` stands in its place."""

    def take_out(patch: pytest.MonkeyPatch) -> None:
        found = inspect.getattr_static(owner, function)
        plain = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        tree = ast.parse(textwrap.dedent(inspect.getsource(plain)))
        cut = _Cut(saying, otherwise)
        definition = cut.visit(tree).body[0]
        assert cut.found == 1, f"{function} has {cut.found} checks that say {saying!r}"
        definition.decorator_list = []
        made: dict[str, Any] = {}
        code = compile(ast.fix_missing_locations(tree), f"<{function} without a check>", "exec")
        exec(code, plain.__globals__, made)
        now = made[definition.name]
        patch.setattr(owner, function, type(found)(now) if plain is not found else now)
        for module in list(sys.modules.values()):  # those that took it by name
            if vars(module).get(function) is plain:
                patch.setattr(module, function, now)

    return Check(f"`{_name(owner)}.{function}`: {saying}", take_out)


def call(owner: Any, function: str, instead: Any = None) -> Check:
    """A function that refuses by raising, or by what it answers, does so no more."""

    def take_out(patch: pytest.MonkeyPatch) -> None:
        inspect.getattr_static(owner, function)
        stands = instead if callable(instead) else lambda *args, **options: instead
        patch.setattr(owner, function, stands)

    return Check(f"`{_name(owner)}.{function}`", take_out)


def both(*checks: Check) -> Check:
    """Two that guard the same thing."""

    def take_out(patch: pytest.MonkeyPatch) -> None:
        for each in checks:
            each.take_out(patch)

    return Check(" and ".join(each.name for each in checks), take_out)


class _Cut(ast.NodeTransformer):
    def __init__(self, saying: str, otherwise: str) -> None:
        self._saying, self._otherwise = saying, otherwise
        self.found = 0

    def visit_If(self, node: ast.If) -> Any:
        refuses = node.body and isinstance(node.body[-1], ast.Raise | ast.Return)
        if refuses and self._saying in ast.unparse(node.body[-1]):
            self.found += 1
            return node.orelse or ast.parse(self._otherwise).body
        return self.generic_visit(node)


def _name(owner: Any) -> str:
    return str(owner.__name__).removeprefix("careseal.")
