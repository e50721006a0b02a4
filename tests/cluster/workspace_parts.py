"""A workspace's pod on the real cluster with stand-ins around it: what `test_workspace` needs beside the pod itself.

The namespaces are made by hand as the provisioner renders them, acting under its name: where the chart is installed,
admission lets nobody else make them. Into a pod of a project nobody gets through the API, so commands go in through
containerd, as the node's owner could.
"""

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import workspace_kit
from cluster.images import is_loaded, load_image
from cluster.kit import Cluster
from cluster.places import (
    BEACON_ADDRESS,
    CONTAINERD,
    DNS_SERVICE,
    IMAGES,
    REGISTRY,
    S3_ADDRESS,
    S3_PORT,
    XNAT_ADDRESS,
    XNAT_PORT,
)
from cluster.shell import attempt
from provisioner.adapters.kubernetes.render.addresses import Address, Addresses
from provisioner.adapters.kubernetes.render.bounds import limit_range, namespace
from provisioner.adapters.kubernetes.render.policies import network_policies
from provisioner.adapters.kubernetes.render.probes import probe_tables
from provisioner.adapters.kubernetes.render.stores import accounts
from provisioner.adapters.kubernetes.settings import ClusterSettings
from tidegate.cluster.names import EGRESS_PORT, HUB_PORT, SHARED_CLAIM, cohort_claim, cohort_view, home_claim
from tidegate.cluster.probe import LOCKED
from tidegate.model import utc_now
from workspace.hub.inside import session_environment
from workspace.hub.kubernetes.pod import workspace_manifest
from workspace.hub.kubernetes.settings import KubernetesSettings

RELEASE: Final = "ws-release"
MINE: Final = "ws-density"
OTHER: Final = "ws-texture"
PROXY_PORT: Final = 8001
PROVISIONER_PORT: Final = 8080
COMPONENTS: Final = {"hub": HUB_PORT, "egress": EGRESS_PORT, "proxy": PROXY_PORT, "provisioner": PROVISIONER_PORT}
CONTROLLER: Final = ("system:serviceaccount:tidegate:provisioner", "system:masters")
HUB: Final = ("system:serviceaccount:tidegate:hub", "system:masters")
STAND_IN: Final = Path(__file__).parent / "workspace_stand_in.py"
TOKEN: Final = "a-token-of-this-test-and-of-nothing-else"
IMAGES_NEEDED: Final = ("session", "workspace", "services")
_numbers = itertools.count()


def image(name: str) -> str:
    """As pods name it; loaded onto the node where it is not there yet."""
    digest = (IMAGES / f"{name}.digest").read_text(encoding="ascii").strip()
    pinned = f"{REGISTRY}/{name}@{digest}"
    return pinned if is_loaded(pinned) else load_image(IMAGES / f"{name}.tar")


def release(cluster: Cluster) -> dict[str, str]:
    """Pods that answer in the hub's, the egress service's and other components' place; their addresses by name."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": RELEASE}})
    script = {"stand_in.py": STAND_IN.read_text(encoding="utf-8")}
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": _named("stand-in"), "data": script})
    cluster.apply(*(each for name, port in COMPONENTS.items() for each in _stand_in(name, port)))
    for name in COMPONENTS:
        cluster.wait(f"pod/{name}", RELEASE, "condition=Ready", 120)
    services = {each["metadata"]["name"]: each["spec"]["clusterIP"] for each in cluster.list("service", RELEASE)}
    return {name: services[name] for name in COMPONENTS}


def fences(project: str, hub: str) -> list[dict[str, Any]]:
    """What keeps a project's pods apart, as the provisioner renders it."""
    settings = ClusterSettings(
        namespace=RELEASE, release=RELEASE, services_image=image("services"), s3_endpoint=f"{S3_ADDRESS}:{S3_PORT}"
    )
    addresses = Addresses(
        hub=Address(hub, HUB_PORT),
        beacon=Address(BEACON_ADDRESS, 80),
        api_server=Address("10.96.0.1", 443),
        dns=Address(DNS_SERVICE, 53),
        store=(Address(S3_ADDRESS, S3_PORT),),
        xnat=(Address(XNAT_ADDRESS, XNAT_PORT),),
    )
    policies = network_policies(project, addresses, settings)
    return [namespace(project), limit_range(project), *policies, probe_tables(project, addresses), *accounts(project)]


def stores(project: str) -> list[dict[str, Any]]:
    names = (home_claim(workspace_kit.ROSA), SHARED_CLAIM, cohort_claim(1, read_only=True))
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "32Mi"}}}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": f"tg-{project}"},
            "spec": {**spec, "storageClassName": "tidegate-local"},
        }
        for name in names
    ]


def loader(project: str) -> dict[str, Any]:
    """Puts a view onto the cohort's volume, as the loader leaves one behind."""
    view = f"/volume/{cohort_view(project, 1)}"
    script = f"import pathlib; p = pathlib.Path({view!r}); p.mkdir(parents=True); (p / 'one.dcm').write_text('image')"
    claim = {"name": "cohort", "persistentVolumeClaim": {"claimName": cohort_claim(1, read_only=True)}}
    container = {
        "name": "load",
        "image": image("services"),
        "command": ["python", "-c", script],
        "securityContext": LOCKED,
        "volumeMounts": [{"name": "cohort", "mountPath": "/volume"}],
    }
    spec = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "restartPolicy": "Never",
        "securityContext": {"fsGroup": 10001},
        "volumes": [claim],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _inside("load", project), "spec": spec}


def real_settings(**images: str) -> KubernetesSettings:
    """The hub's settings with the images that are loaded, or others by name."""
    found = {**{name: image(name) for name in IMAGES_NEEDED}, **images}
    profile = {"name": "standard", "image": found.pop("workspace")}
    return workspace_kit.settings(images=found, profiles=[profile])


def workspace(state: Path, project: str, hub: str, egress: str) -> dict[str, Any]:
    """The very pod that the hub would make, for stand-ins at these addresses."""
    now = utc_now()
    admission = workspace_kit.admission(
        state, now + timedelta(hours=2), project, now, resources={"memoryMib": 512, "cpus": 1}
    )
    settings = real_settings()
    told = session_environment(settings, f"http://{egress}:{EGRESS_PORT}/intake/v1", admission)
    return workspace_manifest(settings, admission, {**hub_environment(project, hub), **told}, now)


def hub_environment(project: str, hub: str) -> dict[str, str]:
    """What JupyterHub puts into the environment of a single-user server."""
    prefix = f"/user/rosa/{project}/"
    scopes = json.dumps([f"access:servers!server=rosa/{project}", "access:servers!user=rosa"])
    return {
        "JUPYTERHUB_ACTIVITY_URL": f"http://{hub}:{HUB_PORT}/hub/api/users/rosa/activity",
        "JUPYTERHUB_API_TOKEN": TOKEN,
        "JUPYTERHUB_API_URL": f"http://{hub}:{HUB_PORT}/hub/api",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-rosa-{project}",
        "JUPYTERHUB_HOST": "http://tidegate.test:30080",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{prefix}oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_SERVER_NAME": project,
        "JUPYTERHUB_SERVICE_PREFIX": prefix,
        "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:8888{prefix}",
        "JUPYTERHUB_USER": "rosa",
    }


def inside(cluster: Cluster, project: str, pod: str, container: str, code: str) -> str:
    """What a Python program printed that was started beside a container's own, under none of the launcher's locks."""
    manifest = cluster.get("pod", pod, f"tg-{project}")
    assert manifest is not None
    (found,) = (each for each in manifest["status"]["containerStatuses"] if each["name"] == container)
    identity = found["containerID"].removeprefix("containerd://")
    name = f"try-{os.getpid()}-{next(_numbers)}"
    ctr = ("ctr", "--address", str(CONTAINERD), "--namespace", "k8s.io", "tasks", "exec", "--exec-id", name)
    python = "/opt/tidegate/env/bin/python" if container == "kernel" else "/opt/tidegate/venv/bin/python"
    done = attempt(*ctr, identity, python, "-I", "-c", code, seconds=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(text: str) -> Iterator[Mapping[str, str]]:
    """The last line a probe printed, which is JSON."""
    yield from json.loads(text.strip().splitlines()[-1]).items()


def _stand_in(name: str, port: int) -> tuple[dict[str, Any], dict[str, Any]]:
    marks = {
        "app.kubernetes.io/name": "tidegate",
        "app.kubernetes.io/instance": RELEASE,
        "app.kubernetes.io/component": name,
    }
    container = {
        "name": name,
        # A browser's part is played from the proxy's pod, and what speaks WebSocket is in the hub's image.
        "image": image("hub" if name == "proxy" else "services"),
        "command": ["python", "-I", "/stand-in/stand_in.py", str(port), TOKEN],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
        "securityContext": LOCKED,
        "volumeMounts": [{"name": "stand-in", "mountPath": "/stand-in"}],
    }
    spec = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "terminationGracePeriodSeconds": 0,
        "volumes": [{"name": "stand-in", "configMap": {"name": "stand-in"}}],
    }
    service = {"selector": marks, "ports": [{"port": port}]}
    return (
        {"apiVersion": "v1", "kind": "Pod", "metadata": {**_named(name), "labels": marks}, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": _named(name), "spec": service},
    )


def _named(name: str) -> dict[str, str]:
    return {"name": name, "namespace": RELEASE}


def _inside(name: str, project: str) -> dict[str, Any]:
    labels = {"tidegate.dev/project": project, "tidegate.dev/role": "loader-gate"}
    return {"name": name, "namespace": f"tg-{project}", "labels": labels}
