"""The provisioner's own process in the installed release: a project from its Approval to its end, on a real node."""

import json
import secrets
from collections.abc import Iterator

import pytest

import cluster_live_kit
from cluster.kit import Cluster, eventually
from cluster.secret_files import secret
from cluster_live_kit import Live, kill, page, term

REPAIRED_SECONDS = 5.0
GUARDED = {
    "networkpolicy/default-deny": "deleted",
    "networkpolicy/workspace": "deleted",
    "resourcequota/project": "deleted",
    "limitrange/project": "deleted",
    "role/hub-run": "deleted",
    "rolebinding/hub-spawn": "deleted",
    "configmap/probe": "deleted",
}


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> Cluster:
    return cluster_live_kit.installed(cluster)


@pytest.fixture(scope="module")
def live(installed: Cluster) -> Iterator[Live]:
    """One deployed project for the tests that leave it as it was."""
    own = Live(installed, f"l{secrets.token_hex(4)}")
    own.register()
    own.deployed()
    yield own
    own.close()


def test_a_project_is_deployed_with_its_cohort_and_its_rights(live: Live) -> None:
    status = live.status()
    assert {step["name"]: step["state"] for step in status["steps"]} == {
        "policy": "done",
        "fence": "done",
        "isolation": "done",
        "folders": "done",
        "cohort": "done",
        "access": "done",
    }
    assert live.condition("NetworkIsolated")["status"] is True
    assert status["cohort"]["files"] > 0
    assert [right["person"]["subject"] for right in status["spawnRights"]] == ["rosa"]
    assert live.cluster.get("rolebinding", "hub-spawn", live.namespace)
    assert live.cluster.list("secret", live.namespace) == []
    assert live.cluster.list("job", live.namespace) == []
    cohort = live.cluster.get("cohorts.tidegate.dev", f"{live.name}-v1", live.namespace)
    assert cohort is not None
    assert cohort["spec"]["version"] == 1


@pytest.mark.parametrize("guarded", GUARDED)
def test_what_guards_a_project_is_back_within_seconds(live: Live, guarded: str) -> None:
    """The guards of admission refuse anybody else, so it is taken away as the controller itself."""
    kind, _, name = guarded.partition("/")
    before = live.cluster.get(kind, name, live.namespace)
    assert before is not None
    live.cluster.acting_as_account("tidegate", "provisioner").delete(kind, name, live.namespace, "--wait=false")

    def is_back() -> bool:
        found = live.cluster.get(kind, name, live.namespace)
        return found is not None and found["metadata"]["uid"] != before["metadata"]["uid"]

    eventually(f"{guarded} is back", is_back, REPAIRED_SECONDS)


def test_a_foreign_policy_that_opens_is_removed(live: Live) -> None:
    metadata = {"name": f"open-{secrets.token_hex(3)}", "namespace": live.namespace}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    }
    live.cluster.acting_as_account("tidegate", "provisioner").apply(policy)
    gone = lambda: live.cluster.get("networkpolicy", metadata["name"], live.namespace) is None  # noqa: E731 - a look
    eventually("the foreign policy is gone", gone, REPAIRED_SECONDS)


def test_a_controller_killed_while_it_builds_converges(installed: Cluster) -> None:
    """Killed as each step of the order of creation is under way; every next process goes on where the last one was."""
    own = Live(installed, f"k{secrets.token_hex(4)}")
    own.register()
    for step in ("fence", "isolation", "folders", "cohort"):
        eventually(f"{step} has begun", lambda step=step: bool(own.step(step)) or own.phase() == "deployed", 240)  # type: ignore[misc]
        before = term(installed)
        kill(installed)
        eventually("the next process leads", lambda before=before: term(installed) == before + 1, 60)  # type: ignore[misc]
    own.deployed(400)
    own.close()
    eventually("closing has begun", lambda: bool(own.step("deletion")), 120)
    kill(installed)
    eventually("it is deleted", lambda: own.phase() in {"deleted", ""}, 400)
    eventually("its namespace is gone", lambda: installed.get("namespace", own.namespace) is None, 120)
    own_volumes = installed.list("persistentvolume", labels=f"tidegate.dev/project={own.name}")
    assert own_volumes == []


def test_its_pages_say_that_it_is_well(installed: Cluster) -> None:
    assert {line.rpartition(" ")[2] for line in page(installed, "/readyz").splitlines() if line} == {"ok"}


def test_no_secret_of_a_loader_is_in_what_others_may_read(live: Live) -> None:
    """Neither the project's status nor its cohort says the password of the archive."""
    password = secret("xnat-password")
    for kind in ("projects.tidegate.dev", "cohorts.tidegate.dev", "configmap", "persistentvolumeclaim"):
        where = "" if kind.startswith("projects") else live.namespace
        assert password not in json.dumps(live.cluster.list(kind, where))
