"""Files and the parts of them that are stored (docs/protocol.md §6)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from careseal.server.problems import Problem, forbidden, malformed
from careseal.server.settings import Limits
from careseal.server.store import members
from careseal.server.store.schema import addressed, file, part, session
from careseal.server.wire import PART_SEALED, CreateFile


@dataclass(frozen=True, slots=True)
class File:
    id: bytes  # 16
    uploader: bytes  # 16, a member id
    parts: int
    size: int  # bytes, sealed

    def part_size(self, number: int) -> int:
        """Sealed bytes of a part: all are full but the last."""
        if number < self.parts - 1:
            return PART_SEALED
        return self.size - (self.parts - 1) * PART_SEALED


@dataclass(frozen=True, slots=True)
class Part:
    size: int
    digest: bytes  # 32, SHA-256
    object: str


# Made once, because every part runs them.
_OF_FILE = (file.c.session_id == bindparam("wanted"), file.c.id == bindparam("wanted_file"))
_FIND = select(file.c.id, file.c.uploader, file.c.parts, file.c.size).where(*_OF_FILE)
_FIND_PART = select(part.c.size, part.c.digest, part.c.object).where(
    part.c.session_id == bindparam("wanted"),
    part.c.file_id == bindparam("wanted_file"),
    part.c.number == bindparam("wanted_number"),
)
_ADDRESS = select(addressed.c.until).where(addressed.c.object == bindparam("stored"))
_INSERT_PART = insert(part).values(addressed_until=_ADDRESS.scalar_subquery())
_ONE_MORE = update(file).where(*_OF_FILE).values(present=file.c.present + 1)


def create(
    connection: Connection,
    session_id: bytes,
    token_hash: bytes,
    asked: CreateFile,
    *,
    limits: Limits,
    left: int,
    now: int,
) -> bool:
    """Reserve room for a file; whether it is new. Raises ``file-exists`` and limits.

    ``left`` bytes are left to all sessions together.
    """
    bearer = members.bearer(connection, session_id, token_hash, now, hold=True)
    if bearer.member_id is None:
        raise forbidden("Only members write.")
    made = File(bytes(asked.id), bearer.member_id, asked.parts, asked.size)
    there = _find(connection, session_id, asked.id)
    if there is not None:
        if there != made:
            raise Problem("file-exists", "Another file has this id; choose a random one.")
        return False
    if bearer.session.ended:
        raise Problem("session-ended", "The session has ended; it can only be read.")
    _check_room(connection, bearer, made, limits)
    if made.size > left:
        raise Problem("storage-full", "The server's storage is full.", limit="allStoredBytes")
    row = insert(file).values(session_id=session_id, id=made.id, uploader=made.uploader)
    connection.execute(row.values(parts=made.parts, size=made.size, present=0, created_at=now))
    _add_stored_bytes(connection, session_id, made.size, now)
    return True


def read(connection: Connection, session_id: bytes, file_id: bytes) -> File:
    """Raises ``not-found``."""
    found = _find(connection, session_id, file_id)
    if found is None:
        raise Problem("not-found", "This session has no such file.")
    return found


def present(connection: Connection, session_id: bytes, file_id: bytes) -> tuple[File, list[int]]:
    """The file and the numbers of its parts that are stored."""
    found = read(connection, session_id, file_id)
    query = select(part.c.number).where(part.c.session_id == session_id, part.c.file_id == file_id)
    return found, list(connection.execute(query.order_by(part.c.number)).scalars())


def _find_part(
    connection: Connection, session_id: bytes, file_id: bytes, number: int
) -> tuple[File, Part | None]:
    """The file and its part, if stored. Raises ``not-found``."""
    found = read(connection, session_id, file_id)
    if number >= found.parts:
        raise Problem("not-found", f"The file has {found.parts} parts.")
    wanted = {"wanted": session_id, "wanted_file": file_id, "wanted_number": number}
    row = connection.execute(_FIND_PART, wanted).first()
    return found, Part(*row) if row else None


def part_to_send(
    connection: Connection, bearer: members.Bearer, file_id: bytes, number: int
) -> tuple[File, Part | None]:
    """The file and its part, if stored, for who sends it.

    Raises ``not-found``, ``forbidden``, or ``session-ended`` when nothing may be added any more.
    """
    found, there = _find_part(connection, bearer.session.id, file_id, number)
    if bearer.member_id != found.uploader:
        raise forbidden("Only the file's uploader sends its parts.")
    if bearer.session.ended:
        raise Problem("session-ended", "The session has ended; it can only be read.")
    return found, there


def stored_part(connection: Connection, session_id: bytes, file_id: bytes, number: int) -> Part:
    """Raises ``not-found``, for one that is not stored yet too."""
    _, there = _find_part(connection, session_id, file_id, number)
    if there is None:
        raise Problem("not-found", "This part is not stored yet.")
    return there


def create_part(
    connection: Connection,
    session_id: bytes,
    token_hash: bytes,
    file_id: bytes,
    number: int,
    stored: Part,
    *,
    now: int,
) -> bool:
    """Take a stored object as the part, once. False when the same bytes are there already."""
    bearer = members.bearer(connection, session_id, token_hash, now, hold=True)
    _, there = part_to_send(connection, bearer, file_id, number)
    if there is not None:
        require_same(there, stored.digest)
        return False
    made = {"session_id": session_id, "file_id": file_id, "number": number}
    made |= {"size": stored.size, "digest": stored.digest, "object": stored.object}
    connection.execute(_INSERT_PART, made | {"stored": stored.object})
    connection.execute(_ONE_MORE, {"wanted": session_id, "wanted_file": file_id})
    return True


def remove(
    connection: Connection, session_id: bytes, token_hash: bytes, file_id: bytes, *, now: int
) -> list[str]:
    """Forget a file; the names of the objects that nothing needs any more."""
    bearer = members.bearer(connection, session_id, token_hash, now, hold=True)
    found = read(connection, session_id, file_id)
    if bearer.member_id != found.uploader and not bearer.is_host:
        raise forbidden("Only its uploader and hosts remove a file.")
    of_file = (part.c.session_id == session_id) & (part.c.file_id == file_id)
    objects = list(connection.execute(select(part.c.object).where(of_file)).scalars())
    _keep_addresses(connection, of_file & (part.c.addressed_until > now), found.uploader)
    connection.execute(delete(file).where(file.c.session_id == session_id, file.c.id == file_id))
    _add_stored_bytes(connection, session_id, -found.size, now)
    return objects


def _keep_addresses(connection: Connection, parts: ColumnElement[bool], uploader: bytes) -> None:
    """Of parts that go: their objects could be put again, and would be of no file and no limit."""
    nowhere = literal(-1)  # no part has this number: nothing is confirmed by these rows
    columns = part.c.object, part.c.session_id, part.c.file_id, nowhere
    kept = select(*columns, literal(uploader), part.c.digest, part.c.addressed_until).where(parts)
    connection.execute(insert(addressed).from_select(list(addressed.c), kept))


def objects_known(connection: Connection, names: list[str]) -> set[str]:
    """Which of these objects are parts of a file, or may become one (``addressed``)."""
    parts = select(part.c.object).where(part.c.object.in_(names))
    coming = select(addressed.c.object).where(addressed.c.object.in_(names))
    return set(connection.execute(parts.union(coming)).scalars())


def require_same(there: Part, digest: bytes) -> None:
    """Raises ``part-exists``."""
    if there.digest != digest:
        raise Problem("part-exists", "Parts are stored once; these are other bytes.")


def _find(connection: Connection, session_id: bytes, file_id: bytes) -> File | None:
    row = connection.execute(_FIND, {"wanted": session_id, "wanted_file": file_id}).first()
    return File(*row) if row else None


def _check_room(connection: Connection, bearer: members.Bearer, made: File, limits: Limits) -> None:
    if not 0 < made.part_size(made.parts - 1) <= PART_SEALED:
        raise malformed(f"{made.parts} sealed parts cannot have {made.size} bytes together.")
    open_uploads = select(func.count()).where(
        file.c.session_id == bearer.session.id,
        file.c.uploader == made.uploader,
        file.c.present < file.c.parts,
    )
    if connection.execute(open_uploads).scalar_one() >= limits.open_uploads:
        raise Problem("too-many-open", "Finish or remove an upload first.", limit="openUploads")
    if bearer.session.stored_bytes + made.size > limits.stored_bytes:
        raise Problem("storage-full", "The session's storage is full.", limit="storedBytes")


def _add_stored_bytes(connection: Connection, session_id: bytes, size: int, now: int) -> None:
    change = update(session).where(session.c.id == session_id)
    connection.execute(
        change.values(stored_bytes=session.c.stored_bytes + size, last_activity_at=now)
    )
