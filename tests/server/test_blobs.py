"""What of a folder of objects is on disk when a part is acknowledged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from careseal.server import blobs
from careseal.server.blobs import FolderBlobs
from careseal.server.durable import sync_folder

SESSION, OTHER = bytes(16), bytes([1]) * 16


async def content() -> AsyncIterator[bytes]:
    yield b"sealed"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders, each as often as the names in it were synced."""
    folders: list[Path] = []

    def noted(path: Path) -> None:
        sync_folder(path)
        folders.append(path)

    monkeypatch.setattr(blobs, "sync_folder", noted)
    return folders


async def test_the_name_of_a_sessions_folder_is_synced_with_its_first_part_only(
    tmp_path: Path, synced: list[Path]
) -> None:
    root = tmp_path / "objects"
    here, elsewhere = FolderBlobs(root), FolderBlobs(root)  # as two processes
    synced.clear()
    for session_id, store in ((SESSION, here), (SESSION, elsewhere), (OTHER, elsewhere)):
        await store.write(session_id, content())
        await store.write(session_id, content())
    assert synced.count(root) == 2
    assert len(synced) == 2 + 6


async def test_it_is_synced_again_when_the_folder_was_made_again(
    tmp_path: Path, synced: list[Path]
) -> None:
    root = tmp_path / "objects"
    here, elsewhere = FolderBlobs(root), FolderBlobs(root)
    await here.write(SESSION, content())
    await elsewhere.delete_session(SESSION)
    synced.clear()
    await here.write(SESSION, content())
    assert synced.count(root) == 1
