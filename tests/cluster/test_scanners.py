"""Checkov, Trivy and hadolint find nothing in chart and images but what is explained here, and all of that."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.chart_kit import CASES, CHART, KUBERNETES, rendered, scanner, values_of
from cluster.places import REPOSITORY
from cluster.shell import attempt, run

IMAGES = REPOSITORY / "images"
CONTAINERFILES = tuple(sorted(IMAGES.glob("*/Containerfile")))

USES_THE_API = "it reads what governance decided, or is the controller: the token is what it works with"
NO_PAGES = "it listens on no port, so nobody waits for it to be ready; liveness sees a file it touches"
ENDS_BY_ITSELF = "a test that runs once and ends"
OF_CHECKOV = {
    ("CKV_K8S_38", "tidegate-hub"): USES_THE_API,
    ("CKV_K8S_38", "tidegate-provisioner"): USES_THE_API,
    ("CKV_K8S_38", "tidegate-egress"): USES_THE_API,
    ("CKV_K8S_38", "tidegate-egress-worker"): USES_THE_API,
    ("CKV_K8S_35", "tidegate-proxy"): "configurable-http-proxy reads its token from the environment and nowhere else",
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
OF_TRIVY_IMAGES = {("DS-0026", f"{path.parent.name}/Containerfile"): PROBED_BY_KUBERNETES for path in CONTAINERFILES}


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.parent.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    done = attempt(scanner("hadolint"), "--no-color", str(path))
    assert (done.returncode, done.stdout) == (0, "")


def test_checkov_finds_what_is_explained_and_no_more(tmp_path: Path) -> None:
    for case in CASES:
        (tmp_path / f"{case}.yaml").write_text(rendered(case))
    assert set(checkov(tmp_path, "kubernetes")) == set(OF_CHECKOV)


def test_checkov_finds_nothing_in_the_images() -> None:
    assert not checkov(IMAGES, "dockerfile", "--skip-check", "CKV_DOCKER_2")  # HEALTHCHECK, as with Trivy


def test_trivy_finds_what_is_explained_and_no_more_in_the_chart() -> None:
    found = set()
    for case in CASES:
        options = ("--helm-kube-version", KUBERNETES, "--helm-values", str(values_of(case)))
        found |= set(trivy(CHART, *options))
    assert found == set(OF_TRIVY)


def test_trivy_finds_what_is_explained_and_no_more_in_the_images() -> None:
    assert set(trivy(IMAGES)) == set(OF_TRIVY_IMAGES)


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
