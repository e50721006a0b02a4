"""The images as built: what they carry and what not, and that each works as the pod it is for would run it."""

import io
import json
import re
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import tidegate
from cluster.kit import Cluster
from cluster.places import IMAGES, REPOSITORY
from cluster.shell import attempt, run
from cluster.site import load_images

OURS = ("services", "hub", "session", "workspace")
USERS = {
    "services": "10001:10001",
    "hub": "10001:10001",
    "session": "1001:1000",
    "workspace": "1000:1000",
    "opa": "10001:10001",
}
COMMANDS = {
    "services": ["python", "-m", "provisioner"],
    "hub": ["python", "-m", "workspace.hub"],
    "session": ["python", "-m", "workspace.session"],
    "workspace": [
        "/opt/tidegate/env/bin/python",
        "/opt/tidegate/launcher/main.py",
        "--sockets",
        "/run/tidegate/sock",
    ],
    "opa": ["/opa", "run", "--server"],
}
# Bytes on disk, layers shared with others included: a growth beyond it should be a decision.
MOST_MIB = {"services": 800, "hub": 950, "session": 500, "workspace": 1300, "opa": 60}
RESEARCH = "pydicom SimpleITK nibabel skimage sklearn scipy pandas pyarrow duckdb matplotlib.pyplot PIL ipykernel"
# Where the session server is, nothing of the services around it is.
NOT_IN_SESSION = "kubernetes kopf kubespawner minio psycopg opa_client django pydicom pyarrow xnat"
NOT_IN_WORKSPACE = "tidegate workspace jupyter_server jupyterhub kubernetes minio psycopg pip"
WORKS = {
    "services": (10001, "provisioner.bootstrap_kubernetes provisioner.loader.work egress_review.bootstrap.scanner"),
    "hub": (10001, "workspace.hub.kubernetes.wiring kubespawner jupyterhub_idle_culler.__init__"),
    "session": (1001, "workspace.session.app"),
    "workspace": (1000, RESEARCH),
}
PYTHON = {"workspace": "/opt/tidegate/env/bin/python"}


@cache
def image(name: str) -> tuple[dict[str, Any], tuple[tuple[tarfile.TarInfo, ...], ...]]:
    """The image's configuration, and what each layer holds."""
    with tarfile.open(IMAGES / f"{name}.tar") as archive:

        def blob(digest: str) -> io.BufferedReader:
            found = archive.extractfile(f"blobs/sha256/{digest.removeprefix('sha256:')}")
            assert isinstance(found, io.BufferedReader)
            return found

        index = archive.extractfile("index.json")
        assert index is not None
        (entry,) = json.load(index)["manifests"]
        manifest = json.load(blob(entry["digest"]))
        layers = []
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=blob(layer["digest"])) as files:
                layers.append(tuple(files.getmembers()))
        return json.load(blob(manifest["config"]["digest"])), tuple(layers)


def files(name: str) -> Iterator[tarfile.TarInfo]:
    return (member for layer in image(name)[1] for member in layer)


@pytest.mark.parametrize("name", USERS)
def test_it_runs_what_it_is_for_as_nobody_special(name: str) -> None:
    config = image(name)[0]["config"]
    assert config["User"] == USERS[name]
    assert [*config.get("Entrypoint", ()), *config.get("Cmd", ())] == COMMANDS[name]


@pytest.mark.parametrize("name", USERS)
def test_its_labels_say_what_it_is(name: str) -> None:
    labels = image(name)[0]["config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == f"tidegate/{name}"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.version"] == tidegate.__version__


@pytest.mark.parametrize("name", USERS)
def test_it_stays_small(name: str) -> None:
    assert sum(member.size for member in files(name)) < MOST_MIB[name] * 1024 * 1024


@pytest.mark.parametrize("name", USERS)
def test_nothing_in_it_changes_who_runs_it(name: str) -> None:
    assert not [member.name for member in files(name) if member.isfile() and member.mode & 0o6000]


@pytest.mark.parametrize("name", OURS)
def test_no_installer_cache_or_setting_of_the_build_machine_is_left(name: str) -> None:
    left = re.compile(
        r"opt/tidegate/.*/site-packages/(pip|setuptools|uv|hatchling)/|(^|/)\.cache/|(^|/)pip\.conf$|(^|/)\.?npmrc$"
        r"|^root/(?!\.bashrc$|\.profile$)|^src/|^build/|^var/lib/apt/lists/.|^etc/apt/sources\.list"
    )
    assert not [member.name for member in files(name) if not member.isdir() and left.search(member.name)]


@pytest.mark.parametrize("name", OURS)
def test_certificates_are_the_distributions_own(name: str) -> None:
    """The build mounts its machine's bundle over it; what was mounted must not end up in a layer."""
    written = [
        number
        for number, layer in enumerate(image(name)[1])
        for member in layer
        if member.name == "etc/ssl/certs/ca-certificates.crt" and number > 0
    ]
    assert not written


@pytest.mark.parametrize("name", OURS)
def test_its_environment_names_no_address_and_no_secret(name: str) -> None:
    environment = "\n".join(image(name)[0]["config"]["Env"])
    assert not re.search(r"https?://|token|password|secret|proxy=|PIP_|SSL_", environment, re.IGNORECASE)


@pytest.fixture(scope="module")
def loaded() -> dict[str, str]:
    return load_images()


@pytest.mark.parametrize("name", WORKS)
def test_what_it_needs_is_there_with_a_root_that_cannot_be_written(
    cluster: Cluster, namespace: str, loaded: dict[str, str], name: str
) -> None:
    uid, modules = WORKS[name]
    imports = "; ".join(f"import {module.removesuffix('.__init__')}" for module in modules.split())
    said = run_in(cluster, namespace, loaded[name], uid, f"{imports}; print('works')", PYTHON.get(name, "python"))
    assert said.splitlines()[-1:] == ["works"]


@pytest.mark.parametrize(("name", "modules"), [("session", NOT_IN_SESSION), ("workspace", NOT_IN_WORKSPACE)])
def test_what_is_none_of_its_business_is_not_there(
    cluster: Cluster, namespace: str, loaded: dict[str, str], name: str, modules: str
) -> None:
    look = f"import importlib.util as u; print([m for m in '{modules}'.split() if u.find_spec(m)])"
    assert run_in(cluster, namespace, loaded[name], WORKS[name][0], look, PYTHON.get(name, "python")).strip() == "[]"


def test_the_gpu_image_is_the_workspace_with_more() -> None:
    """It is too large to build here; what it would install is the same and PyTorch, by hash."""
    plain, gpu = (pins(REPOSITORY / "requirements" / f"{name}.txt") for name in ("workspace-image", "workspace-gpu"))
    assert plain.items() <= gpu.items()
    assert {"torch", "torchvision"} <= gpu.keys() - plain.keys()
    text = (REPOSITORY / "images/workspace/Containerfile").read_text()
    assert "FROM runtime AS workspace-gpu" in text
    assert text.rindex("FROM ") == text.index("FROM runtime AS workspace\n")


def test_no_image_asks_for_gpus_by_itself() -> None:
    """NVIDIA's runtime would give it every GPU of the node, whatever the pod asked for."""
    for path in (REPOSITORY / "images").glob("*/Containerfile"):
        assert "NVIDIA_VISIBLE_DEVICES" not in path.read_text()


@pytest.mark.parametrize("path", sorted((REPOSITORY / "images").glob("*/Containerfile")), ids=lambda p: p.parent.name)
def test_every_requirement_it_installs_is_hashed_and_locked_by_make(path: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for lock in re.findall(r"requirements/[a-z-]+\.txt", path.read_text()):
        assert f"-o {lock}\n" in makefile, lock
        assert len(pins(REPOSITORY / lock)) == len(re.findall(r"^[a-z].*\\\n +--hash", _text(lock), re.MULTILINE))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """A cache of its own, with something small in the place of the policy server: its image is built from nothing."""
    (tmp_path / "bin").mkdir()
    yield tmp_path
    for name in ("containers/overlay", "containers"):
        attempt("umount", str(tmp_path / name))


def build_opa(store: Path, content: str) -> str:
    program = store / "bin" / "opa"
    program.write_text(content)
    program.chmod(0o755)
    run("env", f"TIDEGATE_CACHE={store}", str(REPOSITORY / "images" / "build"), "opa", seconds=120)
    return (store / "images" / "opa.log").read_text()


def buildah(store: Path, *arguments: str) -> str:
    return run("buildah", f"--root={store / 'containers'}", f"--runroot={store / 'containers-run'}", *arguments)


def held(store: Path) -> set[str]:
    return set(buildah(store, "images", "--all", "--quiet", "--no-trunc").split())


def test_of_what_was_built_the_last_stays_with_the_steps_the_next_build_starts_from(store: Path) -> None:
    build_opa(store, "first")
    first = held(store)
    build_opa(store, "second")
    second = held(store)
    assert len(second) == len(first)
    assert second - first, "what is new is there"
    (store / "images" / "opa.key").unlink()
    said = build_opa(store, "second")
    assert said.count("Using cache") == said.count("STEP ") - 1, "all but FROM was there already"
    assert held(store) == second


def test_what_somebody_gave_a_name_of_their_own_stays(store: Path) -> None:
    build_opa(store, "first")
    named = buildah(store, "images", "--quiet", "--no-trunc", f"registry.tidegate.test/opa:{tidegate.__version__}")
    buildah(store, "tag", f"registry.tidegate.test/opa:{tidegate.__version__}", "localhost/tried:1")
    buildah(store, "tag", f"registry.tidegate.test/opa:{tidegate.__version__}", "registry.tidegate.test/opa:0.0.1")
    build_opa(store, "second")
    assert named.strip() in held(store)
    buildah(store, "rmi", "localhost/tried:1")
    build_opa(store, "third")
    assert named.strip() not in held(store), "an older version of ours has no name of its own"


def test_what_a_build_that_was_cut_off_left_goes(store: Path) -> None:
    build_opa(store, "first")
    buildah(store, "from", "--name", "left", "scratch")
    (store / "base.Abc123").mkdir()
    build_opa(store, "second")
    assert not buildah(store, "containers", "--quiet").split()
    assert not (store / "base.Abc123").exists()


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock.read_text(), re.MULTILINE))


def _text(lock: str) -> str:
    return (REPOSITORY / lock).read_text()


def run_in(cluster: Cluster, namespace: str, reference: str, uid: int, code: str, python: str) -> str:
    """What Python printed in a pod as locked down as those of a project."""
    lock = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    container = {
        "name": "look",
        "image": reference,
        "imagePullPolicy": "Never",
        "command": [python, "-c", code],
        "env": [{"name": "HOME", "value": "/tmp"}],
        "securityContext": lock,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    spec = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": uid, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "look", "namespace": namespace}, "spec": spec}
    cluster.apply(pod)
    cluster.wait("pod/look", namespace, "jsonpath={.status.containerStatuses[0].state.terminated}", seconds=120)
    return cluster.logs(namespace, "look")
