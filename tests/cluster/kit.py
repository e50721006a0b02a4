"""What tests of the real cluster use: a client for kubectl, waiting, running commands in pods, images, stopping parts.

cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}})
cluster.wait("pod/probe", "mine", "condition=Ready")
said = cluster.execute("mine", "probe", "cat", "/etc/hostname")
"""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from cluster.places import BIN, REGISTRY
from cluster.shell import attempt, run

Manifest = Mapping[str, Any]
PROBE = f"{REGISTRY}/probe:1"


@dataclass(frozen=True)
class Cluster:
    """A running API server and who asks it. With `user`, every call is made by impersonation as that user."""

    kubeconfig: Path
    audit_log: Path
    user: str = ""
    groups: tuple[str, ...] = ()

    def acting_as(self, user: str, *groups: str) -> "Cluster":
        return dataclasses.replace(self, user=user, groups=groups)

    def acting_as_account(self, namespace: str, account: str) -> "Cluster":
        """As a ServiceAccount, with the groups that the API server gives it."""
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return self.acting_as(f"system:serviceaccount:{namespace}:{account}", *groups)

    def kubectl(self, *arguments: str, text: str = "", seconds: float = 300) -> str:
        """What kubectl printed; a `TidegateError` with what it complained of."""
        return run(*self._command(), *arguments, text=text, seconds=seconds)

    def attempt(self, *arguments: str, text: str = "", seconds: float = 300) -> CompletedProcess[str]:
        """The same, whatever its exit code: for what must be refused."""
        return attempt(*self._command(), *arguments, text=text, seconds=seconds)

    def apply(self, *manifests: Manifest, server_side: bool = False) -> None:
        """Objects as JSON values."""
        options = ("--server-side", "--force-conflicts") if server_side else ()
        self.kubectl("apply", *options, "-f", "-", text=_as_list(manifests))

    def try_apply(self, *manifests: Manifest) -> CompletedProcess[str]:
        return self.attempt("apply", "-f", "-", text=_as_list(manifests))

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        """One object, or None where there is none. `kind` as kubectl takes it."""
        found = self.kubectl("get", kind, name, *_inside(namespace), "--ignore-not-found", "-o", "json")
        return dict(json.loads(found)) if found.strip() else None

    def list(self, kind: str, namespace: str = "", labels: str = "") -> list[dict[str, Any]]:
        """All of a kind, in one namespace or in all."""
        where = _inside(namespace) or ("--all-namespaces",)
        found = self.kubectl("get", kind, *where, "-l", labels, "-o", "json")
        return list(json.loads(found)["items"])

    def delete(self, kind: str, name: str, namespace: str = "", *options: str) -> None:
        """Returns when it is gone; nothing happens where there is none."""
        self.kubectl("delete", kind, name, *_inside(namespace), "--ignore-not-found", *options)

    def wait(self, what: str, namespace: str, until: str, seconds: float = 60) -> None:
        """kubectl's own wait: ``wait("pod/x", "ns", "condition=Ready")``."""
        self.kubectl("wait", what, *_inside(namespace), f"--for={until}", f"--timeout={seconds:.0f}s")

    def execute(self, namespace: str, pod: str, *command: str, container: str = "", seconds: float = 60) -> str:
        """What a command printed that was run in a pod."""
        return self.kubectl(*_exec(namespace, pod, container), *command, seconds=seconds)

    def try_execute(
        self, namespace: str, pod: str, *command: str, container: str = "", seconds: float = 60
    ) -> CompletedProcess[str]:
        return self.attempt(*_exec(namespace, pod, container), *command, seconds=seconds)

    def logs(self, namespace: str, pod: str, *options: str) -> str:
        return self.kubectl("logs", pod, *_inside(namespace), *options)

    def audit(self, user: str = "") -> Iterator[dict[str, Any]]:
        """Writes the API server saw, in order: each with user.username, verb, objectRef, responseStatus."""
        with self.audit_log.open(encoding="utf-8") as lines:
            for line in lines:
                event: dict[str, Any] = json.loads(line)
                if not user or event["user"]["username"] == user:
                    yield event

    def _command(self) -> tuple[str, ...]:
        who = ("--as", self.user, *(f"--as-group={group}" for group in self.groups)) if self.user else ()
        return (str(BIN / "kubectl"), "--kubeconfig", str(self.kubeconfig), *who)


def probe_pod(name: str, namespace: str, *command: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A pod of the small probe image (busybox), which passes Pod Security `restricted`; without a command it sleeps."""
    container = {
        "name": "probe",
        "image": PROBE,
        "imagePullPolicy": "Never",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"cpu": "200m", "memory": "32Mi"}},
    }
    if command:
        container["command"] = list(command)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


def reaches(cluster: Cluster, namespace: str, pod: str, address: str, port: int) -> bool:
    """Whether a TCP connection from a probe pod is taken, within 2 s."""
    return cluster.try_execute(namespace, pod, "nc", "-w", "2", address, str(port), "-e", "/bin/id").returncode == 0


def eventually(what: str, look: Callable[[], object], seconds: float = 60, every: float = 0.2) -> None:
    """Look until it is so; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(every)


def _as_list(manifests: Sequence[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})


def _inside(namespace: str) -> tuple[str, ...]:
    return ("--namespace", namespace) if namespace else ()


def _exec(namespace: str, pod: str, container: str) -> tuple[str, ...]:
    which = ("--container", container) if container else ()
    return ("exec", *_inside(namespace), pod, *which, "--")
