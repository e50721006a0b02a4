"""The store writes a resource and its audit record together or not at all, and says when nothing changed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_kit import NOW, dataset
from store_contract import StoreContract
from tidegate.ledger import Actor, Event, Record, verify
from tidegate.model import Kind
from tidegate.store import SqliteStore

RECORD = Record(event=Event.RESOURCE_CREATED, actor=Actor.service("test"), subject="Dataset/x")


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "tidegate.db", "governance")


class TestSqliteStore(StoreContract):
    """The contract, on one machine."""


def test_a_write_whose_record_fails_leaves_nothing(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        msg = "the ledger cannot be written"
        raise OSError(msg)

    monkeypatch.setattr(store._ledger, "append", fail)
    with pytest.raises(OSError, match="ledger"):
        store.put(dataset(), RECORD, NOW)
    assert store.get(Kind.DATASET, "cbis-ddsm") is None


def test_host_ids_are_given_once(store: SqliteStore) -> None:
    given = [store.host_id(owner) for owner in ("kernel/a/p", "session/a/p", "kernel/a/p", "project/p")]
    assert given[0] == given[2]
    assert len(set(given)) == 3


def test_writers_in_parallel_keep_one_unbroken_chain(tmp_path: Path) -> None:
    path = tmp_path / "tidegate.db"
    SqliteStore(path, "governance")

    def write(number: int) -> None:
        SqliteStore(path, "governance").put(dataset(f"d{number}"), RECORD, NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(24)))
    store = SqliteStore(path, "governance")
    assert verify(store.rows(), store.heads()) == []
    assert len(store.entries("governance")) == 24
