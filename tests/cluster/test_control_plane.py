"""The control plane without a node is the real one: it stores, refuses, impersonates and keeps an audit log."""

import json

from cluster.kit import Cluster, eventually

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen", "namespace": "default"}}


def test_an_object_is_stored_and_its_writer_is_in_the_audit_log(api_server: Cluster) -> None:
    api_server.apply({**CONFIG, "data": {"a": "b"}})

    stored = api_server.get("configmap", "seen", "default")
    assert stored is not None
    assert stored["data"] == {"a": "b"}
    eventually("the audit record", lambda: ("create", "seen") in _writes(api_server), 10)


def test_a_service_account_without_rights_is_refused(api_server: Cluster) -> None:
    refused = api_server.acting_as_account("default", "default").try_apply(CONFIG)

    assert refused.returncode != 0
    assert "system:serviceaccount:default:default" in refused.stderr


def test_an_admission_policy_refuses_with_its_sentence(api_server: Cluster) -> None:
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "no-forbidden"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
                ]
            },
            "validations": [{"expression": "object.metadata.name != 'forbidden'", "message": "This name is taken."}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "no-forbidden"},
        "spec": {"policyName": "no-forbidden", "validationActions": ["Deny"]},
    }
    forbidden = {**CONFIG, "metadata": {"name": "forbidden", "namespace": "default"}}
    api_server.apply(policy, binding)

    def is_refused() -> bool:
        return (
            "This name is taken."
            in api_server.attempt("create", "--dry-run=server", "-f", "-", text=_json(forbidden)).stderr
        )

    eventually("the policy to be in force", is_refused, 30)


def _json(manifest: object) -> str:
    return json.dumps(manifest)


def _writes(cluster: Cluster) -> list[tuple[str, str]]:
    return [(event["verb"], event["objectRef"].get("name", "")) for event in cluster.audit()]
