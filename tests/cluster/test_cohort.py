"""A cohort on a real node: pulled from the world's XNAT, checked, sealed, given back on a volume that refuses writes.

Everything is written as the provisioner's own account, so its rights and the admission policies are tried with it.
"""

import base64
import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import images
from cluster.kit import Cluster, eventually
from cluster.places import IMAGES, REGISTRY
from cluster.secret_files import secret
from cluster_cohort_kit import OUTSIDE_DOOR, Cohorting, loader_secrets, now, patiently, served
from cluster_project_kit import release_of
from cohort_kit import Bench
from provisioner.adapters.kubernetes.cohorts.kinds import JOB
from provisioner.adapters.kubernetes.kinds import CLAIM, NAMESPACE, POD, SERVICE, VOLUME
from provisioner.adapters.kubernetes.render.probes import table_text
from provisioner.adapters.xnat.listing import Credentials
from provisioner.adapters.xnat.tokens import XnatTokens
from provisioner.ports import UnderWay
from tidegate.cluster.client import ClusterClient, connect
from tidegate.cluster.names import cohort_claim, cohort_view
from tidegate.cluster.port import Ref
from tidegate.cluster.probe import LOCKED, probe_container
from tidegate.model import TidegateError
from xnat_kit import source

ACCOUNT = "system:serviceaccount:tidegate:provisioner"
READER = """
import errno, hashlib, json, os, sys
def tried(attempt):
    try:
        exec(attempt)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
digest = hashlib.sha256(open("/cohort/manifest.json", "rb").read()).hexdigest()
writes = {attempt: tried(attempt) for attempt in json.loads(sys.argv[1])}
print(json.dumps({"digest": digest, "writes": writes, "entries": os.listdir("/cohort")}))
"""
WRITES = (
    "open('/cohort/new', 'w')",
    "os.remove('/cohort/README.md')",
    "os.chmod('/cohort', 0o777)",
    "os.rename('/cohort/projects', '/cohort/p')",
    "os.utime('/cohort/manifest.json')",
)


@pytest.fixture(scope="module")
def image(cluster: Cluster) -> str:
    """Our services, as `images/build services` made them."""
    assert cluster
    archive = IMAGES / "services.tar"
    if not archive.exists():
        pytest.fail("The image of our services is not built. Run `images/build services` first.")
    pinned = f"{REGISTRY}/services@{(IMAGES / 'services.digest').read_text().strip()}"
    return pinned if images.is_loaded(pinned) else images.load_image(archive)


@pytest.fixture(scope="module")
def admin(cluster: Cluster) -> ClusterClient:
    client = connect(cluster.kubeconfig)
    if client.get(Ref(SERVICE, "tidegate-beacon", "tidegate")) is None:
        release_of(client)
    return client


@pytest.fixture
def api(admin: ClusterClient, cluster: Cluster) -> ClusterClient:
    """The provisioner's account where the chart is installed; without it nobody has rights but the tests."""
    installed = cluster.get("clusterrole", "tidegate-provisioner") is not None
    return admin.impersonating(ACCOUNT, "system:serviceaccounts") if installed else admin


@pytest.fixture
def make(api: ClusterClient, admin: ClusterClient, image: str, tmp_path: Path) -> Iterator[Any]:
    made: list[Cohorting] = []

    def of(**changes: Any) -> Cohorting:
        password = changes.pop("password", secret("xnat-password"))
        files = loader_secrets(tmp_path / secrets.token_hex(4), password)
        given = {"image": image, "name": f"c{secrets.token_hex(4)}", **changes}
        made.append(Cohorting(api, secrets=files, **given))
        made[-1].stand()
        return made[-1]

    yield of
    for each in made:
        admin.delete(Ref(NAMESPACE, f"tg-{each.name}"))
        for volume in admin.list(VOLUME, labels={"tidegate.dev/project": each.name}):
            admin.delete(Ref(VOLUME, volume["metadata"]["name"]))


def reader(own: Cohorting, uid: int) -> dict[str, Any]:
    """A pod that mounts the view as a workspace's kernel does; admission lets the controller's own canary through."""
    target = {"name": "world", "host": "198.51.100.1", "port": 80, "expect": "closed"}
    probe = probe_container(own.image, {"name": "TIDEGATE_PROBE", "value": table_text([target])})
    claim = {"claimName": cohort_claim(1, read_only=True), "readOnly": True}
    mount = {"name": "cohort", "mountPath": "/cohort", "subPath": cohort_view(own.name, 1), "readOnly": True}
    container = {
        "name": "kernel",
        "image": own.image,
        "command": ["python", "-c", READER, json.dumps(WRITES)],
        "securityContext": {**LOCKED, "runAsUser": uid},
        "resources": probe["resources"],
        "volumeMounts": [mount],
    }
    marks = {
        "tidegate.dev/project": own.name,
        "tidegate.dev/role": "workspace",
        "tidegate.dev/person": "reader",
        "tidegate.dev/canary": "true",
    }
    spec = {
        "activeDeadlineSeconds": 600,
        "automountServiceAccountToken": False,
        "containers": [container],
        "initContainers": [probe],
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": LOCKED["seccompProfile"]},
        "volumes": [{"name": "cohort", "persistentVolumeClaim": claim}],
    }
    metadata = {"name": f"reader-{uid}", "namespace": f"tg-{own.name}", "labels": marks}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def embedded(tmp_path: Path) -> Any:
    """The same data pulled by the pipeline of one machine."""
    puller = source("tidegate-loader", secret("xnat-password"))
    bench = Bench(tmp_path / "one-machine", puller, datasets=(served(OUTSIDE_DOOR),))
    return bench, bench.ensure()


def test_a_cohort_is_pulled_checked_sealed_and_comes_back_read_only(
    make: Any, admin: ClusterClient, cluster: Cluster, tmp_path: Path
) -> None:
    own: Cohorting = make()
    secrets_seen: set[str] = set()
    given: dict[str, str] = {}
    jobs_seen: set[str] = set()

    def look_around() -> None:
        jobs_seen.update(j["metadata"]["name"] for j in admin.list(JOB, f"tg-{own.name}"))
        for found in cluster.list("secret", f"tg-{own.name}"):
            secrets_seen.add(found["metadata"]["name"])
            given.update(found["data"])

    status = own.ensure(look_around)

    bench, expected = embedded(tmp_path)
    assert status.manifest_sha256 == expected.manifest_sha256, "the jobs make what one machine makes"
    assert (status.files, status.refused, status.total_bytes) == (
        expected.files,
        expected.refused,
        expected.total_bytes,
    )
    assert [r.detail for r in own.records] == [r.detail for r in bench.records]
    assert own.codes()[0] == "PULLING"
    assert jobs_seen == {"loader-pull-v1", "loader-gate-v1", "loader-seal-v1"}
    assert secrets_seen == {"loader-pull-v1"}, "a Secret for the pull alone"
    eventually("its jobs are gone", lambda: not admin.list(JOB, f"tg-{own.name}"))
    assert cluster.list("secret", f"tg-{own.name}") == [], "gone with its job"
    _opened_nothing_else(given)

    assert own.cohorts().stands(status)
    assert own.cohorts().looks_whole(status)
    own.cohorts().verify_view(status)
    _refuses_writes(own, status.manifest_sha256)


def _opened_nothing_else(given: dict[str, str]) -> None:
    """The pull had a token of its own, not the account, and nobody has it any more."""
    (content,) = given.values()
    held = json.loads(base64.b64decode(content))
    assert held["user"] != "tidegate-loader"
    assert held["password"] != secret("xnat-password")
    with pytest.raises(TidegateError) as raised:
        XnatTokens().issue(OUTSIDE_DOOR, Credentials(held["user"], held["password"]))
    assert raised.value.code == "XNAT_LOGIN_REFUSED"


def _refuses_writes(own: Cohorting, digest: str) -> None:
    """Seen from a pod that mounts it as a kernel does, also as the user who owns the files; nobody may enter a pod."""
    namespace = f"tg-{own.name}"
    for uid in (1000, 10001):
        ref = Ref(POD, f"reader-{uid}", namespace)
        own.api.create(POD, reader(own, uid))
        eventually("the reader has ended", lambda ref=ref: phase(own.api, ref) in {"Succeeded", "Failed"}, seconds=120)  # type: ignore[misc]
        said = json.loads(own.api.logs(namespace, ref.name, "kernel"))
        assert said["digest"] == digest
        assert said["writes"] == dict.fromkeys(WRITES, "EROFS")
        assert not {"vault", "packs", ".v1"} & set(said["entries"])


def phase(api: ClusterClient, ref: Ref) -> str:
    return str((api.get(ref) or {}).get("status", {}).get("phase", ""))


def test_a_controller_killed_after_every_look_converges_to_the_same(make: Any, tmp_path: Path) -> None:
    """`ensure` makes a new controller for each look, so this adds: jobs killed in the middle, and started again."""
    own: Cohorting = make()
    killed: list[str] = []

    def kill_each_once() -> None:
        for pod in own.api.list(POD, f"tg-{own.name}"):
            job = pod["metadata"]["labels"].get("batch.kubernetes.io/job-name", "")
            if job and job not in killed and pod["status"].get("phase") == "Running":
                killed.append(job)
                own.api.delete(Ref(POD, pod["metadata"]["name"], f"tg-{own.name}"), grace_seconds=0)

    status = None
    while status is None:
        with contextlib.suppress(TidegateError):
            status = own.ensure(kill_each_once)
    assert killed
    _, expected = embedded(tmp_path)
    assert status.manifest_sha256 == expected.manifest_sha256


def test_a_spoiled_volume_is_not_mounted_and_is_made_again_to_the_same_digest(make: Any, admin: ClusterClient) -> None:
    own: Cohorting = make()
    status = own.ensure()
    volume = Ref(VOLUME, f"tg-{own.name}-cohort-v1-ro")
    admin.delete(volume)
    assert not own.cohorts().looks_whole(status)
    with pytest.raises(TidegateError) as raised:
        own.cohorts().verify_view(status)
    assert raised.value.code == "COHORT_TAMPERED"
    own.cohorts().discard_view(status)
    assert not own.cohorts().stands(status)
    again = own.ensure()
    assert again.manifest_sha256 == status.manifest_sha256
    assert own.cohorts().looks_whole(again)


def test_bytes_changed_behind_the_volume_are_found_by_the_next_hash(make: Any) -> None:
    own: Cohorting = make()
    status = own.ensure()
    claim = own.api.get(Ref(CLAIM, cohort_claim(1, read_only=False), f"tg-{own.name}"))
    assert claim is not None
    held = own.api.get(Ref(VOLUME, claim["spec"]["volumeName"]))
    assert held is not None
    view = Path(held["spec"]["local"]["path"]) / cohort_view(own.name, 1)
    (view / "README.md").chmod(0o600)
    (view / "README.md").write_text("something else")
    _forget_the_last_hash(own)
    with pytest.raises(TidegateError) as raised:
        patiently(lambda: own.cohorts().verify_view(status))
    assert raised.value.code == "COHORT_TAMPERED"
    own.cohorts().discard_view(status)
    assert own.ensure().manifest_sha256 == status.manifest_sha256
    _forget_the_last_hash(own)
    patiently(lambda: own.cohorts().verify_view(status))


def _forget_the_last_hash(own: Cohorting) -> None:
    claim = own.api.get(Ref(CLAIM, cohort_claim(1, read_only=True), f"tg-{own.name}"))
    assert claim is not None
    claim["metadata"]["annotations"]["tidegate.dev/verified-at"] = "2026-01-01T00:00:00Z"
    own.api.replace(CLAIM, claim)


BAD = {
    "a cohort larger than its volume": ({"volume_mib": 64}, "COHORT_TOO_LARGE"),
    "a quota that leaves no room": ({"cohorts_mib": 64, "volume_mib": 4096}, "QUOTA_EXCEEDED"),
    "a login that XNAT refuses": ({"password": "wrong"}, "XNAT_LOGIN_REFUSED"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_reaches_the_person_as_a_code_and_a_sentence(make: Any, case: str) -> None:
    changes, code = BAD[case]
    own: Cohorting = make(**changes)
    with pytest.raises(TidegateError) as raised:
        own.ensure()
    assert raised.value.code == code, str(raised.value)
    assert raised.value.sentence
    assert "wrong" not in json.dumps(
        [str(raised.value), *[step.model_dump(mode="json") for step in own.steps]], default=str
    )


def test_an_image_that_cannot_be_pulled_is_said_and_its_job_does_not_wait_for_ever(make: Any, image: str) -> None:
    own: Cohorting = make(image=f"{image.split('@', maxsplit=1)[0]}@sha256:{'0' * 64}")
    with pytest.raises(TidegateError) as raised:
        own.ensure()
    assert raised.value.code == "IMAGE_NOT_PULLED", str(raised.value)
    eventually("the job is gone", lambda: own.api.list(JOB, f"tg-{own.name}") == ())


def test_what_may_not_go_on_ends_with_its_secret(make: Any, admin: ClusterClient, cluster: Cluster) -> None:
    own: Cohorting = make()
    eventually("the pull has begun", lambda: _begun(own), seconds=60)
    own.cohorts().halt(own.name)
    assert cluster.list("secret", f"tg-{own.name}") == []
    eventually("its pod is gone", lambda: not admin.list(POD, f"tg-{own.name}"), seconds=60)


def _begun(own: Cohorting) -> bool:
    with pytest.raises(UnderWay):
        own.cohorts().ensure(own.project, (own.dataset,), 1, now(), own.steps.append)
    return bool(own.api.list(POD, f"tg-{own.name}"))
