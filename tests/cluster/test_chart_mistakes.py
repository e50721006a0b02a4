"""A mistake in the values is refused before anything happens, in one sentence that names the value."""

import re

import pytest

from cluster.chart_kit import CHART, KUBERNETES, helm, refusal, values_of
from cluster.places import BIN
from cluster.shell import attempt

DIGEST = "sha256:" + "1" * 64
PROFILE = "workspace.profiles[0]"
GPU = f"{PROFILE}.name=gpu,{PROFILE}.image=registry.example.org/x@{DIGEST}"
XNAT = "xnat.servers[0].name=xnat.example.org,xnat.servers[0].existingSecret=x"
# What was set, and how the one sentence begins. What begins with `text ` is set as a text.
OF_SCHEMA = {
    "a key that is none": ("hubb.existingSecret=x", "at '': additional properties 'hubb' not allowed"),
    "a key that is none, deeper": ("hub.replicas=2", "at '/hub': additional properties 'replicas' not allowed"),
    "two workers for one spool": ("scan.replicas=2", "at '/scan': additional properties 'replicas' not allowed"),
    "a part that was emptied": ("workspace=null", "at '': missing property 'workspace'"),
    "a list that was emptied": ("podNetworks=null", "at '': missing property 'podNetworks'"),
    "an image left out": ("images.workspace=null", "at '/images': missing property 'workspace'"),
    "a tag instead of a digest": ("images.hub=registry.example.org/hub:1", "at '/images/hub': "),
    "half a digest": ("images.hub=registry.example.org/hub@sha256:12", "at '/images/hub': "),
    "an image in capitals": (f"images.hub=Registry.example.org/hub@{DIGEST}", "at '/images/hub': "),
    "another pull policy": ("imagePullPolicy=Sometimes", "at '/imagePullPolicy': value must be one of 'IfNotPresent'"),
    "no address": ("publicUrl=", "at '/publicUrl': "),
    "an address without a scheme": ("publicUrl=tidegate.example.org", "at '/publicUrl': "),
    "an address in capitals": ("publicUrl=https://Tidegate.example.org", "at '/publicUrl': "),
    "a path in the address": ("publicUrl=https://example.org/tidegate", "at '/publicUrl': "),
    "a bucket in the store's address": (
        "objectStore.endpoint=https://s3.example.org/b",
        "at '/objectStore/endpoint': ",
    ),
    "no region": ("objectStore.region=", "at '/objectStore/region': minLength: got 0"),
    "nowhere for the database": ("database.cidrs=null", "at '/database': missing property 'cidrs'"),
    "an address without its length": ("database.cidrs[0]=192.0.2.1", "at '/database/cidrs/0': "),
    "a length that is none": ("database.cidrs[0]=192.0.2.1/33", "at '/database/cidrs/0': "),
    "an address twice": (
        "database.cidrs={192.0.2.1/32,192.0.2.1/32}",
        "at '/database/cidrs': items at 0 and 1 are equal",
    ),
    "a name for an address": ("dns.address=dns.example.org", "at '/dns/address': "),
    "a port that is none": ("objectStore.port=70000", "at '/objectStore/port': maximum: got 70,000, want 65,535"),
    "a port as text": ("text kubernetesApi.port=6443", "at '/kubernetesApi/port': got string, want integer"),
    "a node port that is none": ("proxy.service.nodePort=70000", "at '/proxy/service/nodePort': maximum"),
    "another kind of service": ("proxy.service.type=External", "at '/proxy/service/type': value must be one of"),
    "a word for a number": ("egress.replicas=two", "at '/egress/replicas': got string, want integer"),
    "no replica": ("egress.replicas=0", "at '/egress/replicas': minimum: got 0, want 1"),
    "a word for yes": ("text ingress.enabled=true", "at '/ingress/enabled': got string, want boolean"),
    "no secret": ("provisioner.existingSecret=", "at '/provisioner/existingSecret': "),
    "a secret that cannot be": ("hub.existingSecret=My_Secret", "at '/hub/existingSecret': 'My_Secret' does not match"),
    "no secret for the migration": ("migration.existingSecret=", "at '/migration/existingSecret': minLength: got 0"),
    "a private key": ("policy.bundlePublicKey=-----BEGIN PRIVATE KEY-----", "at '/policy/bundlePublicKey': "),
    "another signature": ("policy.bundleAlgorithm=HS256", "at '/policy/bundleAlgorithm': value must be one of 'ES256'"),
    "a limit without its other half": ("hub.resources.limits.cpu=null", "at '/hub/resources/limits': missing property"),
    "an amount that is none": (
        "hub.resources.limits.memory=1 GB",
        "at '/hub/resources/limits/memory': '1 GB' does not",
    ),
    "workspaces longer than a week": ("workspace.longestSeconds=604801", "at '/workspace/longestSeconds': maximum"),
    "workspaces that end at once": ("workspace.idleSeconds=10", "at '/workspace/idleSeconds': minimum: got 10"),
    "a folder that cannot be shared so": (
        "project.sharedAccess=ReadOnlyMany",
        "at '/project/sharedAccess': value must",
    ),
    "no processor": ("project.loader.cpus=0", "at '/project/loader/cpus': exclusiveMinimum: got 0"),
    "a text for a list": ("tolerations=all", "at '/tolerations': got string, want array"),
    "an officer of nowhere": ("governance.officers[0]=olivia", "at '/governance/officers/0': 'olivia' does not match"),
    "an XNAT without a login": ("xnat.servers[0].name=xnat.example.org", "at '/xnat/servers/0': missing propert"),
    "an XNAT that leaves its folder": (f"{XNAT},xnat.servers[0].name=../x", "at '/xnat/servers/0/name': "),
    "a profile without an image": (f"{PROFILE}.name=gpu", "at '/workspace/profiles/0': missing property 'image'"),
    "a profile in capitals": (f"{GPU},{PROFILE}.name=GPU", "at '/workspace/profiles/0/name': 'GPU' does not match"),
    "a profile's key that is none": (f"{GPU},{PROFILE}.gpus=1", "at '/workspace/profiles/0': additional properties"),
    "a GPU without its maker": (f"{GPU},{PROFILE}.gpuResource=gpu", "at '/workspace/profiles/0/gpuResource': "),
    "a word for GPUs": (f"{GPU},{PROFILE}.most.gpus=two", "at '/workspace/profiles/0/most/gpus': got string"),
}
OF_CHART = {
    "plain text": ("publicUrl=http://tidegate.example.org", "publicUrl is not https: "),
    "the standard profile again": (f"{GPU},{PROFILE}.name=standard", "workspace.profiles names standard twice"),
}


def options(given: str) -> tuple[str, str]:
    return ("--set-string", given.removeprefix("text ")) if given.startswith("text ") else ("--set", given)


@pytest.mark.parametrize(("given", "sentence"), OF_SCHEMA.values(), ids=OF_SCHEMA.keys())
def test_the_schema_names_what_is_wrong(given: str, sentence: str) -> None:
    said = re.findall(r"^- (at .*)$", refusal("minimal", *options(given)), re.MULTILINE)
    assert len([line for line in said if line.startswith(sentence)]) == 1
    # A second sentence only where one entry is wrong twice.
    assert len({line.split("'")[1].rsplit("/", 1)[0] for line in said}) == 1 or given.startswith("xnat")


@pytest.mark.parametrize(("given", "sentence"), OF_CHART.values(), ids=OF_CHART.keys())
def test_what_a_schema_cannot_see_the_chart_says(given: str, sentence: str) -> None:
    (said,) = re.findall(
        r"^Error: execution error at \([^)]*\): (.*)$", refusal("minimal", *options(given)), re.MULTILINE
    )
    assert said.startswith(sentence)
    assert said.endswith(".")


@pytest.mark.parametrize("given", ["images.hub=registry.example.org/hub:1", "egress.replicas=0", "hubb.x=1"])
def test_lint_says_the_same(given: str) -> None:
    helm("version")
    minimal = ("--values", str(values_of("minimal")))
    done = attempt(
        str(BIN / "helm"), "lint", "--strict", "--kube-version", KUBERNETES, str(CHART), *minimal, "--set", given
    )
    assert done.returncode != 0
    (expected,) = re.findall(r"^- at .*$", refusal("minimal", "--set", given), re.MULTILINE)
    assert expected in done.stdout + done.stderr


def test_the_values_without_a_mistake_are_taken() -> None:
    helm("version")
    assert not refusal("minimal")
