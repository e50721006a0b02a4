"""The store of a cluster on a real API server and a real PostgreSQL: the contract, and what breaks between the two."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cluster.kit import Cluster, eventually
from cluster.store_kit import namespace, prepare, store_of, watching
from model_kit import NOW, approval, dataset, licence, project
from postgres_kit import Server, postgres
from store_contract import CHAIN, StoreContract, cohort, fresh, record
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.port import Ref
from tidegate.ledger import Event, verify
from tidegate.model import Kind, ProjectPhase, ProjectStatus, TidegateError
from tidegate.store.kubernetes import KubernetesStore
from tidegate.store.watched import WatchedReads

AT_ONCE = timedelta(0)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as running:
        yield running


@pytest.fixture(scope="module")
def api(api_server: Cluster) -> ClusterClient:
    return prepare(api_server)


@pytest.fixture(scope="module")
def reads(api: ClusterClient) -> Iterator[WatchedReads]:
    watched = watching(api)
    yield watched
    watched.stop()


@pytest.fixture
def store(api: ClusterClient, server: Server) -> KubernetesStore:
    return store_of(api, server)


class TestReadingDirectly(StoreContract):
    """As a command does."""


class TestReadingFromWatches(StoreContract):
    """As a service does: who writes sees its own write at once, whatever the watch's delay."""

    @pytest.fixture
    def store(self, api: ClusterClient, server: Server, reads: WatchedReads) -> KubernetesStore:
        return store_of(api, server, reads)


def test_another_process_sees_a_write_within_a_second(
    store: KubernetesStore, api: ClusterClient, reads: WatchedReads
) -> None:
    name, before = fresh("d"), reads.generation()
    store.put(dataset(name), record(), NOW)
    eventually("the watch to tell", lambda: reads.get(Kind.DATASET, name) == dataset(name), 1, 0.01)
    assert reads.generation() > before
    api.delete(Ref(CUSTOM[Kind.DATASET], name))
    eventually("the watch to tell", lambda: reads.get(Kind.DATASET, name) is None, 1, 0.01)


def test_a_cohort_lives_in_the_namespace_of_its_project(store: KubernetesStore, api: ClusterClient) -> None:
    name = fresh("p")
    namespace(api, f"tg-{name}")
    made = cohort(f"{name}-v1", name)
    assert store.put(made, record(), NOW)
    assert store.get(Kind.COHORT, made.name) == made
    assert api.get(Ref(CUSTOM[Kind.COHORT], made.name, f"tg-{name}")) is not None
    with pytest.raises(TidegateError, match="resource_immutable"):
        store.put(cohort(f"{name}-v1", name, 2), record(), NOW)


def test_an_approval_is_written_as_the_officer(store: KubernetesStore, api_server: Cluster) -> None:
    """The API server's audit log names the officer as the impersonated user."""
    name = fresh("p")
    given = approval(project(name))
    store.put(given, record(), NOW)

    def writers() -> list[str]:
        return [
            event.get("impersonatedUser", {}).get("username", "")
            for event in api_server.audit()
            if event["objectRef"].get("resource") == "approvals"
            and event["objectRef"].get("name") == given.name
            and event["verb"] == "create"
        ]

    by = given.spec.by
    eventually("the audit record", lambda: writers() == [f"tidegate:{by.issuer}:{by.subject}"], 10)


class Faulty:
    """The real client, but one write of a kind breaks: before it lands, or after it landed with its answer lost."""

    def __init__(self, api: ClusterClient, verb: str, *, landed: bool, name: str = "") -> None:
        self._api, self._verb, self._landed, self._name = api, verb, landed, name

    def __getattr__(self, verb: str) -> Any:
        real = getattr(self._api, verb)

        def broken(*arguments: Any, **options: Any) -> Any:
            if self._name and arguments[1]["metadata"]["name"] != self._name:
                return real(*arguments, **options)
            if self._landed:
                real(*arguments, **options)
            raise TidegateError("cluster_unavailable", "The connection broke.")

        return broken if verb == self._verb else real

    def rehearsing(self) -> Any:
        return self._api.rehearsing()


def events(store: KubernetesStore, since: int) -> list[Event]:
    return [entry.record.event for entry in store.entries(CHAIN)[since:]]


@pytest.mark.parametrize(("landed", "outcome"), [(True, Event.RESOURCE_CREATED), (False, Event.STORE_WRITE_LAPSED)])
def test_a_lost_answer_is_settled_by_looking(
    api: ClusterClient, server: Server, *, landed: bool, outcome: Event
) -> None:
    """A write whose end is unknown leaves its intent open; who comes next records what the world shows."""
    name, store = fresh("d"), store_of(api, server)
    before = len(store.entries(CHAIN))
    with pytest.raises(TidegateError, match="cluster_unavailable"):
        store_of(Faulty(api, "create", landed=landed), server).put(dataset(name), record(), NOW)
    assert events(store, before) == [Event.STORE_WRITE_INTENDED]

    assert store.settle(NOW, AT_ONCE) == 1
    assert events(store, before) == [Event.STORE_WRITE_INTENDED, outcome]
    assert (store.get(Kind.DATASET, name) is not None) == landed
    assert store.settle(NOW, AT_ONCE) == 0
    assert verify(store.rows(), {}) == []


def test_an_intent_in_flight_is_left_alone(api: ClusterClient, server: Server) -> None:
    store = store_of(api, server)
    with pytest.raises(TidegateError, match="cluster_unavailable"):
        store_of(Faulty(api, "create", landed=True), server).put(dataset(fresh("d")), record(), NOW)
    assert store.settle(NOW + timedelta(seconds=5)) == 0
    assert store.settle(NOW + timedelta(hours=1)) == 1


def test_a_group_cut_in_the_middle_is_finished(api: ClusterClient, server: Server) -> None:
    """The first landed, the process died at the second: all of them stand in the end."""
    name, store = fresh("p"), store_of(api, server)
    group = [licence(name), dataset(name), project(name)]
    broken = store_of(Faulty(api, "create", landed=False, name=name), server)
    writes = [(item, record(f"{item.kind}/{name}")) for item in group]
    store.put(group[0], record(), NOW)  # stands already, so it is no part of the group
    with pytest.raises(TidegateError, match="cluster_unavailable"):
        broken.put_all(writes, NOW)
    api.create(CUSTOM[Kind.DATASET], _manifest(dataset(name)))  # as if the second had landed

    before = len(store.entries(CHAIN))
    assert store.settle(NOW, AT_ONCE) == 1
    assert store.get(Kind.PROJECT, name) == group[2]
    assert events(store, before) == [Event.RESOURCE_CREATED, Event.RESOURCE_CREATED]


def test_a_group_of_which_one_is_refused_writes_none(store: KubernetesStore) -> None:
    """The rehearsal finds what only the API server knows: here a bound that the model does not have."""
    name = fresh("d")
    before = len(store.entries(CHAIN))
    too_many = dataset(f"{name}b", gate={"rules": [_rule(number) for number in range(200)]})
    with pytest.raises(TidegateError, match="cluster_invalid") as refused:
        store.put_all([(dataset(f"{name}a"), record()), (too_many, record())], NOW)
    assert "spec.gate.rules" in refused.value.sentence
    assert store.get(Kind.DATASET, f"{name}a") is None
    assert events(store, before) == []


def test_a_write_on_an_old_version_is_refused_and_recorded(api: ClusterClient, server: Server) -> None:
    """Between our look and our write somebody else wrote: theirs stands, ours is refused, both are in the ledger."""
    name, store = fresh("d"), store_of(api, server)
    store.put(dataset(name), record(), NOW)

    class Late:
        def __getattr__(self, verb: str) -> Any:
            return getattr(api, verb)

        def replace(self, *arguments: Any, **options: Any) -> Any:
            store.put(dataset(name, title="Theirs"), record(), NOW)
            return api.replace(*arguments, **options)

    before = len(store.entries(CHAIN))
    with pytest.raises(TidegateError, match="cluster_conflict"):
        store_of(Late(), server).put(dataset(name, title="Ours"), record(), NOW)
    assert store.get(Kind.DATASET, name) == dataset(name, title="Theirs")
    assert events(store, before)[-1] is Event.STORE_WRITE_REFUSED
    assert store.settle(NOW, AT_ONCE) == 0


def test_nothing_is_written_while_the_ledger_is_down(api: ClusterClient, server: Server) -> None:
    """No intent, no write. When the database is back, the same store goes on."""
    name, store = fresh("d"), store_of(api, server)
    server.stop()
    try:
        with pytest.raises(TidegateError, match="database_unavailable"):
            store.put(dataset(name), record(), NOW)
        assert store.get(Kind.DATASET, name) is None
    finally:
        server.start()
    assert store.put(dataset(name), record(), NOW)


def test_a_write_whose_outcome_could_not_be_recorded_is_recorded_later(api: ClusterClient, server: Server) -> None:
    """The database stops between the write and its outcome."""
    name, store = fresh("d"), store_of(api, server)
    before = len(store.entries(CHAIN))

    class Unplugging:
        def __getattr__(self, verb: str) -> Any:
            return getattr(api, verb)

        def create(self, *arguments: Any) -> Any:
            stored = api.create(*arguments)
            server.stop()
            return stored

    with pytest.raises(TidegateError, match="database_unavailable"):
        store_of(Unplugging(), server).put(dataset(name), record(), NOW)
    server.start()
    assert store.settle(NOW, AT_ONCE) == 1
    assert events(store, before) == [Event.STORE_WRITE_INTENDED, Event.RESOURCE_CREATED]


def test_a_process_whose_lease_went_to_another_writes_nothing(api: ClusterClient, server: Server) -> None:
    """It was paused; the one that took over has written with a higher number since."""
    ledger = server.ledger("tidegate_provisioner", "provisioner")
    name = fresh("p")
    store_of(api, server).put(project(name), record(), NOW)
    new, old = (KubernetesStore(api, ledger, fence=lambda term=term: term) for term in (8, 7))
    assert new.put_project_status(name, ProjectStatus(phase=ProjectPhase.DEPLOYED), record(), NOW)
    with pytest.raises(TidegateError, match="lease_lost"):
        old.put_project_status(name, ProjectStatus(phase=ProjectPhase.SUSPENDED), record(), NOW)
    with pytest.raises(TidegateError, match="lease_lost"):
        old.append(record(), NOW)
    assert new.project_status(name).phase is ProjectPhase.DEPLOYED


def test_a_status_of_a_project_that_is_gone_is_refused(store: KubernetesStore) -> None:
    status = ProjectStatus(phase=ProjectPhase.DELETED)
    with pytest.raises(TidegateError, match="project_unknown"):
        store.put_project_status("never-was", status, record(), NOW)


def _manifest(resource: Any) -> dict[str, Any]:
    return dict(resource.model_dump(mode="json", by_alias=True, exclude_none=True))


def _rule(number: int) -> dict[str, Any]:
    tag = f"(0019,{number:04X})"
    who = {"subject": "olga"}
    return {"allowTags": [tag], "allowValues": {tag: "^x$"}, "reason": "r", "reviewedBy": who, "reviewedAt": NOW}
