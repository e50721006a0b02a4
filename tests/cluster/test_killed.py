"""Each part killed or stopped in the middle of work: what stops, what goes on, what people see, and that it comes back.

One deployed project for all parts. Expected beside seen is printed and kept as a file beside the cluster's logs.
"""

import contextlib
import hashlib
import math
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import pytest

from cluster.killed_kit import Kernel, Scene, killed
from cluster.killed_table import ACTS, PARTS, WORKS, is_as_expected, rows
from cluster.kit import Cluster
from cluster.parts import frozen, stopped
from cluster.people import ClusterSite
from cluster.places import LOGS
from cluster.site_secrets import NAMESPACE
from cluster_live_kit import Live

KEPT = LOGS / "killed.txt"
BACK_SECONDS = 120.0
NEVER = math.inf
WINDOW_SECONDS = 30.0
START_SECONDS = 25.0
REFUSED_SECONDS = 8.0
LONGEST_PAUSE = 5.0
OPA = tuple((component, "opa") for component in ("hub", "egress", "provisioner"))
Away = Callable[[Scene], AbstractContextManager[None]]


@contextlib.contextmanager
def _controller(scene: Scene) -> Iterator[None]:
    label = "--selector=app.kubernetes.io/component=provisioner"
    scene.live.cluster.kubectl("delete", "pods", "-n", NAMESPACE, label, "--grace-period=0", "--force")
    with killed(scene, ("provisioner", "")):
        yield


AWAY: dict[str, Away] = {
    "controller": _controller,
    "opa": lambda scene: killed(scene, *OPA),
    "egress": lambda scene: killed(scene, ("egress", "")),
    "hub": lambda scene: killed(scene, ("hub", "")),
    "proxy": lambda scene: killed(scene, ("proxy", "")),
    "s3": lambda _: stopped("s3"),
    "postgres": lambda _: stopped("postgres"),
    "cilium-agent": lambda _: stopped("cilium-agent"),
    "kubelet": lambda _: stopped("kubelet"),
    "etcd": lambda _: frozen("etcd"),
    "kube-apiserver": lambda _: stopped("kube-apiserver"),
}


@dataclass(frozen=True)
class Outcome:
    """What was seen by act, how many seconds later it worked again, and what of the workspace's pod is as before."""

    seen: dict[str, str]
    back: dict[str, float]
    kept: bool


@pytest.fixture(scope="module")
def scene(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    live = Live(cluster, f"k{secrets.token_hex(4)}")
    made = Scene(ClusterSite(cluster, tmp_path_factory.mktemp("site"), live.name), live)
    try:
        made.prepare()
        made.work()
        yield made
        made.closes("rosa")
    finally:
        made.close()
        live.close()


@pytest.fixture(scope="module")
def matrix(scene: Scene) -> dict[str, Outcome]:
    """Printed part by part, and kept: a run that is broken off still says how far it came."""
    found = {}
    with KEPT.open("w", encoding="utf-8", buffering=1) as kept:
        for name, part in PARTS.items():
            found[name] = _taken_away(scene, name)
            for line in rows(part, found[name].seen, found[name].back):
                print(line, file=kept)
                print(line, flush=True)  # noqa: T201 - it is to be read
    return found


def _taken_away(scene: Scene, name: str) -> Outcome:
    acts = _acts(scene, name)
    with ThreadPoolExecutor(2 * len(acts)) as pool:
        with AWAY[name](scene):
            began = {act: pool.submit(do) for act, do in acts.items()}
            wait(began.values(), WINDOW_SECONDS)
            seen = {act: _seen(partial(future.result, 0)) for act, future in began.items()}
        again = {act: pool.submit(_until_it_works, scene, act, acts[act]) for act in ACTS if not _done(act, seen)}
        back = {act: future.result() for act, future in again.items()}
    return Outcome(seen, back, _kept(scene))


def _seen(act: Callable[[], str]) -> str:
    """What an act does not know how to tell is told as it is: it is no page that a person should see."""
    try:
        return act()
    except TimeoutError:
        return "no answer in time"
    except Exception as error:  # noqa: BLE001 - whatever it is
        return f"{type(error).__name__}: {error}"


def _acts(scene: Scene, name: str) -> dict[str, Callable[[], str]]:
    patience = START_SECONDS if PARTS[name].of("start") == WORKS else REFUSED_SECONDS
    return {
        "lab": scene.lab,
        "cell": scene.cell,
        "login": scene.log_in,
        "start": lambda: scene.start(patience),
        "ask": lambda: scene.ask(f"{name}.csv"),
        "vote": scene.vote,
        "look": scene.look,
        "govern": lambda: scene.govern(f"new-{name}"),
    }


def _done(act: str, seen: dict[str, str]) -> bool:
    """A start costs ten seconds: what has just worked is not tried again."""
    return act == "start" and seen[act] == WORKS


def _until_it_works(scene: Scene, act: str, do: Callable[[], str]) -> float:
    """Seconds, at most as many as anybody is asked to wait."""
    began = time.monotonic()
    while (last := _seen(do)) != WORKS and time.monotonic() - began < BACK_SECONDS:
        if act in scene.kernels:
            _reload(scene.kernels[act])
        time.sleep(0.5)
    return time.monotonic() - began if last == WORKS else NEVER


def _reload(kernel: Kernel) -> None:
    with contextlib.suppress(Exception):
        kernel.come_back()


def _kept(scene: Scene) -> bool:
    pod = scene.pod()
    restarts = [each["restartCount"] for each in pod["status"]["containerStatuses"]]
    return pod["metadata"]["uid"] == scene.before and restarts == [0, 0]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PARTS)
def test_what_people_see_while_it_is_away(matrix: dict[str, Outcome], name: str) -> None:
    seen = matrix[name].seen
    assert {act: seen[act] for act in ACTS if not is_as_expected(PARTS[name].of(act), seen[act])} == {}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PARTS)
def test_everything_works_again_by_itself(matrix: dict[str, Outcome], name: str) -> None:
    assert {act: back for act, back in matrix[name].back.items() if back > BACK_SECONDS} == {}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PARTS)
def test_the_open_workspace_is_the_same_pod_and_nothing_in_it_was_started_again(
    matrix: dict[str, Outcome], name: str
) -> None:
    assert matrix[name].kept


@pytest.mark.timeout(900)
def test_what_ran_all_the_time_went_on(scene: Scene, matrix: dict[str, Outcome]) -> None:
    assert matrix
    kernel = scene.kernels["cell"]
    code = "import pathlib\nt = [float(x) for x in pathlib.Path('ticks.txt').read_text().split()]\n"
    gap = kernel.run(f"{code}print(max(b - a for a, b in zip(t, t[1:])))\npathlib.Path('stop').touch()")
    assert float(gap) < LONGEST_PAUSE
    long = scene.kernels["long"]
    long.come_back()
    counted = int(long.run("print(len(ticks))"))
    assert counted == int(kernel.run("print(len(pathlib.Path('ticks.txt').read_text().split()))")) > len(PARTS) * 20


@pytest.mark.timeout(900)
def test_nothing_that_was_asked_for_or_decided_is_lost(scene: Scene, matrix: dict[str, Outcome]) -> None:
    """Every file is in the request, which is released; what was released before is there, and the ledger holds."""
    assert matrix
    rosa = scene.people["rosa"]
    asked = scene.review.open_request(rosa)
    assert asked is not None
    assert asked.files == {f"{name}.csv" for name in PARTS}
    last = scene.through("rosa")
    scene.decide(scene.in_review)
    for person, address in ((rosa, scene.released), (rosa, last), (scene.people["ravi"], scene.in_review)):
        tables = [body for name, body in scene.review.download(person, address).items() if name.endswith(".csv")]
        shown = scene.review.hashes(person, address)
        assert tables
        assert [hashlib.sha256(body).hexdigest() in shown for body in tables] == [True] * len(tables)
    verified = scene.site.cli("ledger", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
