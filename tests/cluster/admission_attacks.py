"""Who may do what to which object of a project, as tables: each row a name, the code expected, and the attack itself.

Used by `test_admission`. Attacks are generated: actors by verbs by objects, and edits of pods that are in order.
"""

import copy
from collections.abc import Mapping
from typing import Any

from cluster.admission_kit import outcome, path_of
from cluster.admission_objects import (
    ACTORS,
    ALLOWED,
    COHORT,
    HUB,
    INSIDE,
    OUTSIDE,
    OWNED,
    RBAC,
    SPECS,
    Attack,
    Edit,
    Site,
    approval,
    bare_namespace,
    objects,
    put,
)
from cluster.admission_pods import IMAGE, PODS
from cluster.kit import Manifest
from provisioner.adapters.kubernetes.render.bounds import namespace as project_namespace

# --- namespaces


def relabelled(labels: Mapping[str, str | None]) -> Attack:
    def attack(site: Site) -> str:
        live = site.api.read(bare_namespace(INSIDE))
        kept = {**live["metadata"]["labels"], **labels}
        live["metadata"]["labels"] = {key: value for key, value in kept.items() if value is not None}
        return site.api.replace(ACTORS["operator"], live)

    return attack


def relabelled_by(subresource: str, actor: str) -> Attack:
    def attack(site: Site) -> str:
        live = site.api.read(bare_namespace(INSIDE))
        live["metadata"]["labels"].pop("tidegate.dev/project")
        return site.api.replace(ACTORS[actor], live, subresource)

    return attack


def made_by(actor: str, manifest: Manifest) -> Attack:
    return lambda site: site.api.create(ACTORS[actor], manifest)


RESTRICTED = "pod-security.kubernetes.io/enforce"
NAMESPACES: list[tuple[str, str, Attack]] = [
    ("label taken off", "namespace_by_controller_only", relabelled({"tidegate.dev/project": None})),
    ("another project's label", "namespace_by_controller_only", relabelled({"tidegate.dev/project": "ct-texture"})),
    ("Pod Security loosened", "namespace_by_controller_only", relabelled({RESTRICTED: "privileged"})),
    *(
        (f"label taken off through {sub}", "namespace_by_controller_only", relabelled_by(sub, actor))
        for sub in ("status", "finalize")
        for actor in ("operator", "housekeeping")
    ),
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

# --- into running pods


def connected(subresource: str, actor: str, method: str = "POST") -> Attack:
    return lambda site: site.api.connect(ACTORS[actor], site.pods["workspace"], subresource, method)


def by_node(path: str, method: str = "POST") -> Attack:
    return lambda site: site.api.connect(ACTORS["operator"], NODE, f"proxy/{path}", method)


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


NODE = objects("v1", "Node", "guarded", "")
INSIDERS = ("operator", "hub", "controller", "researcher")
ENTRY: list[tuple[str, str, Attack]] = [
    *(
        (f"{sub} by the {actor} with {method}", "entry_forbidden", connected(sub, actor, method))
        for sub in ("exec", "attach", "portforward", "proxy")
        for actor in INSIDERS
        for method in ("GET", "POST")
    ),
    *(
        (f"{path} by way of the node with {method}", "node_entry_forbidden", by_node(path, method))
        for path in (
            "exec/a/b/c",
            "run/a/b/c",
            "attach/a/b/c",
            "portForward/a/b",
            "cri/exec/x",
            "debug/pprof",
            "EXEC/a",
        )
        for method in ("GET", "POST")
    ),
    *((f"debugging by the {actor}", "entry_forbidden", debugged(actor)) for actor in INSIDERS),
    *((f"a token by the {actor}", "token_forbidden", token_of("workspace", actor)) for actor in INSIDERS),
]

# --- what the controller owns, and what is governed

VERBS = ("create", "replace", "delete")


def cleared(actor: str, manifest: Manifest) -> Attack:
    """All of a kind at once."""

    def attack(site: Site) -> str:
        return outcome(*site.api.ask(ACTORS[actor], "DELETE", path_of(manifest, collection=True), dryRun="All"))

    return attack


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


def rewritten(actor: str, manifest: Manifest, edit: Edit, subresource: str = "") -> Attack:
    def attack(site: Site) -> str:
        live = site.api.read(manifest)
        edit(live)
        return site.api.replace(ACTORS[actor], live, subresource)

    return attack


NOTED = put("metadata/annotations", {"tidegate.dev/sealed": "another"})

HOUSEKEEPERS = {"controller", "jobs", "housekeeping"}
OWNED_TABLE: list[tuple[str, str, Attack]] = [
    *(
        (f"all {name} cleared by the {actor}", "owned_by_controller", cleared(actor, OWNED[name]))
        for name in ("networkpolicy", "binding", "claim")
        for actor in ("operator", "hub")
    ),
    *(
        (
            f"what is noted on a claim through its {sub}",
            "owned_by_controller",
            rewritten("operator", OWNED["claim"], NOTED, sub),
        )
        for sub in ("", "status")
    ),
    *(
        (
            f"{verb} {name} by the {actor}",
            ALLOWED if actor in HOUSEKEEPERS else "owned_by_controller",
            acted(actor, verb, manifest),
        )
        for name, manifest in OWNED.items()
        for verb in VERBS
        for actor in ACTORS
    ),
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


def clusterwide_list(*specs: Mapping[str, Any]) -> Attack:
    kind = "CiliumClusterwideNetworkPolicy"
    return made_by("operator", {**objects("cilium.io/v2", kind, "attack", ""), "specs": list(specs)})


NOT_PROJECTS = {"key": "k8s:io.cilium.k8s.namespace.labels.tidegate.dev/project", "operator": "DoesNotExist"}
ONLY_PROJECTS = {**NOT_PROJECTS, "operator": "Exists"}
OPEN: dict[str, Any] = {"egress": [{"toEntities": ["world"]}]}
CLUSTERWIDE: list[tuple[str, str, Attack]] = [
    (
        "one of several",
        "clusterwide_policy",
        clusterwide_list({"nodeSelector": {}, **OPEN}, {"endpointSelector": {}, **OPEN}),
    ),
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

# --- profiles


def asked(verb: str, **resources: Any) -> Attack:
    def edit(manifest: dict[str, Any]) -> None:
        manifest["spec"]["resources"] = {**manifest["spec"]["resources"], **resources}

    if verb == "update":
        return rewritten("governance", SPECS["project"], edit)
    project = copy.deepcopy(SPECS["project"])
    edit(project)
    return acted("governance", "create", project)


PROFILES: list[tuple[str, str, Attack]] = [
    ("a profile there is not", "profile_unknown", asked("create", profile="large")),
    ("a profile there is not, later", "profile_unknown", asked("update", profile="large")),
    ("a GPU where there is none", "profile_exceeded", asked("create", gpu=1)),
    ("more GPUs than there are", "profile_exceeded", asked("update", profile="gpu", gpu=3)),
    ("more cores", "profile_exceeded", asked("create", profile="gpu", cpus=16.5)),
    ("more memory", "profile_exceeded", asked("create", profile="gpu", memoryMib=65537)),
    ("as much as there is", ALLOWED, asked("create", profile="gpu", gpu=2, cpus=16, memoryMib=65536)),
    ("the usual, later", ALLOWED, asked("update", cpus=2)),
]

ATTACKS: dict[str, list[tuple[str, str, Attack]]] = {
    "namespaces": NAMESPACES,
    "pods": PODS,
    "entry": ENTRY,
    "owned": [row for row in OWNED_TABLE if row[1] != ALLOWED],
    "specs": [row for row in (*SPECS_TABLE, *COHORT_TABLE, *HALVES) if row[1] != ALLOWED],
    "approvals": [row for row in APPROVALS if row[1] != ALLOWED],
    "rights": [row for row in RIGHTS if row[1] != ALLOWED],
    "profiles": [row for row in PROFILES if row[1] != ALLOWED],
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
    *PROFILES,
]


def some_attack(site: Site, policy: str) -> str:
    return ATTACKS[policy][0][2](site)
