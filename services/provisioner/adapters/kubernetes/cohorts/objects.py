"""What a cohort is made of on a cluster, as manifests. Pure: no clock, no reads.

A volume to write on and, once it is sealed, a second one over the same bytes that cannot be written to. Each job mounts
the first one as it must: those that only read get it read-only, and only `pull` and `vault` have a Secret.
"""

import base64
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from provisioner.adapters.kubernetes.cohorts.kinds import JOB, SECRET
from provisioner.adapters.kubernetes.kinds import CLAIM, VOLUME
from provisioner.adapters.kubernetes.render.quantities import cpu, memory
from provisioner.adapters.kubernetes.render.shape import labels
from provisioner.adapters.kubernetes.render.stores import claim
from provisioner.adapters.kubernetes.settings import ClusterSettings
from provisioner.domain.loading import Order, Stage
from tidegate.cluster.names import ROLE_LABEL, cohort_claim, namespace_of
from tidegate.cluster.port import Manifest
from tidegate.cluster.probe import LOCKED, SERVICE_UID, probe_init_container
from tidegate.model.names import Frozen
from tidegate.model.status import CohortStatus

ORDER: Final = "tidegate.dev/order"
SEALED: Final = "tidegate.dev/sealed"
INPUTS: Final = "tidegate.dev/inputs"
VERIFIED: Final = "tidegate.dev/verified-at"
SPOILED: Final = "tidegate.dev/spoiled"
VERSION: Final = "tidegate.dev/cohort-version"
STAGE: Final = "tidegate.dev/stage"
# Which alias tokens a job was given, by server: their names, by which they are taken back, and not their secrets.
TOKENS: Final = "tidegate.dev/xnat-tokens"
LOADER: Final = "loader"
SECRETS_FOLDER: Final = "/run/secrets/tidegate"
VOLUME_FOLDER: Final = "/volume"
SMALLEST: Final = "1Mi"
KEPT_SECONDS: Final = 3600
SCRATCH: Final = "256Mi"
# A loader waits for the network or the disk most of the time, and a small node must be able to take it.
CPU_SHARE: Final = 8
# Verifying is the seal's work done again, so it goes by the same role and its policies.
ROLES: Final = {
    Stage.PULL: "loader-pull",
    Stage.GATE: "loader-gate",
    Stage.SEAL: "loader-seal",
    Stage.VAULT: "loader-vault",
    Stage.VERIFY: "loader-seal",
}
READING: Final = frozenset({Stage.VAULT, Stage.VERIFY})
# Which fields of a volume's spec say whose it is and how it may be used; all others say where its bytes are.
USE: Final = frozenset(
    {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
)


class CohortSettings(Frozen):
    """How cohorts are made.

    Attributes:
        volume_mib: the size of one version's volume; it holds every file twice while it is sealed.
        job_seconds: after this the kubelet ends a job, whatever it is at; the next one goes on from there.
        node_selector: where loaders run; empty lets the scheduler choose.
    """

    volume_mib: Annotated[int, Field(ge=64, le=1_073_741_824)] = 10240
    job_seconds: Annotated[int, Field(ge=60, le=604_800)] = 86_400
    node_selector: dict[str, str] = Field(default_factory=dict)


def job_name(stage: Stage, version: int) -> str:
    return f"{LOADER}-{stage}-v{version}"


def volume_name(project: str, version: int) -> str:
    """Volumes belong to no namespace, so the project is in the name of the read-only one."""
    return f"{namespace_of(project)}-{cohort_claim(version, read_only=True)}"


def of_version(project: str, version: int) -> dict[str, str]:
    return {**labels(project), VERSION: str(version)}


def writable_claim(project: str, version: int, cluster: ClusterSettings, settings: CohortSettings) -> Manifest:
    made = claim(project, cohort_claim(version, read_only=False), settings.volume_mib, cluster)
    made["metadata"]["labels"] = of_version(project, version)
    return made


def read_only_volume(project: str, version: int, source: Manifest) -> Manifest:
    """The second volume over the bytes of `source`. It is bound before anybody can ask for it, and deletes nothing."""
    spec = source["spec"]
    where = {key: _closed(value) for key, value in spec.items() if key not in USE}
    kept = {key: spec[key] for key in ("capacity", "nodeAffinity", "volumeMode", "mountOptions") if key in spec}
    ours = {
        "accessModes": ["ReadOnlyMany"],
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "name": cohort_claim(version, read_only=True),
            "namespace": namespace_of(project),
        },
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
    }
    metadata = {"name": volume_name(project, version), "labels": of_version(project, version)}
    return {
        "apiVersion": VOLUME.api_version,
        "kind": VOLUME.kind,
        "metadata": metadata,
        "spec": {**where, **kept, **ours},
    }


def read_only_claim(project: str, sealed: CohortStatus, inputs: str, verified_at: str) -> Manifest:
    """It asks for next to nothing: the bytes count against the project's quota once, with the volume they lie on."""
    metadata = {
        "name": cohort_claim(sealed.version, read_only=True),
        "namespace": namespace_of(project),
        "labels": of_version(project, sealed.version),
        "annotations": {SEALED: sealed.model_dump_json(), INPUTS: inputs, VERIFIED: verified_at},
    }
    spec = {
        "accessModes": ["ReadOnlyMany"],
        "resources": {"requests": {"storage": SMALLEST}},
        "storageClassName": "",
        "volumeMode": "Filesystem",
        "volumeName": volume_name(project, sealed.version),
    }
    return {"apiVersion": CLAIM.api_version, "kind": CLAIM.kind, "metadata": metadata, "spec": spec}


def secret(stage: Stage, order: Order, files: Mapping[str, bytes]) -> Manifest:
    """The files that this job alone may read, for as long as it runs."""
    project = order.project.name
    metadata = {
        "name": job_name(stage, order.version),
        "namespace": namespace_of(project),
        "labels": {**of_version(project, order.version), ROLE_LABEL: ROLES[stage]},
    }
    data = {name: base64.b64encode(content).decode() for name, content in sorted(files.items())}
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": metadata,
        "immutable": True,
        "type": "Opaque",
        "data": data,
    }


def job(
    stage: Stage,
    order: Order,
    cluster: ClusterSettings,
    settings: CohortSettings,
    *,
    with_secret: bool = False,
    aliases: tuple[tuple[str, str], ...] = (),
) -> Manifest:
    """One stage. It is tried once: whether and when it is tried again is the controller's to say.

    `with_secret` mounts the Secret of the job's own name. `aliases` are address and name of what the job must reach
    by name; a project has no DNS.
    """
    project = order.project.name
    marks = {**of_version(project, order.version), ROLE_LABEL: ROLES[stage], STAGE: str(stage)}
    spec = {
        "activeDeadlineSeconds": settings.job_seconds,
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        "template": {
            "metadata": {"labels": marks},
            "spec": _pod(stage, order, cluster, settings, with_secret=with_secret, aliases=aliases),
        },
    }
    metadata = {
        "name": job_name(stage, order.version),
        "namespace": namespace_of(project),
        "labels": marks,
        "annotations": {ORDER: order.digest()},
    }
    return {"apiVersion": JOB.api_version, "kind": JOB.kind, "metadata": metadata, "spec": spec}


def _pod(
    stage: Stage,
    order: Order,
    cluster: ClusterSettings,
    settings: CohortSettings,
    *,
    with_secret: bool,
    aliases: tuple[tuple[str, str], ...],
) -> Manifest:
    probes = [probe_init_container(ROLES[stage], cluster.services_image)] if stage is Stage.PULL else []
    # The group is set on the volume's root once; a sealed view's modes are then left as they are.
    rights = {
        "fsGroup": SERVICE_UID,
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsNonRoot": True,
        "seccompProfile": LOCKED["seccompProfile"],
    }
    return {
        "activeDeadlineSeconds": settings.job_seconds,
        "automountServiceAccountToken": False,
        "containers": [_container(stage, order, cluster, with_secret=with_secret)],
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "enableServiceLinks": False,
        "hostAliases": [{"ip": address, "hostnames": [name]} for address, name in aliases],
        "initContainers": probes,
        **({"nodeSelector": settings.node_selector} if settings.node_selector else {}),
        "restartPolicy": "Never",
        "securityContext": rights,
        "serviceAccountName": LOADER,
        "terminationGracePeriodSeconds": 2,
        "volumes": _volumes(stage, order, with_secret=with_secret),
    }


def _container(stage: Stage, order: Order, cluster: ClusterSettings, *, with_secret: bool) -> Manifest:
    limits = {"cpu": cpu(cluster.loader.cpus), "memory": memory(cluster.loader.memory_mib)}
    mounts = [{"name": "cohort", "mountPath": VOLUME_FOLDER, "readOnly": stage in READING}, _mount("tmp", "/tmp")]  # noqa: S108 - inside the container
    if with_secret:
        mounts.append({**_mount("secrets", SECRETS_FOLDER), "readOnly": True})
    variables = {
        "PYTHONDONTWRITEBYTECODE": "1",
        "TIDEGATE_ORDER": order.model_dump_json(),
        "TIDEGATE_SECRETS": SECRETS_FOLDER,
        "TIDEGATE_VOLUME": VOLUME_FOLDER,
    }
    return {
        "name": LOADER,
        "image": cluster.services_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "provisioner.loader", str(stage)],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "resources": {"limits": limits, "requests": {**limits, "cpu": cpu(cluster.loader.cpus / CPU_SHARE)}},
        "securityContext": dict(LOCKED),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    }


def _mount(name: str, path: str) -> Manifest:
    return {"name": name, "mountPath": path}


def _volumes(stage: Stage, order: Order, *, with_secret: bool) -> list[Manifest]:
    # Verifying reads what workspaces read; everything else works on the volume itself.
    name = cohort_claim(order.version, read_only=stage is Stage.VERIFY)
    volumes: list[Manifest] = [
        {"name": "cohort", "persistentVolumeClaim": {"claimName": name, "readOnly": stage in READING}},
        {"name": "tmp", "emptyDir": {"sizeLimit": SCRATCH}},
    ]
    if with_secret:
        own = {"secretName": job_name(stage, order.version), "defaultMode": 0o440}
        volumes.append({"name": "secrets", "secret": own})
    return volumes


def _closed(source: object) -> object:
    """A volume source that knows the word says itself that it is read-only."""
    known = isinstance(source, dict) and ("driver" in source or "server" in source or "readOnly" in source)
    return {**source, "readOnly": True} if known and isinstance(source, dict) else source
