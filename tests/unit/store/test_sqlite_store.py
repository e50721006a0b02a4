"""The store writes a resource and its audit record together or not at all, and says when nothing changed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_kit import NOW, approval, dataset, licence, project
from tidegate.ledger import Actor, Event, Record, verify
from tidegate.model import Kind, ProjectPhase, ProjectStatus, TidegateError
from tidegate.store import SqliteStore

RECORD = Record(event=Event.RESOURCE_CREATED, actor=Actor.service("test"), subject="Dataset/x")


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "tidegate.db", "governance")


def test_a_resource_comes_back_as_it_was(store: SqliteStore) -> None:
    for resource in (licence(), dataset(), project(), approval(project())):
        store.put(resource, RECORD, NOW)
        assert store.get(Kind(resource.kind), resource.name) == resource


def test_writing_the_same_again_writes_nothing(store: SqliteStore) -> None:
    assert store.put(dataset(), RECORD, NOW)
    before = store.generation()
    assert not store.put(dataset(), RECORD, NOW)
    assert store.generation() == before


def test_every_write_has_one_record(store: SqliteStore) -> None:
    store.put(dataset(), RECORD, NOW)
    store.put(dataset(title="Other"), RECORD, NOW)
    assert [entry.record for entry in store.entries("governance")] == [RECORD, RECORD]


@pytest.mark.parametrize(
    ("first", "second"),
    [(licence(), licence(title="Other terms")), (approval(project()), approval(project(), reason="Another reason."))],
    ids=["licence", "approval"],
)
def test_what_is_immutable_is_not_overwritten(store: SqliteStore, first: object, second: object) -> None:
    store.put(first, RECORD, NOW)
    with pytest.raises(TidegateError, match="resource_immutable"):
        store.put(second, RECORD, NOW)
    assert store.get(Kind(first.kind), first.name) == first
    assert len(store.entries("governance")) == 1


def test_a_write_whose_record_fails_leaves_nothing(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        msg = "the ledger cannot be written"
        raise OSError(msg)

    monkeypatch.setattr(store._ledger, "append", fail)
    with pytest.raises(OSError, match="ledger"):
        store.put(dataset(), RECORD, NOW)
    assert store.get(Kind.DATASET, "cbis-ddsm") is None


def test_a_status_written_twice_is_one_write(store: SqliteStore) -> None:
    status = ProjectStatus(phase=ProjectPhase.DEPLOYED)
    assert store.put_project_status("p1", status, RECORD, NOW)
    assert not store.put_project_status("p1", status, RECORD, NOW)
    assert store.project_status("p1") == status


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
