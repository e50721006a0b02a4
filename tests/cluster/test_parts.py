"""What the other tests stop and start comes back, and what is already running is not started twice."""

import signal
from pathlib import Path

import pytest

from cluster import programs
from cluster.kit import Cluster, eventually, probe_pod, reaches
from cluster.parts import arrivals, frozen, stopped
from cluster.places import BEACON_ADDRESS, METADATA_ADDRESS, RUN
from cluster.up import known_programs, restart


@pytest.mark.parametrize("name", ["kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler", "kubelet"])
def test_a_part_that_was_killed_comes_back_and_running_pods_stay(cluster: Cluster, namespace: str, name: str) -> None:
    cluster.apply(probe_pod("mine", namespace))
    cluster.wait("pod/mine", namespace, "condition=Ready")

    with stopped(name):
        assert not programs.is_running(RUN, name)

    assert programs.is_running(RUN, name)
    eventually("the pod to answer", lambda: "uid=" in cluster.try_execute(namespace, "mine", "id").stdout, 60)
    assert (cluster.get("pod", "mine", namespace) or {})["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_frozen_etcd_stops_writes_and_its_return_resumes_them(cluster: Cluster, namespace: str) -> None:
    with frozen("etcd"):
        said = cluster.attempt("create", "configmap", "late", "--namespace", namespace, "--request-timeout=3s")
        assert said.returncode != 0

    eventually(
        "writes", lambda: cluster.attempt("create", "configmap", "next", "--namespace", namespace).returncode == 0
    )


def test_the_network_policy_holds_while_ciliums_agent_is_away(cluster: Cluster, namespace: str) -> None:
    cluster.apply(probe_pod("mine", namespace))
    cluster.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "default-deny", "namespace": namespace},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        }
    )
    cluster.wait("pod/mine", namespace, "condition=Ready")
    eventually("the policy", lambda: not reaches(cluster, namespace, "mine", BEACON_ADDRESS, 80), 30)

    with arrivals() as seen, stopped("cilium-agent"):
        assert not reaches(cluster, namespace, "mine", BEACON_ADDRESS, 80)
        assert not reaches(cluster, namespace, "mine", METADATA_ADDRESS, 80)

    pod = (cluster.get("pod", "mine", namespace) or {})["status"]["podIP"]
    assert [event for event in seen if event["from"] == pod] == []


def test_starting_what_runs_changes_nothing() -> None:
    before = {name: programs.pid_of(RUN, name) for name in known_programs()}

    for name in known_programs():
        restart(name)

    assert {name: programs.pid_of(RUN, name) for name in known_programs()} == before


def test_a_pid_that_is_no_longer_ours_is_left_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("programs")
    program = programs.Program("sleeper", ("sleep", "60"), folder)
    programs.start(program)
    own = programs.pid_of(folder, "sleeper")
    (folder / "pids" / "sleeper").write_text(f"{own} 1\n")

    assert not programs.is_running(folder, "sleeper")
    programs.stop(folder, "sleeper")

    (folder / "pids" / "sleeper").write_text(f"{own} {programs._born(own or 0)}\n")
    assert programs.is_running(folder, "sleeper")
    programs.stop(folder, "sleeper", how=signal.SIGKILL)
    assert not programs.is_running(folder, "sleeper")


def test_a_program_that_was_killed_leaves_its_number_free(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("programs")
    for _ in range(20):
        programs.start(programs.Program("sleeper", ("sleep", "60"), folder))
        own = programs.pid_of(folder, "sleeper")
        programs.stop(folder, "sleeper", how=signal.SIGKILL)
        assert not Path(f"/proc/{own}").exists()
