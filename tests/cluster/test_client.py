"""The client and its watches against a real API server: conflicts, old versions, one frozen, one killed and back."""

import contextlib
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cluster import programs
from cluster.kit import Cluster, eventually
from cluster.programs import Program
from cluster.store_kit import prepare, store_of, watching
from model_kit import NOW, dataset
from postgres_kit import Server, postgres
from store_contract import CHAIN, fresh, record
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.port import Manifest, Ref, Resource
from tidegate.ledger import Event
from tidegate.model import Kind, TidegateError
from tidegate.store.manifests import manifest_of

CONFIG_MAP = Resource("v1", "ConfigMap", "configmaps")
API_SERVER = "kube-apiserver"


@pytest.fixture(scope="module")
def api(api_server: Cluster) -> ClusterClient:
    return prepare(api_server)


def config(name: str, **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


def test_another_manager_s_field_is_a_conflict_until_it_is_forced(api: ClusterClient, api_server: Cluster) -> None:
    name = fresh("c")
    api.apply(CONFIG_MAP, config(name, ours="1"))
    api_server.kubectl("patch", "configmap", name, "--type=merge", "-p", '{"data": {"ours": "2", "theirs": "x"}}')
    with pytest.raises(TidegateError, match="cluster_conflict") as refused:
        api.apply(CONFIG_MAP, config(name, ours="1"))
    assert ".data.ours" in refused.value.sentence
    assert api.apply(CONFIG_MAP, config(name, ours="1"), force=True)["data"] == {"ours": "1", "theirs": "x"}


def test_what_is_no_longer_applied_is_taken_away(api: ClusterClient) -> None:
    name = fresh("c")
    api.apply(CONFIG_MAP, config(name, one="1", two="2"))
    assert api.apply(CONFIG_MAP, config(name, two="2"))["data"] == {"two": "2"}


def test_an_unchanged_apply_is_no_new_version(api: ClusterClient) -> None:
    name = fresh("c")
    versions = {api.apply(CONFIG_MAP, config(name, a="1"))["metadata"]["resourceVersion"] for _ in range(3)}
    assert len(versions) == 1


def test_only_the_very_object_is_deleted(api: ClusterClient) -> None:
    name = fresh("c")
    ref = Ref(CONFIG_MAP, name, "default")
    first = api.create(CONFIG_MAP, config(name))["metadata"]["uid"]
    assert api.delete(ref, uid=first)
    second = api.create(CONFIG_MAP, config(name))["metadata"]["uid"]
    assert not api.delete(ref, uid=first)
    assert (api.get(ref) or {})["metadata"]["uid"] == second
    assert api.delete(ref)
    assert not api.delete(ref)


def test_more_than_a_page_is_listed_whole(api: ClusterClient) -> None:
    """Five hundred a page."""
    label = fresh("many")
    for number in range(501):
        manifest = config(f"{label}-{number}")
        manifest["metadata"]["labels"] = {"test": label}
        api.create(CONFIG_MAP, manifest)
    assert len(api.list(CONFIG_MAP, "default", {"test": label})) == 501


def test_a_version_from_before_time_is_gone(api: ClusterClient) -> None:
    with pytest.raises(TidegateError, match="cluster_gone"):
        next(api.watch(CONFIG_MAP, "default", "1"))


def test_who_is_impersonated_has_their_own_rights_and_no_more(api: ClusterClient) -> None:
    nobody = api.impersonating("tidegate:local:nobody", "nobodies")
    for refused in (lambda: nobody.list(CONFIG_MAP), lambda: nobody.create(CONFIG_MAP, config(fresh("c")))):
        with pytest.raises(TidegateError, match="cluster_denied"):
            refused()


@contextlib.contextmanager
def frozen(cluster: Cluster) -> Iterator[None]:
    folder = cluster.kubeconfig.parent
    programs.freeze(folder, API_SERVER)
    try:
        yield
    finally:
        programs.thaw(folder, API_SERVER)


def test_a_frozen_server_holds_nobody_for_ever(api: ClusterClient, api_server: Cluster) -> None:
    with frozen(api_server):
        began = time.monotonic()
        with pytest.raises(TidegateError, match="cluster_unavailable"):
            api.get(Ref(CONFIG_MAP, "x", "default"))
        assert time.monotonic() - began < 40
    eventually("the server to answer", lambda: api.get(Ref(CONFIG_MAP, "x", "default")) is None, 30)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as running:
        yield running


def kill(cluster: Cluster) -> Program:
    """Unplugged. What is answered starts it again."""
    folder = cluster.kubeconfig.parent
    pid = programs.pid_of(folder, API_SERVER)
    assert pid is not None
    command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").rstrip("\0").split("\0")
    programs.stop(folder, API_SERVER, how=signal.SIGKILL)
    return Program(API_SERVER, tuple(command), folder)


def answers(api: ClusterClient) -> bool:
    try:
        api.get(Ref(CONFIG_MAP, "x", "default"))
    except TidegateError:
        return False
    return True


def test_a_killed_api_server_stops_writes_not_reads_and_nothing_is_lost(
    api: ClusterClient, api_server: Cluster, server: Server
) -> None:
    """Reads go on from memory; a write says that it is not known what landed; watches find the server again."""
    reads = watching(api)
    store = store_of(api, server, reads)
    before, during = fresh("d"), fresh("d")
    store.put(dataset(before), record(), NOW)
    entries = len(store.entries(CHAIN))
    api_program = kill(api_server)
    try:
        assert store.get(Kind.DATASET, before) == dataset(before)
        with pytest.raises(TidegateError, match="cluster_unavailable"):
            store.put(dataset(during), record(), NOW)
    finally:
        programs.start(api_program)
        eventually("the server to answer", lambda: answers(api), 90)
    assert store.settle(NOW, timedelta(0)) == 0  # it could not even look, so nothing was announced
    assert len(store.entries(CHAIN)) == entries
    api_server.apply(manifest_of(dataset(during)))
    eventually("the watch to tell", lambda: store.get(Kind.DATASET, during) is not None, 30)
    assert store.get(Kind.DATASET, before) == dataset(before)
    reads.stop()


def test_a_server_killed_in_the_middle_of_a_write_is_settled_afterwards(
    api: ClusterClient, api_server: Cluster, server: Server
) -> None:
    """After the intent and before the write."""
    name = fresh("d")
    store = store_of(api, server)
    entries = len(store.entries(CHAIN))
    killed: list[Program] = []

    class Unplugging:
        def __getattr__(self, verb: str) -> object:
            if verb == "create":
                killed.append(kill(api_server))
            return getattr(api, verb)

    try:
        with pytest.raises(TidegateError, match="cluster_unavailable"):
            store_of(Unplugging(), server).put(dataset(name), record(), NOW)
    finally:
        programs.start(killed[0])
        eventually("the server to answer", lambda: answers(api), 90)
    assert store.settle(NOW, timedelta(0)) == 1
    said = [entry.record.event for entry in store.entries(CHAIN)[entries:]]
    assert said == [Event.STORE_WRITE_INTENDED, Event.STORE_WRITE_LAPSED]
    assert store.put(dataset(name), record(), NOW)
