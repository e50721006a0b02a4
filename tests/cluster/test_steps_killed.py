"""The provisioner killed at each of its writes, one after the other, while it builds a project and while it ends one.

A write is what it sends to the API server or into the ledger. Before the nth of them the process gets SIGKILL, for
every n there is; the next process has to come to what an undisturbed one comes to, and the ledger has to hold.
"""

import os
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cluster.kit import Cluster, eventually
from cluster.store_kit import prepare
from cluster_project_kit import release_of
from cluster_steps_kit import RELEASE, Controller, PaperNode, Steps, Told, register_parts
from postgres_kit import Server, postgres
from provisioner.bootstrap_kubernetes import CHAIN
from tidegate.cluster.client import ClusterClient
from tidegate.ledger import Event, verify
from tidegate.store.postgres import PostgresLedger

SECONDS = 60
STRIDE = 10
MOST, FEWEST = 200, 60
EVERY = 0.05
# Of these a killed process may leave more than one: what it tried again is another try.
REPEATED = frozenset(
    {
        Event.PROJECT_STATUS_CHANGED,
        Event.COHORT_PULL_STARTED,
        Event.CLUSTER_WRITE_INTENDED,
        Event.CLUSTER_WRITTEN,
        Event.STORE_WRITE_INTENDED,
        Event.STORE_WRITE_LAPSED,
        Event.ISOLATION_PROVED,
    }
)


@dataclass
class Bench:
    admin: ClusterClient
    controller: Controller
    server: Server

    def ledger(self) -> PostgresLedger:
        return self.server.ledger("tidegate_provisioner", CHAIN)

    def lasting(self, name: str) -> Counter[str]:
        """What the ledger holds of a project, without tries, once no write to the cluster waits for its record."""
        eventually("every write has its record", lambda: not self.ledger().open_intents(), SECONDS)
        own = [entry.record for entry in self.ledger().entries(CHAIN) if name in entry.record.subject]
        return Counter(str(record.event) for record in own if record.event not in REPEATED)


@dataclass(frozen=True)
class Whole:
    """Of one project: what stands in the cluster once it is built, and its lasting events once it is gone."""

    objects: list[str]
    events: Counter[str]


@pytest.fixture(scope="module")
def bench(api_server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    admin = prepare(api_server)
    release_of(admin, RELEASE)
    register_parts(admin)
    folder = tmp_path_factory.mktemp("steps")
    node = PaperNode(admin)
    thread = threading.Thread(target=node.run, name="paper node", daemon=True)
    with postgres() as server, pytest.MonkeyPatch.context() as patch:
        # The server that forks processes looks for modules where the environment says.
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        told = Told(kubeconfig_of(api_server, folder), secrets_in(folder, server), folder / "fuse", folder / "log")
        controller = Controller(told, admin)
        thread.start()
        try:
            yield Bench(admin, controller, server)
        finally:
            controller.stop()
            node.stop.set()
            thread.join()


def kubeconfig_of(cluster: Cluster, folder: Path) -> Path:
    """The service's own account. What it may is the chart's affair and tried on the installed release."""
    cluster.kubectl("create", "serviceaccount", "provisioner", "-n", RELEASE)
    account = f"--serviceaccount={RELEASE}:provisioner"
    cluster.kubectl("create", "clusterrolebinding", "steps", "--clusterrole=cluster-admin", account)
    token = cluster.kubectl("create", "token", "provisioner", "-n", RELEASE, "--duration=2h").strip()
    whole = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    whole["users"] = [{"name": whole["users"][0]["name"], "user": {"token": token}}]
    (folder / "kubeconfig").write_text(yaml.safe_dump(whole), encoding="utf-8")
    return folder / "kubeconfig"


def secrets_in(folder: Path, server: Server) -> Path:
    place = folder / "secrets"
    account = place / "xnat" / "198.51.100.2"
    account.mkdir(parents=True)
    (account / "username").write_text("loader")
    (account / "password").write_text("of the loader")
    (place / "database-url").write_text(server.url("tidegate_provisioner"))
    return place


def fresh(bench: Bench) -> Steps:
    return Steps(bench.admin, f"s{secrets.token_hex(4)}")


def cut(bench: Bench, one: Steps, number: int, act: Callable[[], None], until: str) -> bool:
    """Whether the process was killed before its nth write about this project; the next one leads then."""
    burnt = False

    def over() -> bool:
        nonlocal burnt
        burnt = bench.controller.was_killed()
        return burnt or one.phase() == until

    bench.controller.arm(one.name, number)
    act()
    eventually(f"write {number} of {one.name}, or that it is {until}", over, SECONDS, EVERY)
    if burnt:
        bench.controller.start()
    bench.controller.arm("")
    return burnt


@pytest.fixture(scope="module")
def whole(bench: Bench) -> Whole:
    """What an undisturbed process makes of a project, and what the ledger keeps of it."""
    bench.controller.start()
    one = fresh(bench)
    one.register()
    eventually("an undisturbed project", lambda: one.phase() == "deployed", SECONDS)
    objects = one.objects()
    one.work()
    one.close()
    eventually("its end", one.is_gone, SECONDS)
    return Whole(objects, bench.lasting(one.name))


@pytest.mark.timeout(600)
def test_killed_before_some_of_its_writes_it_converges(bench: Bench, whole: Whole) -> None:
    """Every tenth of them, each time others; all of them take the time of the test below."""
    assert kill_at(bench, whole, range(1 + secrets.randbelow(STRIDE), MOST, STRIDE)) >= FEWEST // STRIDE


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_before_any_of_its_writes_it_converges(bench: Bench, whole: Whole) -> None:
    assert kill_at(bench, whole, range(1, MOST)) >= FEWEST


def kill_at(bench: Bench, whole: Whole, numbers: Iterable[int]) -> int:
    """A project for each number, cut at that write while it is built and again while it is ended. How many kills."""
    before = bench.controller.kills
    made = []
    for number in numbers:
        one = fresh(bench)
        made.append(one)
        building = cut(bench, one, number, one.register, "deployed")
        eventually(f"{one.name} is built after write {number}", lambda one=one: one.phase() == "deployed", SECONDS)  # type: ignore[misc]
        assert one.objects() == whole.objects, f"killed before write {number}"
        one.work()
        ending = cut(bench, one, number, one.close, "deleted")
        if not building and not ending:
            break
    for one in made:
        eventually(f"the end of {one.name}", one.is_gone, SECONDS)
    told = {f"write {number}": bench.lasting(one.name) for number, one in zip(numbers, made, strict=False)}
    assert {cut: (whole.events - seen, seen - whole.events) for cut, seen in told.items() if seen != whole.events} == {}
    assert verify(bench.ledger().rows(), {}) == []
    return bench.controller.kills - before
