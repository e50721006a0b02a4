"""Who may do what to which object of a project, as tables: each row a name, the code expected, and the attack itself.

Used by `test_admission`. Attacks are generated: actors by verbs by objects, and edits of pods that are in order.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import policy_kit
from cluster.admission_kit import RELEASE, Actor, Api, account, path_of
from cluster.kit import Cluster, Manifest, eventually
from provisioner.adapters.kubernetes.render.bounds import namespace as project_namespace
from tidegate.cluster.names import OFFICERS_GROUP, namespace_of, username_of
from tidegate.model import Project, read_resource

PROJECT = "guarded"  # a name no other test uses: the API server is shared
INSIDE = namespace_of(PROJECT)
OUTSIDE = "elsewhere"
DIGEST = "0" * 64
ALLOWED = "allowed"

ACTORS: dict[str, Actor] = {
    "controller": account(RELEASE, "provisioner"),
    "hub": account(RELEASE, "hub"),
    "governance": account(RELEASE, "governance"),
    "egress": account(RELEASE, "egress"),
    "impostor": account(OUTSIDE, "provisioner"),
    "officer": Actor(username_of(policy_kit.GWEN), ("system:authenticated", OFFICERS_GROUP)),
    "researcher": Actor(username_of(policy_kit.ROSA)),
    "workspace": account(INSIDE, "workspace"),
    "operator": Actor("operator", ("system:authenticated", "system:masters")),
    "jobs": account("kube-system", "job-controller"),
    "housekeeping": account("kube-system", "namespace-controller"),
}


def objects(version: str, kind: str, name: str, where: str = INSIDE, **body: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": where} if where else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


POD_SPEC = {"containers": [{"name": "x", "image": "x"}], "restartPolicy": "Never"}
RBAC = "rbac.authorization.k8s.io"
HUB = {"kind": "ServiceAccount", "name": "hub", "namespace": RELEASE}
ROLE_REF = {"apiGroup": RBAC, "kind": "Role", "name": "open"}
INGRESS = {"defaultBackend": {"service": {"name": "open", "port": {"number": 80}}}}
SPEC_OF_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
OWNED: dict[str, dict[str, Any]] = {
    "networkpolicy": objects("networking.k8s.io/v1", "NetworkPolicy", "open", spec={"podSelector": {}, "egress": [{}]}),
    "cilium policy": objects("cilium.io/v2", "CiliumNetworkPolicy", "open", spec={"endpointSelector": {}}),
    "ingress": objects("networking.k8s.io/v1", "Ingress", "open", spec=INGRESS),
    "service": objects("v1", "Service", "open", spec={"ports": [{"port": 80}]}),
    "role": objects(f"{RBAC}/v1", "Role", "open", rules=[]),
    "binding": objects(f"{RBAC}/v1", "RoleBinding", "open", roleRef=ROLE_REF, subjects=[HUB]),
    "quota": objects("v1", "ResourceQuota", "more", spec={"hard": {"count/widgets.example.org": "99"}}),
    "limits": objects("v1", "LimitRange", "more", spec={"limits": []}),
    "account": objects("v1", "ServiceAccount", "another"),
    "configmap": objects("v1", "ConfigMap", "probe", data={"workspace": "{}"}),
    "secret": objects("v1", "Secret", "taken"),
    "claim": objects("v1", "PersistentVolumeClaim", "another", spec=SPEC_OF_CLAIM),
    "job": objects("batch/v1", "Job", "another", spec={"template": {"spec": POD_SPEC}}),
    "deployment": objects(
        "apps/v1",
        "Deployment",
        "another",
        spec={
            "replicas": 0,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": POD_SPEC["containers"]},
            },
        },
    ),
}


def custom(document: Mapping[str, Any]) -> dict[str, Any]:
    """As the API server wants it: the model's own form, with defaults and without what is empty."""
    made = read_resource(document, "test").model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]


SPECS: dict[str, dict[str, Any]] = {
    "project": custom(policy_kit.project(PROJECT)),
    "dataset": custom(policy_kit.dataset(PROJECT)),
    "licence": custom(policy_kit.licence(PROJECT)),
    "grant": custom(policy_kit.grant(PROJECT)),
}
COHORT = {
    **objects("tidegate.dev/v1alpha1", "Cohort", "v1"),
    "spec": {"project": PROJECT, "datasets": [], "selectionDigest": DIGEST, "version": 1},
}


def approval(by: Mapping[str, str] | None = None, name: str = PROJECT) -> dict[str, Any]:
    project = read_resource(policy_kit.project(PROJECT), "test")
    assert isinstance(project, Project)
    return custom(policy_kit.approval(project, name, by=dict(by or {"subject": "gwen"})))


def bare_namespace(name: str, **labels: str) -> dict[str, Any]:
    made = objects("v1", "Namespace", name, "")
    made["metadata"]["labels"] = labels
    return made


@dataclass
class Site:
    """The API server with the policies in force."""

    cluster: Cluster
    api: Api
    policies: dict[str, list[dict[str, Any]]]
    pods: dict[str, dict[str, Any]]

    def without(self, policy: str, attack: Callable[[], str]) -> None:
        """Take the binding away and wait until the attack gets past."""
        self.cluster.delete("validatingadmissionpolicybinding", f"tidegate-{policy}")
        eventually(f"{policy} to be off", lambda: attack() == ALLOWED, 30)

    def restore(self, policy: str, attack: Callable[[], str]) -> None:
        self.cluster.apply(*self.policies[policy])
        eventually(f"{policy} to be in force", lambda: attack() != ALLOWED, 30)


Attack = Callable[[Site], str]


def some_attack(site: Site, policy: str) -> str:
    return attacks_of(policy)[0][2](site)


def attacks_of(policy: str) -> list[tuple[str, str, Attack]]:
    return ATTACKS[policy]


# --- namespaces


def relabelled(labels: Mapping[str, str | None]) -> Attack:
    def attack(site: Site) -> str:
        live = site.api.read(bare_namespace(INSIDE))
        kept = {**live["metadata"]["labels"], **labels}
        live["metadata"]["labels"] = {key: value for key, value in kept.items() if value is not None}
        return site.api.replace(ACTORS["operator"], live)

    return attack


def made_by(actor: str, manifest: Manifest) -> Attack:
    return lambda site: site.api.create(ACTORS[actor], manifest)


RESTRICTED = "pod-security.kubernetes.io/enforce"
NAMESPACES: list[tuple[str, str, Attack]] = [
    ("label taken off", "namespace_by_controller_only", relabelled({"tidegate.dev/project": None})),
    ("another project's label", "namespace_by_controller_only", relabelled({"tidegate.dev/project": "ct-texture"})),
    ("Pod Security loosened", "namespace_by_controller_only", relabelled({RESTRICTED: "privileged"})),
    ("made by the operator", "namespace_by_controller_only", made_by("operator", project_namespace("new"))),
    ("made by the hub", "namespace_by_controller_only", made_by("hub", project_namespace("new"))),
    ("named like one", "namespace_by_controller_only", made_by("operator", bare_namespace("tg-new"))),
    (
        "labelled like one",
        "namespace_by_controller_only",
        made_by("operator", bare_namespace("new", **{"tidegate.dev/project": "new"})),
    ),
    (
        "without Pod Security",
        "namespace_restricted",
        made_by("controller", bare_namespace("tg-new", **{"tidegate.dev/project": "new"})),
    ),
    (
        "called otherwise",
        "namespace_restricted",
        made_by("controller", bare_namespace("tg-x", **{"tidegate.dev/project": "new", RESTRICTED: "restricted"})),
    ),
]

# --- pods: one thing changed in a pod that is in order

Edit = Callable[[dict[str, Any]], None]
KERNEL, NOTEBOOK = 1, 0
IMAGE = f"registry.tidegate.test/session@sha256:{DIGEST}"
HOSTILE = f"registry.tidegate.test.example.org/session@sha256:{DIGEST}"


def put(path: str, value: Any) -> Edit:
    """Set, or take out with `...`; a number is a place in a list, and ``-`` its end."""

    def edit(pod: dict[str, Any]) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        node: Any = pod
        for step in way:
            node = node.setdefault(step, {}) if isinstance(node, dict) else node[step]
        if value is ...:
            del node[last]
        elif last == "-":
            node.append(value)
        else:
            node[last] = value

    return edit


def label(name: str, value: Any) -> Edit:
    def edit(pod: dict[str, Any]) -> None:
        labels = pod["metadata"]["labels"]
        labels.pop(f"tidegate.dev/{name}") if value is ... else labels.update({f"tidegate.dev/{name}": value})

    return edit


def volume(**source: Any) -> Edit:
    return put("spec/volumes/-", {"name": "more", **source})


def claim_of(name: str, **more: Any) -> Edit:
    return volume(persistentVolumeClaim={"claimName": name, **more})


def cohort(pod: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in pod["spec"]["volumes"] if each["name"] == "cohort")["persistentVolumeClaim"]  # type: ignore[no-any-return]


def mounted(container: int, **how: Any) -> Edit:
    return put(f"spec/containers/{container}/volumeMounts/-", {"name": "cohort", "mountPath": "/more", **how})


def writable_mount(pod: dict[str, Any]) -> None:
    for mount in pod["spec"]["containers"][KERNEL]["volumeMounts"]:
        mount.pop("readOnly", None)


def another_first(pod: dict[str, Any]) -> None:
    pod["spec"]["initContainers"].insert(0, {**copy.deepcopy(pod["spec"]["containers"][0]), "name": "first"})


TOKEN_SOURCE = {"sources": [{"serviceAccountToken": {"path": "token"}}]}
SECRET_SOURCE = {"sources": [{"secret": {"name": "taken"}}]}
SECRET_REF = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "taken", "key": "x"}}}
PROBE = "spec/initContainers/0"
WORKSPACE_EDITS: list[tuple[str, str, Edit]] = [
    ("a tag", "image_by_digest", put("spec/containers/1/image", "registry.tidegate.test/session:1")),
    ("a short digest", "image_by_digest", put("spec/containers/1/image", IMAGE[:-1])),
    ("a tag for the probe", "image_by_digest", put(f"{PROBE}/image", "registry.tidegate.test/services:1")),
    ("another registry", "image_registry", put("spec/containers/1/image", f"docker.example.org/x@sha256:{DIGEST}")),
    ("a registry that begins alike", "image_registry", put("spec/containers/1/image", HOSTILE)),
    (
        "a repository that begins alike",
        "image_registry",
        put("spec/containers/1/image", IMAGE.replace("session", "session-x")),
    ),
    ("the node's network", "host_forbidden", put("spec/hostNetwork", True)),
    ("the node's processes", "host_forbidden", put("spec/hostPID", True)),
    ("the node's memory", "host_forbidden", put("spec/hostIPC", True)),
    ("a folder of the node", "host_forbidden", volume(hostPath={"path": "/"})),
    ("a port of the node", "host_forbidden", put("spec/containers/0/ports/0/hostPort", 8888)),
    ("a volume of another kind", "volume_forbidden", volume(nfs={"server": "198.51.100.1", "path": "/"})),
    ("a volume made for it", "volume_forbidden", volume(ephemeral={"volumeClaimTemplate": {"spec": SPEC_OF_CLAIM}})),
    ("a token by default", "token_forbidden", put("spec/automountServiceAccountToken", ...)),
    ("a token", "token_forbidden", put("spec/automountServiceAccountToken", True)),
    ("a projected token", "token_forbidden", volume(projected=TOKEN_SOURCE)),
    ("a Secret", "secret_forbidden", volume(secret={"secretName": "taken"})),
    ("a projected Secret", "secret_forbidden", volume(projected=SECRET_SOURCE)),
    ("a Secret in a variable", "secret_forbidden", put("spec/containers/1/env/-", SECRET_REF)),
    ("a Secret as variables", "secret_forbidden", put("spec/containers/1/envFrom", [{"secretRef": {"name": "taken"}}])),
    ("images to write to", "cohort_read_only", lambda pod: cohort(pod).update(readOnly=False)),
    ("the loader's claim", "cohort_read_only", lambda pod: cohort(pod).update(claimName="cohort-v1")),
    ("a mount to write to", "cohort_read_only", writable_mount),
    ("a second mount to write to", "cohort_read_only", mounted(KERNEL)),
    ("images for the session server", "cohort_read_only", mounted(NOTEBOOK, readOnly=True)),
    ("the loader's claim beside", "cohort_read_only", claim_of("cohort-v1", readOnly=True)),
    ("another person's home", "claim_of_another", claim_of("home-ravi-00000000")),
    ("any claim", "claim_of_another", claim_of("another")),
    ("no deadline", "deadline_required", put("spec/activeDeadlineSeconds", ...)),
    ("a late deadline", "deadline_required", put("spec/activeDeadlineSeconds", 604_801)),
    ("no role", "pod_by_hub_or_controller", label("role", ...)),
    ("no project", "labels_required", label("project", ...)),
    ("another project", "labels_required", label("project", "ct-texture")),
    ("no person", "labels_required", label("person", ...)),
    ("a loader's role", "pod_by_hub_or_controller", label("role", "loader-pull")),
    ("a canary by the hub", "pod_by_hub_or_controller", label("canary", "true")),
    ("no probe", "probe_required", put("spec/initContainers", [])),
    ("a container before the probe", "probe_required", another_first),
    ("another command", "probe_required", put(f"{PROBE}/command", ["true"])),
    ("arguments", "probe_required", put(f"{PROBE}/args", ["-c"])),
    ("a probe that runs beside", "probe_required", put(f"{PROBE}/restartPolicy", "Always")),
    (
        "a probe with other files",
        "probe_required",
        put(f"{PROBE}/volumeMounts", [{"name": "home", "mountPath": "/usr"}]),
    ),
    ("a table of its own", "probe_required", put(f"{PROBE}/env/0", {"name": "TIDEGATE_PROBE", "value": "{}"})),
    ("a second table", "probe_required", put(f"{PROBE}/env/-", {"name": "TIDEGATE_PROBE", "value": "{}"})),
    ("another role's table", "probe_required", put(f"{PROBE}/env/0/valueFrom/configMapKeyRef/key", "loader-pull")),
    ("another table", "probe_required", put(f"{PROBE}/env/0/valueFrom/configMapKeyRef/name", "other")),
]
LOADER_EDITS: list[tuple[str, str, str, Edit]] = [
    ("gate", "a Secret for the gate", "secret_forbidden", volume(secret={"secretName": "taken"})),
    ("pull", "a home for the pull", "claim_of_another", claim_of("shared")),
    ("pull", "a pull without a probe", "probe_required", put("spec/initContainers", [])),
    ("pull", "a token for the pull", "token_forbidden", put("spec/automountServiceAccountToken", True)),
    ("vault", "a vault in a workspace's clothes", "pod_by_hub_or_controller", label("role", "workspace")),
]


def edited(which: str, edit: Edit, actor: str) -> Attack:
    def attack(site: Site) -> str:
        pod = copy.deepcopy(site.pods[which])
        pod["metadata"]["name"] = "attack"
        edit(pod)
        return site.api.create(ACTORS[actor], pod)

    return attack


def running(edit: Edit, actor: str = "operator") -> Attack:
    def attack(site: Site) -> str:
        live = site.api.read(site.pods["workspace"])
        edit(live)
        return site.api.replace(ACTORS[actor], live)

    return attack


def unchanged(pod: dict[str, Any]) -> None:
    del pod


PODS: list[tuple[str, str, Attack]] = [
    *((name, code, edited("workspace", edit, "hub")) for name, code, edit in WORKSPACE_EDITS),
    *((name, code, edited(which, edit, "jobs")) for which, name, code, edit in LOADER_EDITS),
    *(
        (f"a workspace by the {actor}", "pod_by_hub_or_controller", edited("workspace", unchanged, actor))
        for actor in ACTORS
        if actor not in {"hub", "controller"}
    ),
    *(
        (f"a pull by the {actor}", "pod_by_hub_or_controller", edited("pull", unchanged, actor))
        for actor in ACTORS
        if actor not in {"jobs", "controller"}
    ),
    ("no role by the controller", "labels_required", edited("workspace", label("role", ...), "controller")),
    ("a made-up role", "labels_required", edited("workspace", label("role", "anything"), "controller")),
    ("a running pod's role", "labels_fixed", running(label("role", "loader-pull"))),
    ("a running pod's person", "labels_fixed", running(label("person", "ravi-00000000"), "controller")),
    ("a running pod's canary", "labels_fixed", running(label("canary", "true"))),
    ("a running pod's image", "image_by_digest", running(put("spec/containers/1/image", "x:1"))),
]

# --- into running pods


def connected(subresource: str, actor: str) -> Attack:
    return lambda site: site.api.connect(ACTORS[actor], site.pods["workspace"], subresource)


def debugged(actor: str) -> Attack:
    def attack(site: Site) -> str:
        live = site.api.read(site.pods["workspace"])
        live["spec"]["ephemeralContainers"] = [{"name": "debug", "image": IMAGE, "targetContainerName": "kernel"}]
        return site.api.replace(ACTORS[actor], live, "ephemeralcontainers")

    return attack


def token_of(name: str, actor: str) -> Attack:
    def attack(site: Site) -> str:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
        path = path_of(objects("v1", "ServiceAccount", name)) + "/token"
        status, answer = site.api.ask(ACTORS[actor], "POST", path, body, dryRun="All")
        return ALLOWED if status < 300 else answer["message"].partition("denied request: ")[2].partition(":")[0]

    return attack


INSIDERS = ("operator", "hub", "controller", "researcher")
ENTRY: list[tuple[str, str, Attack]] = [
    *(
        (f"{sub} by the {actor}", "entry_forbidden", connected(sub, actor))
        for sub in ("exec", "attach", "portforward", "proxy")
        for actor in INSIDERS
    ),
    *((f"debugging by the {actor}", "entry_forbidden", debugged(actor)) for actor in INSIDERS),
    *((f"a token by the {actor}", "token_forbidden", token_of("workspace", actor)) for actor in INSIDERS),
]

# --- what the controller owns, and what is governed

VERBS = ("create", "replace", "delete")


def acted(actor: str, verb: str, manifest: Manifest) -> Attack:
    def attack(site: Site) -> str:
        who = ACTORS[actor]
        if verb == "create":
            return site.api.create(who, {**manifest, "metadata": {**manifest["metadata"], "name": "attack"}})
        if verb == "delete":
            return site.api.delete(who, manifest)
        live = site.api.read(manifest)
        live["metadata"].setdefault("annotations", {})["tidegate.dev/sealed"] = "another"
        return site.api.replace(who, live)

    return attack


HOUSEKEEPERS = {"controller", "jobs", "housekeeping"}
OWNED_TABLE: list[tuple[str, str, Attack]] = [
    (
        f"{verb} {name} by the {actor}",
        ALLOWED if actor in HOUSEKEEPERS else "owned_by_controller",
        acted(actor, verb, manifest),
    )
    for name, manifest in OWNED.items()
    for verb in VERBS
    for actor in ACTORS
]
GOVERNORS = {"governance", "officer"}


def spec_code(actor: str, verb: str) -> str:
    """The controller may note something on an object, as it does for its finaliser."""
    return ALLOWED if actor in GOVERNORS or (actor == "controller" and verb == "replace") else "spec_by_governance"


SPECS_TABLE: list[tuple[str, str, Attack]] = [
    (f"{verb} {name} by the {actor}", spec_code(actor, verb), acted(actor, verb, manifest))
    for name, manifest in SPECS.items()
    for verb in VERBS
    for actor in ACTORS
    # Kubernetes empties ended namespaces; these kinds are in none.
    if actor != "housekeeping"
]
COHORT_TABLE: list[tuple[str, str, Attack]] = [
    (
        f"{verb} cohort by the {actor}",
        ALLOWED if actor == "controller" or (actor, verb) == ("housekeeping", "delete") else "cohort_by_controller",
        acted(actor, verb, COHORT),
    )
    for verb in VERBS
    for actor in ACTORS
]


def rewritten(actor: str, manifest: Manifest, edit: Edit, subresource: str = "") -> Attack:
    def attack(site: Site) -> str:
        live = site.api.read(manifest)
        edit(live)
        return site.api.replace(ACTORS[actor], live, subresource)

    return attack


PHASE = put("status", {"phase": "deployed"})
HALVES: list[tuple[str, str, Attack]] = [
    *(
        (
            f"a project's status by the {actor}",
            ALLOWED if actor == "controller" else "status_by_controller",
            rewritten(actor, SPECS["project"], PHASE, "status"),
        )
        for actor in ACTORS
    ),
    (
        "a project prolonged by the controller",
        "spec_by_governance",
        rewritten("controller", SPECS["project"], put("spec/ends", "2099-01-01T00:00:00Z")),
    ),
    (
        "a project prolonged by governance",
        ALLOWED,
        rewritten("governance", SPECS["project"], put("spec/ends", "2099-01-01T00:00:00Z")),
    ),
    (
        "a finaliser by governance",
        "status_by_controller",
        rewritten("governance", SPECS["project"], put("metadata/finalizers", ["example.org/x"])),
    ),
    (
        "a finaliser by the controller",
        ALLOWED,
        rewritten("controller", SPECS["project"], put("metadata/finalizers", ["tidegate.dev/x"])),
    ),
    (
        "a project with a finaliser from the start",
        "status_by_controller",
        made_by("officer", {**SPECS["project"], "metadata": {"name": "new", "finalizers": ["example.org/x"]}}),
    ),
]

# --- approvals


APPROVALS: list[tuple[str, str, Attack]] = [
    *(
        (f"for the officer by the {actor}", "approval_by_caller", made_by(actor, approval(name="two")))
        for actor in ACTORS
        if actor != "officer"
    ),
    ("for another", "approval_by_caller", made_by("officer", approval({"subject": "ravi"}, "two"))),
    (
        "for another issuer",
        "approval_by_caller",
        made_by("officer", approval({"issuer": "https://login.example.org", "subject": "gwen"}, "two")),
    ),
    ("by the officer", ALLOWED, made_by("officer", approval(name="two"))),
    *(
        (f"{verb} by the {actor}", "approval_append_only", acted(actor, verb, approval()))
        for verb in ("replace", "delete")
        for actor in ACTORS
        if (verb, actor) != ("replace", "controller")
    ),
    ("noted by the controller", ALLOWED, acted("controller", "replace", approval())),
]

# --- rights, and policies for all namespaces


def binding(kind: str, subject: Mapping[str, str], where: str = "") -> dict[str, Any]:
    made = objects(f"{RBAC}/v1", kind, "attack", where)
    role = "Role" if kind == "RoleBinding" else "ClusterRole"
    group = {} if subject["kind"] == "ServiceAccount" else {"apiGroup": RBAC}
    return {**made, "roleRef": {"apiGroup": RBAC, "kind": role, "name": "x"}, "subjects": [{**subject, **group}]}


WORKERS: list[dict[str, str]] = [
    {"kind": "ServiceAccount", "name": "workspace", "namespace": INSIDE},
    {"kind": "Group", "name": f"system:serviceaccounts:{INSIDE}"},
    {"kind": "User", "name": f"system:serviceaccount:{INSIDE}:workspace"},
]
RIGHTS: list[tuple[str, str, Attack]] = [
    *(
        (f"{kind} for the {subject['kind']} by the {actor}", "rights_forbidden", made_by(actor, binding(*given)))
        for subject in WORKERS
        for actor in ("operator", "controller")
        for kind, given in (
            ("cluster-wide", ("ClusterRoleBinding", subject)),
            ("elsewhere", ("RoleBinding", subject, OUTSIDE)),
        )
    ),
    ("for the hub", ALLOWED, made_by("operator", binding("RoleBinding", HUB, OUTSIDE))),
    ("for the hub in the project", ALLOWED, made_by("controller", binding("RoleBinding", HUB, INSIDE))),
]


def clusterwide(**spec: Any) -> Attack:
    kind = "CiliumClusterwideNetworkPolicy"
    return made_by("operator", {**objects("cilium.io/v2", kind, "attack", ""), "spec": spec})


NOT_PROJECTS = {"key": "k8s:io.cilium.k8s.namespace.labels.tidegate.dev/project", "operator": "DoesNotExist"}
ONLY_PROJECTS = {**NOT_PROJECTS, "operator": "Exists"}
OPEN: dict[str, Any] = {"egress": [{"toEntities": ["world"]}]}
CLUSTERWIDE: list[tuple[str, str, Attack]] = [
    ("open for all", "clusterwide_policy", clusterwide(endpointSelector={}, **OPEN)),
    ("open inwards", "clusterwide_policy", clusterwide(endpointSelector={}, ingress=[{}])),
    (
        "open for projects",
        "clusterwide_policy",
        clusterwide(endpointSelector={"matchExpressions": [ONLY_PROJECTS]}, **OPEN),
    ),
    ("open for others", ALLOWED, clusterwide(endpointSelector={"matchExpressions": [NOT_PROJECTS]}, **OPEN)),
    ("for nodes", ALLOWED, clusterwide(nodeSelector={}, **OPEN)),
    ("only forbids", ALLOWED, clusterwide(endpointSelector={}, egressDeny=[{}])),
]

ATTACKS: dict[str, list[tuple[str, str, Attack]]] = {
    "namespaces": NAMESPACES,
    "pods": PODS,
    "entry": ENTRY,
    "owned": [row for row in OWNED_TABLE if row[1] != ALLOWED],
    "specs": [row for row in (*SPECS_TABLE, *COHORT_TABLE, *HALVES) if row[1] != ALLOWED],
    "approvals": [row for row in APPROVALS if row[1] != ALLOWED],
    "rights": [row for row in RIGHTS if row[1] != ALLOWED],
    "clusterwide": [row for row in CLUSTERWIDE if row[1] != ALLOWED],
}
TABLE = [
    *NAMESPACES,
    *PODS,
    *ENTRY,
    *OWNED_TABLE,
    *SPECS_TABLE,
    *COHORT_TABLE,
    *HALVES,
    *APPROVALS,
    *RIGHTS,
    *CLUSTERWIDE,
]
