"""The key that seals a store at rest, in a file of its own or behind a passphrase."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from argon2.low_level import Type, hash_secret_raw

from careseal.e2ee.errors import SealError
from careseal.e2ee.sealing import seal, unseal
from careseal.e2ee.secret import Secret32

from .errors import StorageError

_SALT = 16


class StoreKey(Secret32):
    """Seals everything in a store."""


class PassphraseKey(Secret32):
    """Seals a store's key."""


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    """What the key file holds; `salt` is there exactly if a passphrase is needed."""

    key: bytes
    salt: bytes = b""


def open_key(path: Path, passphrase: str | None) -> StoreKey:
    """The key in `path`, made there with mode 0600 if there is none.

    Raises `StorageError` if a passphrase is wrong, missing, or given where none is needed.
    """
    if not path.exists():
        _create(path, passphrase)
    try:
        stored = msgspec.msgpack.decode(path.read_bytes(), type=_KeyFile)
    except (OSError, msgspec.DecodeError) as error:
        raise StorageError(f"The key file {path} cannot be read.") from error
    if bool(stored.salt) != (passphrase is not None):
        needed = "needs" if stored.salt else "has no"
        raise StorageError(f"The store {needed} a passphrase.")
    if passphrase is None:
        return StoreKey(stored.key)
    try:
        wrapping = _stretch(passphrase, stored.salt)
        return StoreKey(unseal(wrapping, "store key", stored.salt, b"", stored.key))
    except SealError as error:
        raise StorageError("The passphrase is wrong.") from error


def _create(path: Path, passphrase: str | None) -> None:
    key = os.urandom(32)
    stored = _KeyFile(key)
    if passphrase is not None:
        salt = os.urandom(_SALT)
        stored = _KeyFile(seal(_stretch(passphrase, salt), "store key", salt, b"", key), salt)
    write_once(path, msgspec.msgpack.encode(stored))


def write_once(path: Path, data: bytes) -> None:
    """A private file, whole or not there at all, whatever happens; an existing one stays."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return  # another process was first
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stretch(passphrase: str, salt: bytes) -> PassphraseKey:
    return PassphraseKey(
        hash_secret_raw(passphrase.encode(), salt, 3, 65536, 1, 32, Type.ID, version=0x13)
    )
