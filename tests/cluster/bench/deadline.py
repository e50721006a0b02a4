"""The second clock: forty workspaces' worth of pods that end at one instant, by the kubelet alone.

The pods are small stand-ins with a workspace's labels and grace: forty real workspaces do not fit on one small node.
Their first process ignores SIGTERM, as the worst one would. The kubelet tells whole seconds, so what is seen is too
early or too late by less than one.
"""

import json
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final

from cluster.bench.bars import Bar
from cluster.kit import Cluster, eventually, probe_pod
from cluster.up import cluster
from cluster_cohort_kit import now
from tidegate.cluster.names import PERSON_LABEL, ROLE_LABEL, WORKSPACE
from tidegate.model import TidegateError

BAR_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 2
FIRST_DEADLINE: Final = 3600
AHEAD: Final = timedelta(seconds=20)
STUBBORN: Final = ("sh", "-c", "trap '' TERM; while :; do sleep 1; done")
HANDS: Final = 8


def main(pods: int) -> Iterable[Bar]:
    own = cluster()
    namespace = f"bench-{secrets.token_hex(4)}"
    own.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    try:
        own.apply(*(pod(f"workspace-{number:02}", namespace) for number in range(pods)))
        eventually("the pods run", lambda: len(running(own, namespace)) == pods, 300, 1)
        at = shortened(own, namespace)
        eventually("all have ended", lambda: len(ends(own, namespace)) == pods, 120, 1)
        late = [(end - at).total_seconds() for end in ends(own, namespace)]
    finally:
        own.delete("namespace", namespace, "", "--wait=false")
    said = (
        f"{pods} pods at one deadline: the last container ended {max(late):.0f} s after it, the first {min(late):.0f} s"
    )
    yield Bar(
        f"deadline to last container ended <= {BAR_SECONDS:.0f} s, 40 pods at once", said, max(late) <= BAR_SECONDS
    )


def pod(name: str, namespace: str) -> dict[str, Any]:
    made = probe_pod(name, namespace, *STUBBORN, labels={ROLE_LABEL: WORKSPACE, PERSON_LABEL: name})
    deadline = {"activeDeadlineSeconds": FIRST_DEADLINE, "terminationGracePeriodSeconds": GRACE_SECONDS}
    return {**made, "spec": {**made["spec"], **deadline, "restartPolicy": "Never"}}


def running(own: Cluster, namespace: str) -> list[dict[str, Any]]:
    return [each for each in own.list("pod", namespace) if each["status"].get("phase") == "Running"]


def shortened(own: Cluster, namespace: str) -> datetime:
    """One instant for all: a deadline counts from each pod's own start and may be made shorter."""
    at = now().replace(microsecond=0) + AHEAD

    def shorten(found: dict[str, Any]) -> None:
        started = datetime.fromisoformat(found["status"]["startTime"])
        patch = json.dumps({"spec": {"activeDeadlineSeconds": int((at - started).total_seconds())}})
        own.kubectl("patch", "pod", found["metadata"]["name"], "-n", namespace, "-p", patch)

    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(shorten, running(own, namespace)))
    if now() >= at:
        raise TidegateError("bench_wait", "The deadline passed before every pod had it; the machine is too busy.")
    return at


def ends(own: Cluster, namespace: str) -> list[datetime]:
    states = [s["state"] for each in own.list("pod", namespace) for s in each["status"].get("containerStatuses", ())]
    return [datetime.fromisoformat(state["terminated"]["finishedAt"]) for state in states if "terminated" in state]
