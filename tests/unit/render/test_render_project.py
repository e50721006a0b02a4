"""What a project is on a cluster, line by line; and that nothing but the facts decides it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubernetes_validate import validate

from model_kit import grant, project
from provisioner.adapters.kubernetes.compare import same
from provisioner.adapters.kubernetes.render import Address, Addresses, Stage, render
from provisioner.adapters.kubernetes.render.probes import canary, workspace_targets
from provisioner.adapters.kubernetes.render.quantities import cpu, in_bytes, memory
from reconcile_kit import facts
from render_kit import ADDRESSES, IMAGE, cluster_settings
from tidegate.cluster.port import Manifest
from tidegate.cluster.probe import probe_init_container
from tidegate.model import ONE_MACHINE, Profile
from tidegate.model.profiles import Most

EXPECTED = Path(__file__).parent / "expected"
PEOPLE = [grant("rosa"), grant("ravi", person="ravi"), grant("zoe", person="zoe.of.leeds")]


def rendered(stage: Stage, *people: Any, addresses: Addresses = ADDRESSES, **changes: Any) -> tuple[Manifest, ...]:
    return render(stage, facts(project(), *(people or PEOPLE)), addresses, cluster_settings(**changes))


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_is_rendered_as_written_down(stage: Stage) -> None:
    expected = yaml.safe_load_all((EXPECTED / f"{stage}.yaml").read_text(encoding="utf-8"))
    assert list(rendered(stage)) == list(expected)


@pytest.mark.parametrize("stage", Stage)
def test_the_api_server_knows_every_field(stage: Stage) -> None:
    for manifest in rendered(stage, storage_class="fast"):
        validate(manifest, "1.34", strict=True)


GPU = Profile(name="gpu", gpu_resource="nvidia.com/gpu", most=Most(gpus=4))
AMD = Profile(name="amd", gpu_resource="amd.com/gpu", most=Most(gpus=4))


def bounds(profiles: Sequence[Profile], **resources: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the quota and the range of limits say of GPUs."""
    own = facts(project(resources=resources), *PEOPLE)
    made = {m["kind"]: m for m in render(Stage.FENCE, own, ADDRESSES, cluster_settings(profiles=tuple(profiles)))}
    for manifest in made.values():
        validate(manifest, "1.34", strict=True)
    hard = made["ResourceQuota"]["spec"]["hard"]
    (limits,) = made["LimitRange"]["spec"]["limits"]
    half = {name: limits.get(name, {}) for name in ("max", "default", "defaultRequest")}
    return _gpus(hard), {name: _gpus(said) for name, said in half.items()}


def _gpus(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name.endswith("/gpu")}


def test_gpus_are_bounded_for_the_project_and_for_each_container() -> None:
    quota, limits = bounds((*ONE_MACHINE, GPU, AMD), profile="gpu", gpu=2)
    assert quota == {"requests.nvidia.com/gpu": "6", "requests.amd.com/gpu": "0"}
    # Whoever names none has none: a bound without a default would be one.
    none = {"nvidia.com/gpu": "0"}
    assert limits == {"max": {"nvidia.com/gpu": "2"}, "default": none, "defaultRequest": none}


def test_a_project_without_gpus_gets_none_of_the_clusters() -> None:
    quota, limits = bounds((*ONE_MACHINE, GPU))
    assert quota == {"requests.nvidia.com/gpu": "0"}
    assert limits == {"max": {}, "default": {}, "defaultRequest": {}}


def test_a_profile_that_is_gone_gives_no_gpus() -> None:
    assert bounds((*ONE_MACHINE, AMD), profile="gpu", gpu=2)[0] == {"requests.amd.com/gpu": "0"}


@given(order=st.permutations(PEOPLE), stage=st.sampled_from(Stage))
def test_the_order_of_facts_does_not_matter(order: list[Any], stage: Stage) -> None:
    assert rendered(stage, *order) == rendered(stage)


@given(hosts=st.permutations([f"192.0.2.{n}" for n in range(1, 6)]))
def test_the_order_of_addresses_does_not_matter(hosts: list[str]) -> None:
    def fence(names: list[str]) -> tuple[Manifest, ...]:
        xnat = tuple(Address(host, 443) for host in names)
        return rendered(Stage.FENCE, addresses=Addresses(**{**vars(ADDRESSES), "xnat": xnat}))

    assert fence(hosts) == fence(sorted(hosts))


def test_two_grants_of_one_person_make_one_home() -> None:
    twice = [grant("rosa"), grant("rosa-again", role="lead")]
    names = [m["metadata"]["name"] for m in rendered(Stage.STORES, *twice) if m["kind"] == "PersistentVolumeClaim"]
    assert len([name for name in names if name.startswith("home-")]) == 1


def test_an_archive_without_an_address_opens_nothing() -> None:
    fence = rendered(Stage.FENCE, addresses=Addresses(**{**vars(ADDRESSES), "xnat": ()}))
    policy = next(m for m in fence if m["metadata"]["name"] == "loader-pull")
    assert policy["spec"] == {
        "podSelector": {"matchLabels": {"tidegate.dev/role": "loader-pull"}},
        "policyTypes": ["Egress"],
    }


def test_no_policy_lets_anything_ask_for_names() -> None:
    ports = [port for rule in rules() for port in rule.get("ports", [])]
    assert ports
    assert all(port["port"] != 53 and port["protocol"] == "TCP" for port in ports)


def test_every_rule_names_whom_and_which_port() -> None:
    """A rule without peers or ports opens all of them."""
    for rule in rules():
        peers = rule.get("to") or rule.get("from")
        assert peers
        assert rule["ports"]
        for peer in peers:
            is_ours = {"namespaceSelector", "podSelector"} <= set(peer)
            assert is_ours or peer["ipBlock"]["cidr"].endswith("/32")


def rules() -> Iterator[dict[str, Any]]:
    for policy in (m for m in rendered(Stage.FENCE) if m["kind"] == "NetworkPolicy"):
        yield from policy["spec"].get("ingress", [])
        yield from policy["spec"].get("egress", [])


def pods() -> list[Manifest]:
    pod = canary("breast-density", "n" * 32, workspace_targets(ADDRESSES), cluster_settings())
    with_init = {**pod, "spec": {**pod["spec"], "initContainers": [probe_init_container("workspace", IMAGE)]}}
    return [pod, with_init]


@pytest.mark.parametrize("pod", pods(), ids=["canary", "workspace"])
def test_a_probe_is_fit_for_a_restricted_namespace(pod: Manifest) -> None:
    validate(pod, "1.34", strict=True)
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    for container in spec["initContainers"] + spec["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        assert "@sha256:" in container["image"]
        assert set(container["resources"]) == {"limits", "requests"}


def test_the_canary_tries_a_neighbour_where_there_is_one() -> None:
    names = {target["name"]: target for target in workspace_targets(ADDRESSES, ["10.244.0.9"])}
    assert names["other-project-0"] | {"name": ""} == {
        "name": "",
        "host": "10.244.0.9",
        "port": 8888,
        "protocol": "tcp",
        "expect": "closed",
    }
    assert [name for name, target in names.items() if target["expect"] == "open"] == ["hub"]


@pytest.mark.parametrize(("cores", "text"), [(1, "1"), (0.5, "500m"), (1.5, "1500m"), (0.0001, "1m"), (64.0, "64")])
def test_cores_are_written_as_the_api_server_writes_them(cores: float, text: str) -> None:
    assert cpu(cores) == text


@given(mib=st.integers(0, 2**30))
def test_memory_is_written_in_its_largest_whole_unit(mib: int) -> None:
    text = memory(mib)
    assert in_bytes(text) == mib * 1024**2
    assert text == "0" or int(text[:-2]) % 1024 or text.endswith("Pi")


ADDITIONS: dict[str, Callable[[Manifest], None]] = {
    "Namespace": lambda m: m["metadata"]["labels"].update(other="1"),
    "ResourceQuota": lambda m: m["spec"]["hard"].update({"count/secrets": "1"}),
    "NetworkPolicy": lambda m: m["spec"].update(ingress=[{}]),
    "ConfigMap": lambda m: m["data"].update(workspace="{}"),
    "Role": lambda m: m["rules"].append({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}),
    "RoleBinding": lambda m: m["subjects"].append({"kind": "Group", "name": "system:authenticated"}),
}


def as_live(manifest: Manifest) -> Manifest:
    """As the API server would give it back: with fields of its own."""
    loaded: Manifest = yaml.safe_load(yaml.safe_dump(manifest))
    loaded["metadata"].update(uid="1", resourceVersion="7", managedFields=[])
    if loaded["kind"] == "Namespace":
        loaded["metadata"]["labels"]["kubernetes.io/metadata.name"] = loaded["metadata"]["name"]
    return loaded


EVERYTHING = [manifest for stage in Stage for manifest in rendered(stage)]


@pytest.mark.parametrize("manifest", EVERYTHING, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}")
def test_what_stands_as_rendered_is_left_alone_and_any_addition_to_a_guard_is_seen(manifest: Manifest) -> None:
    live = as_live(manifest)
    assert same(live, manifest)
    if manifest["kind"] in ADDITIONS:
        ADDITIONS[manifest["kind"]](live)
        assert not same(live, manifest)


def test_a_selector_widened_to_every_namespace_is_seen() -> None:
    """An empty selector is not an absent one: it takes all."""
    policy = next(m for m in EVERYTHING if m["metadata"]["name"] == "workspace" and m["kind"] == "NetworkPolicy")
    live = as_live(policy)
    live["spec"]["ingress"][0]["from"][0]["namespaceSelector"] = {}
    assert not same(live, policy)


def test_a_claim_that_grew_is_left_alone_and_one_that_is_too_small_is_not() -> None:
    claim = next(m for m in EVERYTHING if m["metadata"]["name"] == "shared")
    live = as_live(claim)
    live["spec"]["resources"]["requests"]["storage"] = "5Gi"
    assert same(live, claim)
    live["spec"]["resources"]["requests"]["storage"] = "512Mi"
    assert not same(live, claim)
