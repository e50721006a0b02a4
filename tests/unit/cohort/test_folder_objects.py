"""The folder adapter of the object store: the contract, and what only a folder can get wrong."""

import errno
import hashlib
import io
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objects_contract import NAME, TEXT, ObjectStoreContract
from tidegate.model import TidegateError
from tidegate.objects import FolderObjects


class TestContract(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FolderObjects:
        return FolderObjects(tmp_path / "objects")


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_an_object_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path)
    store.put(io.BytesIO(TEXT))
    assert stat.S_IMODE(store.path(NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_full_disk_leaves_nothing_half_written(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderObjects(tmp_path)

    def full(*_args: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(TidegateError) as raised:
        store.put(io.BytesIO(TEXT))
    monkeypatch.undo()
    assert raised.value.code == "DISK_FULL"
    assert str(tmp_path) in raised.value.sentence
    assert files(tmp_path) == []


def test_another_error_of_the_disk_is_not_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderObjects(tmp_path)

    def failing(*_args: object) -> int:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="broken"):
        store.put(io.BytesIO(TEXT))


def test_a_spoiled_object_is_seen_and_healed_by_another_put(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path)
    store.put(io.BytesIO(TEXT))
    store.path(NAME).write_bytes(b"x" * len(TEXT))
    assert not store.verify(NAME)
    store.put(io.BytesIO(TEXT))
    assert store.verify(NAME)


def test_a_crash_leaves_a_part_that_a_sweep_removes(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path)
    store.put(io.BytesIO(TEXT))
    (tmp_path / "parts" / "0123").write_bytes(b"cut sh")
    assert FolderObjects(tmp_path).sweep() == 1
    assert [path.name for path in files(tmp_path)] == [NAME]


def test_many_threads_may_put_the_same_bytes_at_once(tmp_path: Path) -> None:
    store = FolderObjects(tmp_path)
    threads = [threading.Thread(target=store.put, args=(io.BytesIO(TEXT * 1000),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [path.name for path in files(tmp_path)] == [hashlib.sha256(TEXT * 1000).hexdigest()]
    assert store.free_bytes() > 0


@given(content=st.binary(max_size=5000))
def test_any_bytes_are_stored_under_their_hash(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = FolderObjects(tmp_path_factory.mktemp("objects"))
    stored = store.put(io.BytesIO(content))
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    with store.open(stored.sha256) as file:
        assert file.read() == content
