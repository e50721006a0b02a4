"""Who may speak with whom and who may do what, as one table each, compared with what the chart makes of its values."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.chart_kit import manifests, of_kind, pods

API = "192.0.2.10/32:6443"
DATABASE = "192.0.2.20/32:5432"
STORE = "192.0.2.30/32:443"
DNS = {"kube-system:53/UDP", "kube-system:53"}
OUTSIDE = {API, DATABASE, STORE}

# Architecture, section 4: every way there is, seen from each service. Nothing else is open.
WAYS_IN = {
    "hub": {"proxy:8081", "provisioner:8081", "egress:8081", "egress-worker:8081", "workspace:8081"},
    "proxy": {"anyone:8000", "hub:8001"},
    "provisioner": set(),
    "egress": {"proxy:8003", "workspace:8003", "provisioner:8004"},
    "egress-worker": set(),
    "scan": set(),
    "beacon": {"every namespace:9000"},
    "migration": set(),
    "test": set(),
}
WAYS_OUT = {
    "hub": {"proxy:8001", "workspace:8888", *OUTSIDE, *DNS},
    "proxy": {"hub:8081", "egress:8003", "workspace:8888"},
    "provisioner": {"hub:8081", "egress:8004", "beacon:9000", *OUTSIDE, *DNS},
    "egress": {"hub:8081", *OUTSIDE, *DNS},
    "egress-worker": {"hub:8081", *OUTSIDE, *DNS},
    "scan": set(),
    "beacon": set(),
    "migration": {DATABASE, *DNS},
    "test": {"proxy:8000"},
}
READ = {"get", "list", "watch"}
KINDS = {"licences", "datasets", "projects", "grants", "approvals", "cohorts"}


@pytest.fixture(scope="module")
def minimal() -> list[dict[str, Any]]:
    return manifests("minimal")


def test_every_service_has_one_policy_and_every_policy_a_service(minimal: list[dict[str, Any]]) -> None:
    policies = of_kind(minimal, "NetworkPolicy")
    assert set(policies) == {f"tidegate-{name}" for name in [*pods(minimal), "default-deny"]}
    assert set(pods(minimal)) == set(WAYS_IN) == set(WAYS_OUT)


def test_by_default_nothing_is_open(minimal: list[dict[str, Any]]) -> None:
    assert of_kind(minimal, "NetworkPolicy")["tidegate-default-deny"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


@pytest.mark.parametrize("service", sorted(WAYS_IN))
def test_the_ways_of_a_service_are_those_of_the_table(minimal: list[dict[str, Any]], service: str) -> None:
    spec = of_kind(minimal, "NetworkPolicy")[f"tidegate-{service}"]["spec"]
    assert spec["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "tidegate",
        "app.kubernetes.io/instance": "tidegate",
        "app.kubernetes.io/component": service,
    }
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert set(ways(spec.get("ingress", []), "from")) == WAYS_IN[service]
    assert set(ways(spec.get("egress", []), "to")) == WAYS_OUT[service]


def test_each_way_between_services_is_open_at_both_ends() -> None:
    """What one may send, the other takes; the ends of workspaces are the provisioner's to open."""
    out = {(service, way) for service, found in WAYS_OUT.items() for way in found if way.split(":")[0] in WAYS_IN}
    into = {
        (way.split(":")[0], f"{service}:{way.split(':')[1]}")
        for service, found in WAYS_IN.items()
        for way in found
        if way.split(":")[0] in WAYS_IN
    }
    anyone = {("test", "proxy:8000"), ("provisioner", "beacon:9000")}
    assert out - anyone == into


def test_workspaces_are_known_by_a_label_no_one_else_may_set(minimal: list[dict[str, Any]]) -> None:
    peers = [
        peer
        for policy in of_kind(minimal, "NetworkPolicy").values()
        for direction, key in (("ingress", "from"), ("egress", "to"))
        for rule in policy["spec"].get(direction, [])
        for peer in rule.get(key, ())
        if peer.get("podSelector", {}).get("matchLabels") == {"tidegate.dev/role": "workspace"}
    ]
    assert peers
    for peer in peers:
        assert peer["namespaceSelector"] == {
            "matchExpressions": [{"key": "tidegate.dev/project", "operator": "Exists"}]
        }


def test_metrics_are_open_to_who_is_named_only() -> None:
    spec = of_kind(manifests("full"), "NetworkPolicy")["tidegate-provisioner"]["spec"]
    assert set(ways(spec["ingress"], "from")) == {"monitoring:8080"}


def test_of_the_services_the_provisioner_alone_speaks_with_xnat() -> None:
    """For the tokens of its jobs; the data passes through none of them."""
    xnat = {"192.0.2.40/32:443", "192.0.2.50/32:8443", "192.0.2.51/32:8443"}
    for name, policy in of_kind(manifests("full"), "NetworkPolicy").items():
        found = xnat & set(ways(policy["spec"].get("egress", []), "to"))
        assert found == (xnat if name == "tidegate-provisioner" else set())


def test_without_dns_nobody_asks_a_resolver() -> None:
    for policy in of_kind(manifests("insecure"), "NetworkPolicy").values():
        assert not [way for way in ways(policy["spec"].get("egress", []), "to") if ":53" in way]


@pytest.mark.parametrize("service", ["hub", "egress"])
def test_hub_and_review_read_what_governance_decided_and_no_more(minimal: list[dict[str, Any]], service: str) -> None:
    (rule,) = of_kind(minimal, "ClusterRole")[f"tidegate-{service}"]["rules"]
    assert rule == {"apiGroups": ["tidegate.dev"], "resources": rule["resources"], "verbs": rule["verbs"]}
    assert set(rule["resources"]) == KINDS
    assert set(rule["verbs"]) == READ


def test_nobody_is_given_everything_of_something(minimal: list[dict[str, Any]]) -> None:
    roles = {**of_kind(minimal, "ClusterRole"), **of_kind(minimal, "Role")}
    for rule in (rule for role in roles.values() for rule in role["rules"]):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])
        assert not {"pods/exec", "pods/attach", "pods/portforward", "nodes"} & set(rule["resources"])


def test_the_provisioner_writes_no_decision_and_reads_no_secret(minimal: list[dict[str, Any]]) -> None:
    may = {}
    for rule in of_kind(minimal, "ClusterRole")["tidegate-provisioner"]["rules"]:
        for resource in rule["resources"]:
            may.setdefault(resource, set()).update(rule["verbs"])
    assert not set(may["secrets"]) & READ
    for kind in KINDS - {"cohorts", "projects"}:
        assert may[kind] == READ
    assert may["projects"] == READ | {"patch", "update"}


def test_rights_over_the_cluster_are_bound_to_whom_the_table_names(minimal: list[dict[str, Any]]) -> None:
    bound = {
        (name, subject["name"], subject.get("namespace", "-"))
        for name, binding in of_kind(minimal, "ClusterRoleBinding").items()
        for subject in binding["subjects"]
    }
    assert bound == {
        ("tidegate-hub", "hub", "tidegate"),
        ("tidegate-provisioner", "provisioner", "tidegate"),
        ("tidegate-egress", "egress", "tidegate"),
        ("tidegate-egress", "egress-worker", "tidegate"),
        ("tidegate-officers", "tidegate:officers", "-"),
    }


def ways(rules: list[dict[str, Any]], key: str) -> Iterator[str]:
    for rule in rules:
        ports = [_port(port) for port in rule["ports"]]
        names = [_name(peer) for peer in rule[key]] if key in rule else ["anyone"]
        yield from (f"{name}:{port}" for name in names for port in ports)


def _port(port: dict[str, Any]) -> str:
    return f"{port['port']}" if port["protocol"] == "TCP" else f"{port['port']}/{port['protocol']}"


def _name(peer: dict[str, Any]) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    labels = peer.get("podSelector", {}).get("matchLabels", {})
    if "namespaceSelector" not in peer:
        return str(labels["app.kubernetes.io/component"])
    if labels.get("tidegate.dev/role"):
        return str(labels["tidegate.dev/role"])
    return str(peer["namespaceSelector"].get("matchLabels", {}).get("kubernetes.io/metadata.name", "every namespace"))


def test_officers_names_are_the_only_ones_that_can_be_borrowed() -> None:
    """Without names RBAC would let whoever may impersonate be anybody, an administrator too."""
    roles = of_kind(manifests("full"), "ClusterRole").values()
    borrowed = [rule for role in roles for rule in role["rules"] if "impersonate" in rule["verbs"]]
    assert [(rule["resources"], rule["resourceNames"]) for rule in borrowed] == [
        (["users"], ["tidegate:local:olivia", "tidegate:https://id.example.org/realms/tre:0b5c"]),
        (["groups"], ["tidegate:officers"]),
    ]


@pytest.mark.parametrize("given", ["governance.officers[0]=local:olivia", "governance.subjects[0].kind=Group"])
def test_one_half_of_governance_alone_lets_nobody_impersonate(given: str) -> None:
    assert "tidegate-governance" not in of_kind(manifests("minimal", "--set", given), "ClusterRole")
