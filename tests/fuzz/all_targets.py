"""All targets by name. A package's targets are imported only when they are asked for."""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.target import Target

PACKAGES = ("mls", "e2ee", "server", "client")


def of_package(package: str) -> tuple[Target, ...]:
    targets: tuple[Target, ...] = import_module(f"tests.fuzz.{package}_targets").TARGETS
    return targets


def all_targets() -> tuple[Target, ...]:
    return tuple(target for package in PACKAGES for target in of_package(package))


def find(name: str) -> Target:
    package = name.partition(".")[0]
    return next(target for target in of_package(package) if target.name == name)


def close(package: str) -> None:
    """End what the package's targets started."""
    if package == "server":
        import_module("tests.fuzz.server_running").close()
