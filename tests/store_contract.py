"""What every resource store must do. An adapter's tests inherit `StoreContract` and give a `store` fixture.

The store writes the chain ``governance``; a contract's tests look at what they wrote themselves, so a store may be
shared between them as long as names are not: `name` gives each test one of its own.
"""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from model_kit import NOW, approval, dataset, grant, licence, project
from tidegate.ledger import Actor, Event, Record, verify
from tidegate.model import Cohort, Kind, ProjectPhase, ProjectStatus, TidegateError
from tidegate.store import Account, Store

CHAIN = "governance"
NUMBERS = itertools.count(1)
STORE_EVENTS = {Event.STORE_WRITE_INTENDED, Event.STORE_WRITE_REFUSED, Event.STORE_WRITE_LAPSED}


def record(subject: str = "Dataset/x", event: Event = Event.RESOURCE_CREATED) -> Record:
    return Record(event=event, actor=Actor.service("test"), subject=subject)


def fresh(what: str) -> str:
    """A name no other test uses, in this process or another."""
    return f"{what}-{os.getpid()}-{next(NUMBERS)}"


def cohort(name: str, project_name: str, version: int = 1) -> Cohort:
    spec = {"project": project_name, "datasets": [], "selectionDigest": "a" * 64, "version": version}
    return Cohort.model_validate({"metadata": {"name": name}, "spec": spec})


def written(store: Store, subject: str) -> list[Record]:
    """The records about a subject, without what a store says of its own doings."""
    return [
        entry.record
        for entry in store.entries(CHAIN)
        if entry.record.subject == subject and entry.record.event not in STORE_EVENTS
    ]


class StoreContract:
    def test_a_resource_comes_back_as_it_was(self, store: Store) -> None:
        name = fresh("p")
        for resource in (licence(name), dataset(name), project(name), grant(name), approval(project(name))):
            assert store.put(resource, record(), NOW)
            assert store.get(Kind(resource.kind), resource.name) == resource
            assert resource in store.list(Kind(resource.kind))

    def test_what_is_not_there_is_none(self, store: Store) -> None:
        assert [store.get(kind, "nobody-wrote-this") for kind in Kind] == [None] * len(Kind)
        assert store.project_status("nobody-wrote-this") == ProjectStatus()

    def test_a_list_is_in_order_of_names(self, store: Store) -> None:
        prefix = fresh("d")
        for letter in "cab":
            store.put(dataset(f"{prefix}{letter}"), record(), NOW)
        names = [item.name for item in store.list(Kind.DATASET)]
        assert names == sorted(names)
        assert {f"{prefix}{letter}" for letter in "abc"} <= set(names)

    def test_writing_the_same_again_writes_nothing(self, store: Store) -> None:
        name = fresh("d")
        assert store.put(dataset(name), record(), NOW)
        entries = len(store.entries(CHAIN))
        assert not store.put(dataset(name), record(), NOW)
        assert len(store.entries(CHAIN)) == entries

    def test_every_write_has_its_record(self, store: Store) -> None:
        name = fresh("d")
        first, second = record(f"Dataset/{name}"), record(f"Dataset/{name}", Event.RESOURCE_CHANGED)
        store.put(dataset(name), first, NOW)
        store.put(dataset(name, title="Other"), second, NOW)
        assert written(store, f"Dataset/{name}") == [first, second]
        assert store.get(Kind.DATASET, name) == dataset(name, title="Other")

    def test_a_field_taken_away_is_gone(self, store: Store) -> None:
        name = fresh("d")
        store.put(dataset(name, description="Words."), record(), NOW)
        store.put(dataset(name), record(), NOW)
        assert store.get(Kind.DATASET, name) == dataset(name)

    def test_what_is_immutable_is_not_overwritten(self, store: Store) -> None:
        name = fresh("p")
        store.put(project(name), record(), NOW)
        pairs = (
            (licence(name), licence(name, title="Other terms")),
            (approval(project(name)), approval(project(name), reason="Another reason.")),
        )
        for first, second in pairs:
            store.put(first, record(), NOW)
            entries = len(store.entries(CHAIN))
            with pytest.raises(TidegateError) as refused:
                store.put(second, record(), NOW)
            assert refused.value.code == "resource_immutable"
            assert store.get(Kind(first.kind), first.name) == first
            assert len(store.entries(CHAIN)) == entries

    def test_many_are_written_together(self, store: Store) -> None:
        name = fresh("p")
        writes = [(item, record(f"{item.kind}/{name}")) for item in (licence(name), dataset(name), project(name))]
        assert store.put_all(writes, NOW) == (True, True, True)
        assert store.put_all([*writes, (grant(name), record())], NOW) == (False, False, False, True)
        assert written(store, f"Project/{name}") == [writes[2][1]]

    def test_one_refused_means_none_written(self, store: Store) -> None:
        name = fresh("l")
        store.put(licence(name), record(), NOW)
        entries = len(store.entries(CHAIN))
        with pytest.raises(TidegateError, match="resource_immutable"):
            store.put_all([(dataset(name), record()), (licence(name, title="Other"), record())], NOW)
        assert store.get(Kind.DATASET, name) is None
        assert len(store.entries(CHAIN)) == entries

    def test_a_status_written_twice_is_one_write(self, store: Store) -> None:
        name = fresh("p")
        store.put(project(name), record(), NOW)
        status = ProjectStatus(phase=ProjectPhase.DEPLOYED, next_at=NOW, next_because="the grant ends")
        event = record(f"Project/{name}", Event.PROJECT_STATUS_CHANGED)
        assert store.put_project_status(name, status, event, NOW)
        assert not store.put_project_status(name, status, event, NOW)
        assert store.project_status(name) == status
        assert written(store, f"Project/{name}") == [event]

    def test_a_status_outlives_a_change_of_the_spec(self, store: Store) -> None:
        name = fresh("p")
        status = ProjectStatus(phase=ProjectPhase.SUSPENDED)
        store.put(project(name), record(), NOW)
        store.put_project_status(name, status, record(), NOW)
        store.put(project(name, title="Another"), record(), NOW)
        assert store.project_status(name) == status
        assert store.get(Kind.PROJECT, name) == project(name, title="Another")

    def test_the_generation_grows_with_a_write(self, store: Store) -> None:
        before = store.generation()
        store.put(dataset(fresh("d")), record(), NOW)
        assert store.generation() > before

    def test_a_record_can_stand_alone(self, store: Store) -> None:
        name = fresh("server")
        refused = record(f"server/{name}", Event.WORKSPACE_REFUSED)
        store.append(refused, NOW)
        assert written(store, f"server/{name}") == [refused]

    def test_accounts_are_kept_with_their_records(self, store: Store) -> None:
        name = fresh("a")
        account = Account.model_validate(
            {"person": {"subject": name}, "displayName": "One of two", "passwordHash": "$argon2id$x"}
        )
        added, shut = record(f"account/{name}", Event.ACCOUNT_ADDED), record(f"account/{name}", Event.ACCOUNT_DISABLED)
        assert store.account(name) is None
        store.put_account(account, added, NOW)
        closed = account.model_copy(update={"disabled": True})
        store.put_account(closed, shut, NOW)
        assert store.account(name) == closed
        assert closed in store.accounts()
        assert written(store, f"account/{name}") == [added, shut]

    def test_writers_in_parallel_keep_one_unbroken_chain(self, store: Store) -> None:
        names = [fresh("d") for _ in range(12)]
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda name: store.put(dataset(name), record(f"Dataset/{name}"), NOW), names))
        assert all(done)
        assert all(len(written(store, f"Dataset/{name}")) == 1 for name in names)
        assert verify(store.rows(), {}) == []
        assert CHAIN in store.chains()

    def test_what_nobody_wrote_is_not_listed(self, store: Store) -> None:
        assert "nobody-wrote-this" not in {item.name for kind in Kind for item in store.list(kind)}
