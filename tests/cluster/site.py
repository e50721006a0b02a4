"""Installs the chart as an operator does: images, namespace, Secrets, helm; called by `cluster up` and by tests.

A second run upgrades: images that changed are built and loaded again, and helm applies what differs.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from cluster.images import forget_all_but, is_loaded, load_image
from cluster.kit import Cluster
from cluster.places import BIN, HERE, IMAGES, KUBECONFIG, REGISTRY, REPOSITORY, RUN
from cluster.shell import run
from cluster.site_secrets import NAMESPACE, bundle_public_key, site_secrets

RELEASE: Final = "tidegate"
CHART: Final = REPOSITORY / "charts" / "tidegate"
VALUES: Final = HERE / "values.yaml"
MADE_VALUES: Final = RUN / "values.json"
NAMES: Final = ("services", "hub", "session", "workspace", "opa")
READY_SECONDS: Final = 300
LABELS: Final = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "v1.34",
}


def build_images() -> None:
    """With the repository's own script, whose output is shown; what did not change is not built again."""
    subprocess.run([REPOSITORY / "images" / "build", *NAMES], check=True)


def load_images() -> dict[str, str]:
    """Each image by the name and digest that the chart is given."""
    return {name: _load(name) for name in NAMES}


def install(cluster: Cluster, images: dict[str, str]) -> None:
    """Namespace, Secrets and the release; returns when every pod is ready."""
    prepare_site(cluster, images)
    upgrade_definitions(cluster)
    helm("upgrade", "--install", RELEASE, str(CHART), *value_files(), "--wait", f"--timeout={READY_SECONDS}s")
    forget_all_but({*images.values(), *_in_use(cluster)}, NAMES)


def prepare_site(cluster: Cluster, images: dict[str, str]) -> None:
    """What must be there before helm is called, and the values that are made here."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": LABELS}}
    cluster.apply(namespace)
    cluster.apply(*site_secrets(), server_side=True)
    made = {"images": images, "policy": {"bundlePublicKey": bundle_public_key()}}
    MADE_VALUES.write_text(json.dumps(made, indent=1))


def upgrade_definitions(cluster: Cluster) -> None:
    """Helm makes definitions with a release's first installation and leaves them as they are ever after."""
    if cluster.get("crd", "projects.tidegate.dev"):
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CHART / "crds"))


def helm(*arguments: str) -> str:
    """What it printed, in the release's namespace."""
    where = (f"--kubeconfig={KUBECONFIG}", f"--namespace={NAMESPACE}")
    return run(str(BIN / "helm"), *arguments, *where, seconds=READY_SECONDS + 60)


def value_files() -> tuple[str, ...]:
    return (f"--values={VALUES}", f"--values={MADE_VALUES}")


def pods(cluster: Cluster) -> list[dict[str, Any]]:
    return cluster.list("pods", NAMESPACE)


def _in_use(cluster: Cluster) -> set[str]:
    """By pods that are there, whoever made them: they may start a container anew."""
    specs = [pod["spec"] for pod in cluster.list("pods")]
    return {each["image"] for spec in specs for each in (*spec["containers"], *spec.get("initContainers", ()))}


def _load(name: str) -> str:
    digest = (IMAGES / f"{name}.digest").read_text().strip()
    pinned = f"{REGISTRY}/{name}@{digest}"
    return pinned if is_loaded(pinned) else load_image(Path(IMAGES / f"{name}.tar"))
