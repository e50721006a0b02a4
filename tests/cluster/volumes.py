"""`python -m cluster.volumes`: makes volumes for claims of the class `tidegate-local`; started by `cluster`.

Stands in for a storage vendor's provisioner: each claim gets a file system of its own in a file of the size asked for,
so a volume that is too small really is. Binding is immediate. When a claim is gone and its volume's rule says Delete,
the files go, unless another volume still shows them (a cohort that came back read-only).
"""

import json
import shutil
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cluster.places import KUBECONFIG, NODE_NAME, VOLUMES
from cluster.shell import run
from tidegate.model import TidegateError

CLASS: Final = "tidegate-local"
PROVISIONER: Final = "tidegate.test/local"
MADE_BY: Final = "pv.kubernetes.io/provisioned-by"
LOOK_SECONDS: Final = 20
SMALLEST: Final = 16 * 1024**2
UNITS: Final = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
STORAGE_CLASS: Final = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": PROVISIONER,
    "volumeBindingMode": "Immediate",
    "reclaimPolicy": "Delete",
}
Manifest = dict[str, Any]


def serve() -> None:
    """Look whenever a claim or a volume changes, and every now and then in any case."""
    config.load_kube_config(str(KUBECONFIG))
    api, changed = client.CoreV1Api(), threading.Event()
    for lister in (api.list_persistent_volume_claim_for_all_namespaces, api.list_persistent_volume):
        threading.Thread(target=_watch, args=(lister, changed), daemon=True).start()
    while True:
        changed.wait(LOOK_SECONDS)
        changed.clear()
        try:
            look(api)
        except (TidegateError, ApiException, HTTPError, OSError) as error:
            print(f"volumes: {error}", file=sys.stderr, flush=True)  # noqa: T201 - its log


def look(api: Any) -> None:
    """One round: volumes for claims that wait, an end for volumes whose claim is gone."""
    claims = _items(api.list_persistent_volume_claim_for_all_namespaces)
    volumes = _items(api.list_persistent_volume)
    known = {volume["metadata"]["name"] for volume in volumes}
    for claim in claims:
        if _waits(claim) and _name(claim) not in known:
            api.create_persistent_volume(_volume(claim, make_folder(_name(claim), _bytes(claim))))
    for volume in volumes:
        if _is_over(volume):
            _end(api, volume, volumes)


def _watch(lister: Any, changed: threading.Event) -> None:
    while True:
        try:
            for _ in watch.Watch().stream(lister, timeout_seconds=300):
                changed.set()
        except (ApiException, HTTPError, OSError):
            time.sleep(1)


def _items(lister: Any) -> list[Manifest]:
    """As the API has them, without the client's own classes."""
    found: list[Manifest] = json.loads(lister(_preload_content=False).data)["items"]
    return found


def make_folder(name: str, size: int) -> Path:
    """A file system of `size` bytes, mounted."""
    VOLUMES.mkdir(parents=True, exist_ok=True)
    folder, file = VOLUMES / name, VOLUMES / f"{name}.ext4"
    folder.mkdir(exist_ok=True)
    if not folder.is_mount():
        run("truncate", "-s", str(max(size, SMALLEST)), str(file))
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "nodiscard,lazy_itable_init=1", str(file))
        run("mount", "-o", "loop,nosuid,nodev", str(file), str(folder))
        (folder / "lost+found").rmdir()
    return folder


def remove_folder(folder: Path) -> None:
    if folder.is_mount():
        run("umount", str(folder))
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".ext4").unlink(missing_ok=True)


def bytes_of(quantity: str) -> int:
    """A Kubernetes quantity as a number of bytes."""
    for unit in sorted(UNITS, key=len, reverse=True):
        if quantity.endswith(unit):
            return int(Decimal(quantity.removesuffix(unit)) * UNITS[unit])
    return int(Decimal(quantity))


def _waits(claim: Manifest) -> bool:
    spec = claim["spec"]
    ours = spec.get("storageClassName") == CLASS
    return (
        ours and claim["status"].get("phase") == "Pending" and not spec.get("volumeName") and not spec.get("selector")
    )


def _name(claim: Manifest) -> str:
    return f"pvc-{claim['metadata']['uid']}"


def _bytes(claim: Manifest) -> int:
    return bytes_of(claim["spec"]["resources"]["requests"]["storage"])


def _volume(claim: Manifest, folder: Path) -> Manifest:
    on_this_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
    who = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": _name(claim), "annotations": {MADE_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": {"namespace": who["namespace"], "name": who["name"], "uid": who["uid"]},
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_this_node]}]}},
        },
    }


def _is_over(volume: Manifest) -> bool:
    """Ours are recognised by their files, so a second volume over the same files ends the same way."""
    spec = volume["spec"]
    over = volume["status"].get("phase") in {"Released", "Failed"} or "deletionTimestamp" in volume["metadata"]
    return over and spec.get("persistentVolumeReclaimPolicy") == "Delete" and _folder(volume) is not None


def _end(api: Any, volume: Manifest, volumes: list[Manifest]) -> None:
    folder, name = _folder(volume), volume["metadata"]["name"]
    shown = [other for other in volumes if other["metadata"]["name"] != name and _folder(other) == folder]
    if folder is not None and not shown:
        remove_folder(folder)
    api.delete_persistent_volume(name)


def _folder(volume: Manifest) -> Path | None:
    """Its folder under ours; None for a volume of anybody else."""
    spec = volume["spec"]
    path = Path((spec.get("local") or spec.get("hostPath") or {}).get("path", "/"))
    return path if path.parent == VOLUMES else None


def remove_volumes() -> None:
    """Every folder, mounted or not."""
    for folder in VOLUMES.glob("*"):
        if folder.is_dir():
            remove_folder(folder)


if __name__ == "__main__":
    serve()
