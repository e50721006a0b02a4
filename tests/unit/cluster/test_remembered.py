"""What a controller remembers of a cluster: never backwards, never what is gone, never from too long ago."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.adapters.kubernetes.kinds import CLAIM, CONFIG_MAP, NETWORK_POLICY, POD, PROJECT, QUOTA, VOLUME
from provisioner.adapters.kubernetes.remembering import covers, trimmed
from tidegate.cluster.following import STALE_SECONDS
from tidegate.cluster.memory import BURIED_SECONDS, Memory
from tidegate.cluster.port import Change, Listing, Manifest, Ref, Resource
from tidegate.cluster.remembered import Kept, Memories, RememberedApi, fresh
from tidegate.model import TidegateError
from watch_kit import Scripted

CILIUM = Resource("cilium.io/v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies")
GONE = TidegateError("cluster_gone", "That version is gone.")
BROKEN = TidegateError("cluster_unavailable", "The connection broke.")
UNKNOWN = TidegateError("cluster_invalid", "There is no such kind.")
LOOK = 10.0
DENY = Ref(NETWORK_POLICY, "default-deny", "tg-a")


def policy(
    version: int, *, name: str = "default-deny", uid: str = "", namespace: str = "tg-a", **spec: Any
) -> Manifest:
    metadata = {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


class Api(Scripted):
    """An API whose objects a test sets, that counts its reads, and whose watches give what a test puts in."""

    def __init__(self, *live: Manifest) -> None:
        super().__init__(Listing(live, "9"))
        self.live = {(m["metadata"].get("namespace", ""), m["metadata"]["name"]): m for m in live}
        self.reads = 0
        self.versions = itertools.count(100)

    def get(self, ref: Ref) -> Manifest | None:
        self.reads += 1
        return self.live.get((ref.namespace, ref.name))

    def list(
        self, _resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> tuple[Manifest, ...]:
        assert labels is None
        self.reads += 1
        return tuple(each for (place, _), each in sorted(self.live.items()) if not namespace or place == namespace)

    def apply(self, _resource: Resource, manifest: Manifest, *, force: bool = False, subresource: str = "") -> Manifest:
        assert (force, subresource) == (False, "")
        metadata = {"uid": f"uid-{manifest['metadata']['name']}", **manifest["metadata"]}
        made = {**manifest, "metadata": {**metadata, "resourceVersion": str(next(self.versions))}}
        self.live[metadata["namespace"], metadata["name"]] = made
        return made

    def delete(self, ref: Ref, *, grace_seconds: int | None = None, uid: str = "") -> bool:
        assert grace_seconds is None
        found = self.live.get((ref.namespace, ref.name))
        if found is None or (uid and found["metadata"]["uid"] != uid):
            return False
        if found["metadata"].get("finalizers"):
            version = str(next(self.versions))
            going = {**found["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": version}
            self.live[ref.namespace, ref.name] = {**found, "metadata": going}
        else:
            del self.live[ref.namespace, ref.name]
        return True


class Place:
    """One kind remembered of that API, with a clock set by hand and what was told kept in order."""

    def __init__(self, real: Api, kind: Resource = NETWORK_POLICY, *, optional: bool = False) -> None:
        self.real, self.now = real, 0.0
        self.told: list[str] = []
        kept = Kept((), covers, (kind,), trimmed) if optional else Kept((kind,), covers, trim=trimmed)
        self.hear: Callable[[Manifest], None] = lambda manifest: self.told.append(manifest["metadata"]["name"])
        told = lambda manifest: self.hear(manifest)  # noqa: E731, PLW0108 - a test may set another
        self.memories = Memories(real, kept, told, lambda: self.now, lambda: -0.4)  # type: ignore[arg-type]
        self.api = RememberedApi(real, self.memories)  # type: ignore[arg-type]

    def start(self) -> "Place":
        assert self.memories.start(LOOK)
        self.real.since.get(timeout=LOOK)
        return self

    def hears(self, *events: Change | TidegateError) -> None:
        """These came, and were taken in: the next watch is asked for only then."""
        for event in events:
            self.real.events.put(event)
        self.real.events.put(None)
        self.real.since.get(timeout=LOOK)
        if events and isinstance(events[-1], TidegateError):
            self.real.since.get(timeout=LOOK)


@pytest.fixture
def place() -> Iterator[Place]:
    found = Place(Api(policy(5))).start()
    yield found
    found.memories.stop()
    found.real.events.put(None)


def test_a_look_costs_no_read(place: Place) -> None:
    for _ in range(100):
        assert place.api.get(DENY) == policy(5)
        assert place.api.list(NETWORK_POLICY, "tg-a") == (policy(5),)
        assert place.api.get(Ref(NETWORK_POLICY, "workspace", "tg-a")) is None
    assert place.real.reads == 0


def test_what_changes_is_known_before_it_is_told(place: Place) -> None:
    seen: list[Manifest | None] = []
    place.hear = lambda _: seen.append(place.api.get(DENY))
    place.hears(Change("MODIFIED", policy(10, egress=[{}])), Change("DELETED", policy(11)))
    assert seen == [policy(10, egress=[{}]), None]


def test_what_is_not_a_projects_is_neither_kept_nor_answered_for(place: Place) -> None:
    place.hears(Change("ADDED", policy(10, namespace="kube-system")))
    assert len(place.memories) == 1
    place.real.live["kube-system", "default-deny"] = policy(10, namespace="kube-system")
    assert place.api.get(Ref(NETWORK_POLICY, "default-deny", "kube-system")) is not None
    assert len(place.api.list(NETWORK_POLICY)) == 2, "a list of all namespaces is asked of the API"
    assert place.api.get(Ref(QUOTA, "default-deny", "tg-a")) is not None, "and so is a kind nobody watches"
    assert place.real.reads == 3


def test_our_own_write_is_read_back_at_once_and_older_news_do_not_undo_it(place: Place) -> None:
    ours = place.api.apply(NETWORK_POLICY, policy(0, ingress=[]))
    place.hears(Change("MODIFIED", policy(10, egress=[{}])))
    assert place.api.get(DENY) == ours
    assert place.told == ["default-deny"], "nothing but the first list was told"


def test_what_we_deleted_is_gone_at_once_and_older_news_do_not_bring_it_back(place: Place) -> None:
    assert place.api.delete(DENY)
    assert place.api.get(DENY) is None
    place.hears(Change("MODIFIED", policy(200, egress=[{}])))
    assert place.api.get(DENY) is None
    place.hears(Change("DELETED", policy(201)), Change("ADDED", policy(202, uid="another")))
    assert place.api.get(DENY) == policy(202, uid="another")


def test_what_a_finaliser_holds_is_going_and_not_gone() -> None:
    held = policy(5)
    held["metadata"]["finalizers"] = ["example.org/stay"]
    place = Place(Api(held)).start()
    assert place.api.delete(DENY)
    found = place.api.get(DENY)
    assert found is not None
    assert "deletionTimestamp" in found["metadata"]
    place.memories.stop()


def test_an_answer_that_comes_after_the_deletion_brings_nothing_back(place: Place) -> None:
    place.hears(Change("DELETED", policy(20)))
    memory = place.memories.keeping(NETWORK_POLICY, "tg-a", "default-deny")
    assert memory is not None
    memory.note(policy(15, ingress=[]))
    assert place.api.get(DENY) is None


def test_a_watch_silent_for_too_long_is_no_knowledge(place: Place) -> None:
    """The policy was taken away and nobody told us: past the limit each read asks the API itself."""
    place.real.live.clear()
    place.now = STALE_SECONDS
    assert place.api.get(DENY) is not None
    place.now = STALE_SECONDS + 1
    assert place.api.get(DENY) is None
    assert place.api.list(NETWORK_POLICY, "tg-a") == ()
    assert place.memories.silent_for() > STALE_SECONDS
    place.hears(Change("BOOKMARK", {"metadata": {"resourceVersion": "30"}}))
    assert place.memories.silent_for() == 0


def test_who_opens_something_reads_afresh_whatever_is_remembered(place: Place) -> None:
    place.real.live.clear()
    assert place.api.get(DENY) is not None
    assert fresh(place.api).get(DENY) is None
    assert fresh(fresh(place.api)).list(NETWORK_POLICY, "tg-a") == ()


def test_before_the_first_list_and_while_nobody_may_list_every_read_is_live() -> None:
    real = Api(policy(5))
    real.listings = [BROKEN]
    place = Place(real)
    assert not place.memories.start(0.1)
    assert place.api.get(DENY) == policy(5)
    assert real.reads == 1
    assert place.memories.silent_for() == float("inf")
    place.memories.stop()


def test_what_a_new_list_does_not_name_is_gone_unless_we_wrote_it_since(place: Place) -> None:
    ours = place.api.apply(NETWORK_POLICY, policy(0, name="workspace"))
    place.real.listings.append(Listing((policy(40, name="loader-pull"),), "50"))
    place.real.listings.pop(0)
    place.told.clear()
    place.hears(GONE)
    assert place.api.list(NETWORK_POLICY, "tg-a") == (policy(40, name="loader-pull"), ours)
    assert place.told == ["default-deny", "loader-pull"]


def test_a_break_goes_on_from_the_last_version(place: Place) -> None:
    place.real.events.put(Change("BOOKMARK", {"metadata": {"resourceVersion": "15"}}))
    place.real.events.put(BROKEN)
    assert place.real.since.get(timeout=LOOK) == "15"
    assert place.api.get(DENY) == policy(5)


def test_a_change_that_changes_nothing_we_read_is_not_told(place: Place) -> None:
    """A count in a status, or who owns a field: each would otherwise be a look."""
    place.told.clear()
    same = policy(10)
    same["metadata"]["managedFields"] = [{"manager": "somebody"}]
    place.hears(Change("MODIFIED", {**same, "status": {"observed": 3}}))
    assert place.told == []
    assert place.api.get(DENY) == policy(10), "but the version is the newest, for a write that follows"


def test_a_kind_the_cluster_does_not_know_has_no_objects_until_it_comes() -> None:
    real = Api()
    real.listings = [UNKNOWN, Listing((policy(5),), "9")]
    place = Place(real, CILIUM, optional=True)
    assert place.memories.start(LOOK)
    assert place.api.list(CILIUM, "tg-a") == ()
    assert real.since.get(timeout=LOOK) == "9"
    assert place.told == ["default-deny"]
    real.listings = [UNKNOWN, Listing((), "20")]
    place.hears(GONE)
    assert place.api.list(CILIUM, "tg-a") == ()
    assert place.told == ["default-deny", "default-deny"]
    place.memories.stop()


def test_a_reader_cannot_change_what_is_remembered(place: Place) -> None:
    found = place.api.get(DENY)
    assert found is not None
    found["spec"]["egress"] = [{}]
    assert place.api.get(DENY) == policy(5)


NEWS = [("ADDED", 10, "u1"), ("MODIFIED", 11, "u1"), ("DELETED", 12, "u1"), ("ADDED", 13, "u2"), ("MODIFIED", 14, "u2")]


@given(st.permutations(NEWS))
def test_whatever_the_order_of_news_the_newest_stands(news: list[tuple[str, int, str]]) -> None:
    memory = Memory(lambda _: True, lambda manifest: manifest, lambda _: None, lambda: 0.0)
    for verb, version, uid in news:
        memory.changed(Change(verb, policy(version, uid=uid)))
    assert memory.get("tg-a", "default-deny") == policy(14, uid="u2")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40))
def test_it_remembers_as_much_as_there_is(steps: list[tuple[str, bool]]) -> None:
    """Objects that came and went leave nothing behind but, for minutes, that they are gone."""
    now, alive = 0.0, set()
    memory = Memory(lambda _: True, lambda manifest: manifest, lambda _: None, lambda: now)
    for number, (name, comes) in enumerate(steps):
        uid = f"{name}{number}" if comes and name not in alive else f"{name}-same"
        if comes:
            alive.add(name)
            memory.changed(Change("ADDED", policy(number + 1, name=name, uid=f"{name}-{number}")))
        elif (found := memory.get("tg-a", name)) is not None:
            alive.discard(name)
            uid = found["metadata"]["uid"]
            memory.changed(Change("DELETED", policy(number + 1, name=name, uid=uid)))
        now += BURIED_SECONDS / 10
    assert len(memory) == len(alive)
    assert len(memory._buried) <= 11


KEPT = [
    (NETWORK_POLICY, "tg-a", "x", True),
    (NETWORK_POLICY, "tg-a", "", True),
    (NETWORK_POLICY, "tidegate", "x", False),
    (NETWORK_POLICY, "", "", False),
    (Resource("v1", "Namespace", "namespaces", namespaced=False), "", "tg-a", True),
    (Resource("v1", "Namespace", "namespaces", namespaced=False), "", "tidegate", False),
    (Resource("v1", "Namespace", "namespaces", namespaced=False), "", "", False),
    (VOLUME, "", "pvc-1", True),
    (PROJECT, "", "", True),
]


@pytest.mark.parametrize(("resource", "namespace", "name", "kept"), KEPT)
def test_what_is_kept_of_a_cluster(resource: Resource, namespace: str, name: str, *, kept: bool) -> None:
    assert covers(resource, namespace, name) is kept


@pytest.mark.parametrize("resource", [POD, CLAIM, VOLUME, QUOTA, CONFIG_MAP, PROJECT], ids=lambda r: r.plural)
def test_of_an_object_only_what_is_read_is_kept(resource: Resource) -> None:
    whole = {"apiVersion": "v1", "kind": resource.kind, "metadata": {"name": "x"}, "spec": {"a": 1}, "status": {}}
    left = set(trimmed(resource, whole)) - {"apiVersion", "kind", "metadata"}
    expected = {POD: {"spec", "status"}, CLAIM: {"spec", "status"}, VOLUME: {"spec", "status"}, PROJECT: set()}
    assert left == expected.get(resource, {"spec"})
