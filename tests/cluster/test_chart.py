"""The chart as Helm renders it: valid, locked down, with exactly the ways and rights each service needs."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from cluster import site
from cluster.chart_kit import CASES, CHART, KUBERNETES, helm, manifests, of_kind, pods, refusal, rendered, values_of
from cluster.kit import Cluster
from cluster.places import HERE, KUBECONFIG, REPOSITORY
from egress_review.bootstrap.settings import KubernetesSettings as EgressSettings
from provisioner.kubernetes_settings import KubernetesSettings as ProvisionerSettings
from workspace.hub.kubernetes.settings import KubernetesSettings as HubSettings

GOLDEN = HERE / "golden" / "chart"
# Have tests of their own on a real API server.
NOT_OURS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
COMPONENTS = {"hub", "proxy", "provisioner", "egress", "egress-worker", "scan", "beacon", "test"}
WITH_OPA = {"hub", "provisioner", "egress", "egress-worker"}
WITH_TOKEN = {"hub", "provisioner", "egress", "egress-worker"}


AN_XNAT = "name=xnat.example.org existingSecret=an-xnat cidrs={192.0.2.40/32} port=443"
XNAT = ("--set", ",".join(f"xnat.servers[0].{each}" for each in AN_XNAT.split()))
SHOWN = """
apiVersion: v1
kind: ConfigMap
metadata: {name: shown}
data: {notes: {{ tpl (.Files.Get "NOTES.txt") . | quote }}}
"""


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def made(case: str) -> list[dict[str, Any]]:
    return manifests(case)


def test_helm_has_nothing_to_say(case: str) -> None:
    said = helm("lint", "--strict", "--kube-version", KUBERNETES, str(CHART), "--values", str(values_of(case)))
    assert "0 chart(s) failed" in said
    assert "WARNING" not in said


def test_every_manifest_is_one_kubernetes_knows_to_the_last_field(made: list[dict[str, Any]]) -> None:
    for each in made:
        kubernetes_validate.validate(each, KUBERNETES.rsplit(".", 1)[0], strict=True)


def test_what_is_rendered_is_what_was_looked_at(case: str) -> None:
    """After a wanted change: TIDEGATE_WRITE_GOLDEN=1, and look at the difference."""
    ours = [each for each in manifests(case) if each["kind"] not in NOT_OURS]
    text = yaml.safe_dump_all(ours, width=120)
    golden = GOLDEN / f"{case}.yaml"
    if os.environ.get("TIDEGATE_WRITE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def test_all_services_are_there(case: str, made: list[dict[str, Any]]) -> None:
    migration = {"migration"} if case != "full" else set()
    assert set(pods(made)) == COMPONENTS | migration


def test_every_container_is_locked_down(made: list[dict[str, Any]]) -> None:
    for spec in pods(made).values():
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
                "runAsGroup": 10001,
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            }
            assert set(container["resources"]) == {"requests", "limits"}
            assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"])


def test_a_token_for_the_api_is_mounted_where_it_is_used_only(made: list[dict[str, Any]]) -> None:
    mounted = {name for name, spec in pods(made).items() if spec["automountServiceAccountToken"]}
    assert mounted == WITH_TOKEN
    assert not any(each["automountServiceAccountToken"] for each in of_kind(made, "ServiceAccount").values())


def test_each_service_has_an_account_of_its_own(made: list[dict[str, Any]]) -> None:
    specs = pods(made)
    assert {name: spec["serviceAccountName"] for name, spec in specs.items()} == {name: name for name in specs}
    assert set(of_kind(made, "ServiceAccount")) == set(specs)


def test_a_policy_server_stands_beside_each_asker(made: list[dict[str, Any]]) -> None:
    beside = {name for name, spec in pods(made).items() if any(c["name"] == "opa" for c in spec["containers"])}
    assert beside == WITH_OPA


def test_secrets_are_files_but_for_the_proxys_token(made: list[dict[str, Any]]) -> None:
    """configurable-http-proxy reads its token from the environment and from nowhere else."""
    found = {
        (name, entry["name"])
        for name, spec in pods(made).items()
        for container in spec["containers"]
        for entry in container.get("env", ())
        if "secretKeyRef" in entry.get("valueFrom", {})
    }
    assert found == {("proxy", "CONFIGPROXY_AUTH_TOKEN")}


def test_the_guide_lists_every_secret_with_all_its_keys() -> None:
    found = manifests("minimal", *XNAT)
    values = yaml.safe_load(values_of("minimal").read_text())
    values["xnat.servers[]"] = {"existingSecret": "an-xnat"}
    listed: dict[str, set[str]] = {}
    for row in (REPOSITORY / "docs/operator/kubernetes.md").read_text().splitlines():
        named, _, keys = row.partition(" | ")
        for value in re.findall(r"`([^`]+)\.existingSecret`", named):
            listed[values[value]["existingSecret"]] = set(re.findall(r"`([a-z0-9-]+)`", keys))
    assert listed == keys_by_secret(found)


def keys_by_secret(found: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Every key of every Secret that some pod is given."""
    given: dict[str, set[str]] = {}
    for spec in pods(found).values():
        sources = [
            source for volume in spec.get("volumes", ()) for source in volume.get("projected", {}).get("sources", ())
        ]
        for source in sources:
            given.setdefault(source["secret"]["name"], set()).update(item["key"] for item in source["secret"]["items"])
        entries = [entry for container in spec["containers"] for entry in container.get("env", ())]
        for reference in (entry["valueFrom"]["secretKeyRef"] for entry in entries if "valueFrom" in entry):
            given.setdefault(reference["name"], set()).add(reference["key"])
    return given


def test_the_scan_worker_holds_no_secret_no_settings_and_no_token(made: list[dict[str, Any]]) -> None:
    spec = pods(made)["scan"]
    assert {next(key for key in volume if key != "name") for volume in spec["volumes"]} == {
        "persistentVolumeClaim",
        "emptyDir",
    }


def test_the_scan_worker_cannot_write_what_it_is_asked(made: list[dict[str, Any]]) -> None:
    spec = pods(made)["scan"]
    (scan,) = spec["containers"]
    spool = {mount["subPath"]: mount for mount in scan["volumeMounts"] if mount["name"] == "spool"}
    assert spool["jobs"]["readOnly"] is True
    assert set(spool) == {"jobs", "answers"}, "and sees nothing else of the volume"


def test_the_chart_makes_no_secret(made: list[dict[str, Any]]) -> None:
    assert not of_kind(made, "Secret")


def test_services_can_read_the_settings_they_are_given(made: list[dict[str, Any]]) -> None:
    maps = of_kind(made, "ConfigMap")
    HubSettings.model_validate_json(maps["tidegate-hub"]["data"]["settings.json"])
    ProvisionerSettings.model_validate_json(maps["tidegate-provisioner"]["data"]["settings.json"]).cluster()
    for component in ("egress", "egress-worker"):
        EgressSettings.model_validate_json(maps[f"tidegate-{component}"]["data"]["settings.json"])


def test_another_release_name_is_followed_everywhere() -> None:
    found = manifests("minimal", release="second-one")
    text = yaml.safe_dump_all([each for each in found if each["kind"] not in NOT_OURS])
    assert "http://$(SECOND_ONE_HUB_SERVICE_HOST):8081" in text
    assert "tidegate-hub:" not in text
    settings = json.loads(of_kind(found, "ConfigMap")["second-one-hub"]["data"]["settings.json"])
    assert settings["serviceNames"] == {
        "egress": "second-one-egress",
        "hub": "second-one-hub",
        "proxyApi": "second-one-proxy-api",
    }
    for component in ("provisioner", "egress", "egress-worker"):
        told = of_kind(found, "ConfigMap")[f"second-one-{component}"]["data"]["settings.json"]
        assert '"second-one-hub"' in told
        assert '"second-one-egress"' in told


def notes_of(case: str, folder: Path) -> str:
    """What a person reads after an installation. Helm shows it only then; here it is rendered as a manifest."""
    chart = folder / "tidegate"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "NOTES.txt").rename(chart / "NOTES.txt")
    (chart / "templates" / "shown.yaml").write_text(SHOWN)
    given = ("--kube-version", KUBERNETES, "--values", str(values_of(case)), "--show-only", "templates/shown.yaml")
    shown: dict[str, Any] = yaml.safe_load(helm("template", "tidegate", str(chart), *given))
    return str(shown["data"]["notes"])


def test_insecure_settings_are_shouted_about(tmp_path: Path) -> None:
    notes = notes_of("insecure", tmp_path)
    assert "INSECURE: insecureHttp IS SET" in notes
    assert "INSECURE: insecureNamespace IS SET" in notes


def test_notes_of_a_secure_installation_say_where_the_pages_are(tmp_path: Path) -> None:
    notes = notes_of("minimal", tmp_path)
    assert "INSECURE" not in notes
    assert "https://tidegate.example.org" in notes
    assert "https://review.tidegate.example.org" in notes


def test_an_older_kubernetes_is_refused() -> None:
    assert "kubeVersion" in refusal("minimal", "--kube-version", "1.33.9")


@pytest.mark.parametrize(("level", "refused"), [("", True), ("baseline", True), ("restricted", False)])
def test_a_namespace_that_lets_privileged_pods_in_is_refused(
    cluster: Cluster, namespace: str, level: str, *, refused: bool
) -> None:
    if level:
        cluster.kubectl("label", "namespace", namespace, f"pod-security.kubernetes.io/enforce={level}")
    asking = ("--dry-run=server", "--kubeconfig", str(KUBECONFIG), "--namespace", namespace)
    assert ("does not enforce Pod Security 'restricted'" in refusal("minimal", *asking)) is refused


def test_helm_test_reaches_the_pages_of_the_release(cluster: Cluster) -> None:
    assert cluster.get("deployment", "tidegate-hub", site.NAMESPACE)
    assert "Phase:          Succeeded" in site.helm("test", site.RELEASE, "--timeout=120s")


def test_no_two_renderings_differ(case: str) -> None:
    assert rendered(case) == rendered(case)
