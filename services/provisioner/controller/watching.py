"""Hears of loaders' jobs, and asks for a look. kopf holds the watch; it does nothing else.

kopf's handlers of creation and change compare with an annotation and write one each time, so only `on.event` is used:
an event says which project to look at, never what to do. What kind of change it was, and whether events came twice,
late or in another order, makes no difference. What a look reads from memory asks through the watch that fills the
memory, after it has: an event that came before would find nothing new there. Jobs are read from the API itself.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import kopf
import structlog

from tidegate.cluster.names import NAMESPACE_PREFIX, PROJECT_LABEL

log = structlog.get_logger("provisioner")

CANARY_LABEL: Final = "tidegate.dev/canary"
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0
ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
WATCHED: Final = (("batch/v1", "jobs"),)


def project_of(body: Mapping[str, Any]) -> str | None:
    """Whose project an object belongs to: by its namespace, which nobody can choose freely, or else by its label.

    Canaries say nothing new: who made one waits for it.
    """
    metadata = body.get("metadata") or {}
    labels = metadata.get("labels") or {}
    if CANARY_LABEL in labels:
        return None
    place = metadata.get("namespace") or (metadata.get("name", "") if body.get("kind") == "Namespace" else "")
    if place.startswith(NAMESPACE_PREFIX):
        return str(place.removeprefix(NAMESPACE_PREFIX))
    return labels.get(PROJECT_LABEL) if not place else None


def settings_of() -> kopf.OperatorSettings:
    """Each of these answers a failure that was seen elsewhere."""
    settings = kopf.OperatorSettings()
    settings.watching.inactivity_timeout = 70  # a balancer that forgot us says nothing, for ever
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.enforce_retry_after = True
    settings.queueing.worker_limit = 8
    settings.execution.default_backoff = 5
    settings.peering.standalone = True  # peering is no election; the Lease is ours
    settings.posting.enabled = False
    settings.scanning.disabled = True
    return settings


class Watching:
    """The watches, in a thread of their own. `heard` is called with a project's name, from that thread."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._last = time.monotonic()
        self.events = 0

    def start(self) -> bool:
        """False where the watches do not stand after a while; they go on trying."""
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self._thread.start()
        return self._ready.wait(START_SECONDS)

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def silent_for(self) -> float:
        """Seconds since the last event of any kind; on a quiet cluster this grows without harm."""
        return time.monotonic() - self._last

    def registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(_login)
        for api_version, plural in WATCHED:
            group, _, version = api_version.rpartition("/")
            kopf.on.event(group, version, plural, registry=registry)(self._event)
        return registry

    async def _event(self, body: kopf.Body, **_: Any) -> None:  # noqa: ANN401 - kopf hands over all it has
        self._last = time.monotonic()
        self.events += 1
        project = project_of(body)
        if project is not None:
            self._heard(project)

    def _run(self) -> None:
        logging.getLogger("kopf").setLevel(logging.WARNING)
        try:
            asyncio.run(self._operate())
        except Exception:
            log.exception("watching ended")

    async def _operate(self) -> None:
        await kopf.operator(
            registry=self.registry(),
            settings=settings_of(),
            clusterwide=True,
            standalone=True,
            stop_flag=self._stop,
            ready_flag=self._ready,
        )


def _login(**about: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - as above
    """The pod's own account, or the kubeconfig of whoever runs it by hand.

    By the number the kubelet gave, not by name: watching must not hang on the cluster's DNS. The token is read again at
    each login, and kopf logs in again whenever it is refused.
    """
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    if not host or os.environ.get("KUBECONFIG"):
        return kopf.login_with_kubeconfig(**about)
    place = f"[{host}]" if ":" in host else host
    return kopf.ConnectionInfo(
        server=f"https://{place}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}",
        ca_path=str(ACCOUNT / "ca.crt"),
        scheme="Bearer",
        token=(ACCOUNT / "token").read_text(encoding="ascii").strip(),
    )
