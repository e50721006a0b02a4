"""Scanners find nothing in chart, projects and images but what is explained here, and all of that.

Each is also given something with a fault in it, so that its silence means something.
"""

import copy
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import workspace_kit
from cluster.chart_kit import CASES, CHART, KUBERNETES, helm, manifests, rendered, scanner, values_of
from cluster.conform_kit import faults, kinds, write_schemas
from cluster.kit import Cluster, Manifest, eventually
from cluster.places import BIN, REPOSITORY
from cluster.shell import attempt, run
from model_kit import grant, project
from provisioner.adapters.kubernetes.cohorts.objects import CohortSettings, job, secret
from provisioner.adapters.kubernetes.render import Stage, render
from provisioner.adapters.kubernetes.render.probes import canary, workspace_targets
from provisioner.domain.loading import Order
from provisioner.domain.loading import Stage as LoaderStage
from reconcile_kit import facts
from render_kit import ADDRESSES, cluster_settings
from tidegate.model import ONE_MACHINE, Profile
from workspace.hub.kubernetes.pod import workspace_manifest

IMAGES = REPOSITORY / "images"
CONTAINERFILES = tuple(sorted(IMAGES.glob("*/Containerfile")))

USES_THE_API = "it reads what governance decided, or is the controller: the token is what it works with"
NO_PAGES = "it listens on no port, so nobody waits for it to be ready; liveness sees a file it touches"
OPA_MAY_BE_AWAY = "the policy server beside it has no probe: without its answers pages stay, to refuse in words"
ENDS_BY_ITSELF = "a test that runs once and ends"
OF_CHECKOV = {
    ("CKV_K8S_38", "tidegate-hub"): USES_THE_API,
    ("CKV_K8S_38", "tidegate-provisioner"): USES_THE_API,
    ("CKV_K8S_38", "tidegate-egress"): USES_THE_API,
    ("CKV_K8S_38", "tidegate-egress-worker"): USES_THE_API,
    ("CKV_K8S_35", "tidegate-proxy"): "configurable-http-proxy reads its token from the environment and nowhere else",
    ("CKV_K8S_9", "tidegate-hub"): OPA_MAY_BE_AWAY,
    ("CKV_K8S_9", "tidegate-provisioner"): OPA_MAY_BE_AWAY,
    ("CKV_K8S_9", "tidegate-egress"): OPA_MAY_BE_AWAY,
    ("CKV_K8S_9", "tidegate-egress-worker"): NO_PAGES,
    ("CKV_K8S_9", "tidegate-scan"): NO_PAGES,
    ("CKV_K8S_8", "tidegate-test"): ENDS_BY_ITSELF,
    ("CKV_K8S_9", "tidegate-test"): ENDS_BY_ITSELF,
}
MAKES_PROJECTS = "making projects' namespaces and what is in them is what it is for; admission holds it to those"
ANY_REGISTRY = "images come from the operator's own registry, by digest; Trivy's list knows public ones only"
OF_TRIVY = {
    (
        "KSV-0041",
        "provisioner/role.yaml",
    ): "the short-lived login of a loader job; it makes and removes, and cannot read",
    ("KSV-0048", "provisioner/role.yaml"): MAKES_PROJECTS,
    ("KSV-0049", "provisioner/role.yaml"): MAKES_PROJECTS,
    ("KSV-0056", "provisioner/role.yaml"): MAKES_PROJECTS,
    **{
        ("KSV-0125", f"{service}/deployment.yaml"): ANY_REGISTRY
        for service in ("beacon", "egress", "egress-worker", "hub", "provisioner", "proxy", "scan")
    },
}
PROBED_BY_KUBERNETES = "Kubernetes probes what runs from it, and does not read HEALTHCHECK"
OF_CHECKOV_IMAGES = {
    "CKV_DOCKER_2": PROBED_BY_KUBERNETES,
    "CKV_DOCKER_7": "it does not follow BASE, whose default has a tag and which a release gives by digest",
}
OF_TRIVY_IMAGES = {("DS-0026", f"{path.parent.name}/Containerfile"): PROBED_BY_KUBERNETES for path in CONTAINERFILES}

PRIVILEGED: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "planted", "namespace": "default"},
    "spec": {"containers": [{"name": "planted", "image": "planted:latest", "securityContext": {"privileged": True}}]},
}
CARELESS = "FROM debian:latest\nRUN apt-get install curl\nRUN cd /tmp && sudo true\nEXPOSE 22\n"
OURS = "tidegate.dev/v1alpha1"


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.parent.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    done = attempt(scanner("hadolint"), "--no-color", str(path))
    assert (done.returncode, done.stdout) == (0, "")


def test_checkov_finds_what_is_explained_and_no_more(tmp_path: Path) -> None:
    for case in CASES:
        (tmp_path / f"{case}.yaml").write_text(rendered(case))
    assert set(checkov(tmp_path, "kubernetes")) == set(OF_CHECKOV)


def test_checkov_finds_what_is_explained_and_no_more_in_the_images(tmp_path: Path) -> None:
    for path in CONTAINERFILES:
        as_checkov_knows_it(path, tmp_path / path.parent.name)
    assert {check for check, _ in checkov(tmp_path, "dockerfile")} == set(OF_CHECKOV_IMAGES)


def as_checkov_knows_it(containerfile: Path, folder: Path) -> None:
    """It passes over every other name without a word."""
    folder.mkdir()
    shutil.copy(containerfile, folder / "Dockerfile")


def test_trivy_finds_what_is_explained_and_no_more_in_the_chart() -> None:
    found = set()
    for case in CASES:
        options = ("--helm-kube-version", KUBERNETES, "--helm-values", str(values_of(case)))
        found |= set(trivy(CHART, *options))
    assert found == set(OF_TRIVY)


def test_trivy_finds_what_is_explained_and_no_more_in_the_images() -> None:
    assert set(trivy(IMAGES)) == set(OF_TRIVY_IMAGES)


def test_helm_lint_sees_a_template_that_is_no_yaml(tmp_path: Path) -> None:
    """`test_chart` shows that it has nothing to say of the chart as it is."""
    chart = shutil.copytree(CHART, tmp_path / "tidegate")
    (chart / "templates" / "planted.yaml").write_text("kind: ConfigMap\n  name: planted\n")
    helm("version")
    done = attempt(str(BIN / "helm"), "lint", "--strict", str(chart), "--values", str(values_of("minimal")))
    assert done.returncode != 0
    assert "planted.yaml" in done.stdout + done.stderr


def test_hadolint_sees_a_careless_containerfile(tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text(CARELESS)
    done = attempt(scanner("hadolint"), "--no-color", str(tmp_path / "Containerfile"))
    assert done.returncode != 0
    assert {"DL3004", "DL3007", "DL3008"} <= set(done.stdout.split())


def test_checkov_sees_a_privileged_pod_and_a_careless_containerfile(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(PRIVILEGED))
    (tmp_path / "Containerfile").write_text(CARELESS)
    as_checkov_knows_it(tmp_path / "Containerfile", tmp_path / "image")
    assert ("CKV_K8S_16", "planted") in checkov(tmp_path, "kubernetes")
    assert {"CKV_DOCKER_1", "CKV_DOCKER_3"} <= {check for check, _ in checkov(tmp_path, "dockerfile")}


def test_trivy_sees_a_privileged_pod_in_the_chart_and_a_careless_containerfile(tmp_path: Path) -> None:
    chart = shutil.copytree(CHART, tmp_path / "chart" / "tidegate")
    (chart / "templates" / "planted.yaml").write_text(yaml.safe_dump(PRIVILEGED))
    options = ("--helm-kube-version", KUBERNETES, "--helm-values", str(values_of("minimal")))
    assert ("KSV-0017", "planted.yaml") in trivy(chart, *options)
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "Containerfile").write_text(CARELESS)
    assert ("DS-0002", "Containerfile") in trivy(tmp_path / "image")


def of_projects(folder: Path) -> list[Manifest]:
    """All that a project consists of on a cluster, with GPUs and without, as the services make it."""
    gpu = workspace_kit.GPU
    profiles = (*ONE_MACHINE, Profile.model_validate(gpu))
    settings = cluster_settings(profiles=profiles, storage_class="fast")
    told = workspace_kit.settings(profiles=[*workspace_kit.SETTINGS["profiles"], gpu], hostUsers=False)
    made: list[Manifest] = [canary("breast-density", "n" * 32, workspace_targets(ADDRESSES), settings)]
    for number, resources in enumerate(({}, {"profile": "gpu", "gpu": 2})):
        own = facts(project(resources=resources), grant())
        made += [each for stage in Stage for each in render(stage, own, ADDRESSES, settings)]
        tomorrow = workspace_kit.NOW + timedelta(days=1)
        admission = workspace_kit.admission(folder / str(number), tomorrow, resources=resources)
        made.append(workspace_manifest(told, admission, workspace_kit.ENVIRONMENT, workspace_kit.NOW))
    order = Order(project=project(), datasets=(), version=1, now=workspace_kit.NOW)
    for stage in LoaderStage:
        made.append(job(stage, order, settings, CohortSettings(), with_secret=True))
        made.append(secret(stage, order, {"password": b"none"}))
    return made


def of_governance() -> list[Manifest]:
    """What the demo applies, as a person writes it."""
    files = sorted((REPOSITORY / "samples" / "demo").glob("*.yaml"))
    found = [each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return list(json.loads(json.dumps(found, default=datetime.isoformat)))


def definitions() -> list[Manifest]:
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((CHART / "crds").glob("*.yaml"))]


@pytest.fixture(scope="module")
def schemas(api_server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of every kind there is a manifest of, from the API server itself, our own kinds among them."""
    api_server.apply(*definitions(), server_side=True)
    ours = {str(each["spec"]["names"]["kind"]) for each in definitions()}
    eventually("our kinds to be published", lambda: ours <= kinds(api_server, OURS), 60)
    folder = tmp_path_factory.mktemp("schemas")
    used = [each for case in CASES for each in manifests(case)]
    write_schemas(api_server, [*used, *definitions(), *of_governance(), *of_projects(folder / "state")], folder)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_kubeconform_knows_everything_in_the_chart(schemas: Path, tmp_path: Path, case: str) -> None:
    assert faults(manifests(case), schemas, tmp_path) == []


def test_kubeconform_knows_everything_a_project_consists_of(schemas: Path, tmp_path: Path) -> None:
    assert faults(of_projects(tmp_path / "state"), schemas, tmp_path) == []


def test_kubeconform_knows_our_definitions_and_what_governance_writes(schemas: Path, tmp_path: Path) -> None:
    assert faults([*definitions(), *of_governance()], schemas, tmp_path) == []


FAULTS: dict[str, tuple[str, str, object, str]] = {
    "a field there is not": ("NetworkPolicy", "spec/ingres", [], "ingres"),
    "a field there is not, deeper": ("Pod", "spec/containers/0/imagePulPolicy", "Always", "imagePulPolicy"),
    "a number for a text": ("ResourceQuota", "spec/scopes", 1, "scopes"),
    "a text for a number": ("Pod", "spec/activeDeadlineSeconds", "1h", "activeDeadlineSeconds"),
    "a field that our kind has not": ("Project", "spec/resources/gpus", 1, "gpus"),
    "more than our kind takes": ("Project", "spec/resources/gpu", 65, "gpu"),
    "a stage that our kind has not": ("Project", "spec/stage", "done", "stage"),
}


@pytest.mark.parametrize(("kind", "path", "value", "named"), FAULTS.values(), ids=FAULTS.keys())
def test_kubeconform_sees(schemas: Path, tmp_path: Path, kind: str, path: str, value: object, named: str) -> None:
    known = [*of_projects(tmp_path / "state"), *of_governance()]
    planted = copy.deepcopy(next(each for each in known if each["kind"] == kind))
    *way, last = path.split("/")
    node: Any = planted
    for step in way:
        node = node[int(step)] if step.isdigit() else node.setdefault(step, {})
    node[last] = value
    (fault,) = faults([planted], schemas, tmp_path)
    assert named in fault


def test_kubeconform_sees_a_kind_there_is_not(schemas: Path, tmp_path: Path) -> None:
    unknown: Manifest = {"apiVersion": "v1", "kind": "Pot", "metadata": {"name": "planted"}}
    (fault,) = faults([unknown], schemas, tmp_path)
    assert "Pot planted" in fault


def checkov(folder: Path, framework: str, *options: str) -> list[tuple[str, str]]:
    """Findings as check and name of the object; nothing is fetched."""
    given = ("--framework", framework, "--skip-download", "--compact", "--quiet", "--output", "json", *options)
    said = attempt(scanner("checkov"), "--directory", str(folder), *given).stdout
    report: dict[str, Any] = json.loads(said)
    failed = report.get("results", {}).get("failed_checks", [])
    return [(check["check_id"], check["resource"].rsplit(".", 1)[-1]) for check in failed]


def trivy(folder: Path, *options: str) -> list[tuple[str, str]]:
    """Findings as check and file, whose first folder `templates` is left out."""
    said = run(scanner("trivy"), "config", "--quiet", "--skip-check-update", "--format", "json", *options, str(folder))
    return [
        (finding["ID"], result["Target"].removeprefix("templates/"))
        for result in json.loads(said).get("Results", ())
        for finding in result.get("Misconfigurations", ())
    ]
