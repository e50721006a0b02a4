"""What tests do to the parts of the running cluster: stop one, freeze one, start it again, see what reached the world.

The names are those of `python -m cluster status`: etcd, kube-apiserver, kubelet, cilium-agent, postgres, s3 and so on.
"""

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from typing import Any

from cluster import programs, world
from cluster.control_plane import is_ready
from cluster.places import RUN
from cluster.programs import wait_for
from cluster.up import PLANE, restart

BACK_SECONDS = 90


@contextlib.contextmanager
def stopped(name: str, how: signal.Signals = signal.SIGKILL) -> Iterator[None]:
    """Killed (or ended with `how`) inside the block, started again after it."""
    programs.stop(RUN, name, how=how)
    try:
        yield
    finally:
        restart(name)
        _wait_until_back()


@contextlib.contextmanager
def frozen(name: str) -> Iterator[None]:
    """Inside the block it keeps its connections and answers nothing."""
    programs.freeze(RUN, name)
    try:
        yield
    finally:
        programs.thaw(RUN, name)
        _wait_until_back()


@contextlib.contextmanager
def arrivals() -> Iterator[list[dict[str, Any]]]:
    """What reached the beacon, the metadata service and the name server inside the block; filled when it ends.

    Each is ``{"at", "reached": "tcp://198.51.100.1:80", "from": ADDRESS, "said": FIRST LINE or NAME}``.
    """
    began, found = time.time(), list[dict[str, Any]]()
    yield found
    lines = world.SEEN.read_text(encoding="utf-8").splitlines() if world.SEEN.exists() else []
    found += [event for event in map(json.loads, lines) if event["at"] >= began]


def _wait_until_back() -> None:
    """Whatever was away, the next test begins with an API server that answers."""
    wait_for("the API server", lambda: is_ready(PLANE), BACK_SECONDS)
