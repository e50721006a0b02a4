"""Review as the chart runs it: the scan pod has nothing, and answers the dispatcher's real questions over the spool."""

import json
import textwrap
from collections.abc import Callable

import pytest

from cluster.kit import Cluster, eventually
from cluster.places import POSTGRES_ADDRESS, S3_ADDRESS, S3_PORT
from cluster.site_secrets import NAMESPACE

SPOOL = "/var/spool/tidegate"


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Cluster:
    """The release, as `make cluster` leaves it."""
    assert cluster.get("deployment", "tidegate-scan", NAMESPACE), "run: PYTHONPATH=tests python -m cluster install"
    cluster.wait("deployment/tidegate-scan", NAMESPACE, "condition=Available", 120)
    cluster.wait("deployment/tidegate-egress-worker", NAMESPACE, "condition=Available", 120)
    return cluster


def pod_of(cluster: Cluster, component: str) -> str:
    found = cluster.list("pods", NAMESPACE, f"app.kubernetes.io/component={component}")
    (name,) = [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return str(name)


def python(cluster: Cluster, component: str, script: str) -> str:
    """What a script prints in the pod of a component, with the service's own code."""
    command = ("python", "-c", textwrap.dedent(script))
    return cluster.execute(NAMESPACE, pod_of(cluster, component), *command, container=component, seconds=180)


REACHES = """
    import json, socket
    seen = {{}}
    for address, port in {targets!r}:
        with socket.socket() as probe:
            probe.settimeout(1.5)
            seen[address] = probe.connect_ex((address, port)) == 0
    print(json.dumps(seen))
"""


def test_the_scan_pod_reaches_nothing_that_the_dispatcher_reaches(release: Cluster) -> None:
    """The dispatcher beside it, of the same image on the same node, shows that the probe works."""
    api = release.get("service", "kubernetes", "default")
    assert api
    targets = [(S3_ADDRESS, S3_PORT), (POSTGRES_ADDRESS, 5432), (api["spec"]["clusterIP"], 443)]
    script = REACHES.format(targets=targets)
    assert set(json.loads(python(release, "egress-worker", script)).values()) == {True}
    assert set(json.loads(python(release, "scan", script)).values()) == {False}


HOLDS: dict[str, str] = {
    "is no root": "import os; print(os.getuid() != 0)",
    "has no token of the cluster": "import os; print(not os.path.exists('/var/run/secrets/kubernetes.io'))",
    "has no secret": "import os; print(not os.path.exists('/run/secrets/tidegate'))",
    "is told no address": "import os; print(not any('198.51' in v or '@' in v for v in os.environ.values()))",
    "cannot write its own code": """
        import egress_review
        try:
            open(egress_review.__file__, 'a')
        except OSError:
            print(True)
        """,
    "cannot write what it is asked": f"""
        try:
            open('{SPOOL}/jobs/{"0" * 64}', 'w')
        except OSError as error:
            print(error.strerror == 'Read-only file system')
        """,
    "writes its answers": f"""
        import os, pathlib
        answer = pathlib.Path('{SPOOL}/answers/.tried')
        answer.write_text('')
        answer.unlink()
        print(sorted(os.listdir('{SPOOL}')) == ['answers', 'jobs'])
        """,
    "gains no rights": "print('NoNewPrivs:\\t1' in open('/proc/self/status').read())",
    "is filtered": "print('Seccomp:\\t2' in open('/proc/self/status').read())",
    "has no capability": "print('CapEff:\\t0000000000000000' in open('/proc/self/status').read())",
}


@pytest.mark.parametrize("what", HOLDS)
def test_the_scan_pod(release: Cluster, what: str) -> None:
    assert python(release, "scan", HOLDS[what]).strip() == "True"


ASK = f"""
    import json, pathlib
    from egress_review.adapters.spool import Spool
    from egress_review.bootstrap import selftest
    from egress_review.checks.child import Job
    from egress_review.checks.limits import ScanLimits
    from egress_review.checks.spool import Parcel
    limits = ScanLimits()
    spool = Spool(pathlib.Path({SPOOL!r}))
    def scan(name, data):
        facts = {{"task": "scan", "version": "test", "limits": limits.as_json()}}
        reason, told = spool.ask(Parcel(facts, Job.of(name, ("csv", "png"), limits, b"", data)))
        return reason, sorted({{one["code"] for one in json.loads(told)["findings"]}}) if told else []
    drawn = spool.ask(Parcel({{"task": "redraw", "version": "test"}}, selftest.picture("PNG")))
    print(json.dumps([scan("table.csv", selftest.TABLE), scan("table.csv", selftest.image()), drawn[0]]))
"""


def test_the_dispatcher_is_answered_over_the_spool(release: Cluster) -> None:
    clean, dicom, drawn = json.loads(python(release, "egress-worker", ASK))
    assert clean == ["done", []]
    assert (dicom[0], "DICOM.EMBEDDED" in dicom[1]) == ("done", True)
    assert drawn == "done"


def test_a_scan_pod_that_is_killed_comes_back_and_answers(release: Cluster) -> None:
    before = pod_of(release, "scan")
    release.delete("pod", before, NAMESPACE, "--grace-period=0", "--force")
    eventually("another scan pod", lambda: pod_of_or_none(release, "scan") not in {None, before}, 90)
    clean, _dicom, _drawn = json.loads(python(release, "egress-worker", ASK))
    assert clean == ["done", []]


def pod_of_or_none(cluster: Cluster, component: str) -> str | None:
    try:
        return pod_of(cluster, component)
    except ValueError:
        return None


SAYS: dict[str, Callable[[], tuple[str, str]]] = {
    "pages": lambda: ("egress", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8003/readyz').status)"),
    "work": lambda: ("egress-worker", ALIVE.format(loop="work")),
    "scan": lambda: ("scan", ALIVE.format(loop="scan")),
}
ALIVE = (
    "import time; from egress_review.bootstrap import alive; print(200 if alive.is_alive({loop!r}, time.time()) else 1)"
)


@pytest.mark.parametrize("what", SAYS)
def test_every_part_says_that_it_lives(release: Cluster, what: str) -> None:
    component, script = SAYS[what]()
    assert python(release, component, script).strip() == "200"
