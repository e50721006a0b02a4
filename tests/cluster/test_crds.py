"""The definitions on a real API server: every field wrong, missing or unknown is refused by name.

What is fixed stays. The model is asked the same each time: what one takes, the other takes.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kit import Cluster
from cluster.store_kit import namespace, prepare
from model_kit import NOW, YEAR, approval, dataset, grant, licence, project
from store_contract import cohort, fresh
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.port import Manifest, Ref
from tidegate.model import AnyResource, Kind, ProjectStatus, TidegateError, read_resource
from tidegate.store.manifests import manifest_of, read, status_of

SHA = "a" * 64
WHO = {"issuer": "local", "subject": "olga"}
RULE = {
    "allowSopClasses": ["1.2.840.10008.5.1.4.1.1.2"],
    "allowTags": ["(0019,1001)"],
    "allowValues": {"(0019,1001)": "^x$"},
    "reason": "Seen by us.",
    "reviewedBy": WHO,
    "reviewedAt": NOW,
}
# Each kind with every field given, so that each can be spoiled.
WHOLE: dict[Kind, AnyResource] = {
    Kind.LICENCE: licence(
        "whole",
        source={"documentSha256": SHA, "clauses": {"grant.validTo": "4.2"}},
        contacts={"governance": ["data office"], "incident": "at once"},
        grant={"valid_from": NOW - YEAR, "valid_to": NOW + YEAR, "exclusive": True, "renewal": NOW},
        purpose={
            "permitted": ["DUO:0000007"],
            "diseases": ["MONDO:0007254"],
            "prohibited": ["DUO:0000011"],
            "approvalRefRequired": True,
            "ethicsRequired": True,
        },
        parties={
            "organisations": ["Demo University"],
            "organisationTypes": ["university"],
            "namedUsersOnly": True,
            "commercial": "ask",
        },
        territory={"processing": ["GB"], "remoteAccess": ["GB"]},
        data={"types": ["images"], "deidentification": "done", "reidentification": "forbid", "linkage": "ask"},
        sharing={"onward": "ask", "thirdParty": "ask", "derivedData": "allow", "models": "ask", "shareAlike": True},
        outputs={
            "attribution": "Say so.",
            "citations": ["One."],
            "minReviewers": 2,
            "acknowledgement": "Thanks.",
            "publicationReview": {"required": True, "noticeDays": 30},
            "disclosureProfile": "strict",
            "permittedKinds": ["csv"],
        },
        ip={"ownership": "licensor", "notifyInventionDays": 30, "returnResults": True},
        end={"destroyWithinDays": 30, "certificateRequired": True, "archiveAllowed": "forbid"},
        incident={"notifyHours": 24, "accidentalIdentification": "Tell nobody.", "recoverData": True},
        unmodelled=[{"clause": "9", "text": "Something else.", "effect": "human"}],
    ),
    Kind.DATASET: dataset(
        "whole",
        description="Words.",
        xnat={"server": "https://xnat.example.test", "project": "P1"},
        licence={"name": "cc-by-3.0", "digest": SHA},
        gate={"rules": [RULE]},
    ),
    Kind.PROJECT: project(
        "whole",
        purpose={
            "codes": ["DUO:0000006"],
            "text": "Why.",
            "commercial": False,
            "ethicsRef": "E-1",
            "diseases": ["MONDO:0007254"],
        },
        datasets=[{"name": "cbis-ddsm", "digest": SHA}],
        selection={"subjects": ["S1"], "modalities": ["MG"]},
    ),
    Kind.GRANT: grant("whole", training={"ref": "T-1", "until": NOW}, agreementSha256=SHA),
    Kind.APPROVAL: approval(project("whole"), name="whole", until=NOW, decisionId=SHA),
    Kind.COHORT: cohort("whole", "whole").model_copy(
        update={
            "spec": cohort("whole", "whole").spec.model_validate(
                {
                    "project": "whole",
                    "datasets": [{"name": "d", "digest": SHA, "licenceDigest": SHA}],
                    "selectionDigest": SHA,
                    "version": 1,
                }
            )
        }
    ),
}
FULL_STATUS = ProjectStatus.model_validate(
    {
        "phase": "deployed",
        "conditions": [{"type": "Ready", "status": True, "reason": "AllDone", "message": "", "since": NOW}],
        "steps": [{"name": "canary", "state": "failed", "since": NOW, "next_try": NOW}],
        "spawn_rights": [{"person": WHO, "until": NOW, "because": "the grant"}],
        "cohort": {
            "version": 1,
            "files": 2,
            "refused": 0,
            "total_bytes": 3,
            "manifest_sha256": SHA,
            "path": "/x",
            "sealed_at": NOW,
        },
        "deployed_digest": SHA,
        "next_at": NOW,
        "next_because": "the grant ends",
    }
)
Path = tuple[str | int, ...]
UNKNOWN = "madeUpField"


@pytest.fixture(scope="module")
def api(api_server: Cluster) -> ClusterClient:
    client = prepare(api_server)
    namespace(client, "tg-whole")
    return client


def refusal(api: ClusterClient, kind: Kind, manifest: Manifest) -> str:
    """What the API server says of it, without storing it; empty where it would take it."""
    try:
        api.rehearsing().create(CUSTOM[kind], manifest)
    except TidegateError as error:
        return error.sentence if error.code == "cluster_invalid" else f"not judged: {error}"
    return ""


def nodes(value: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield at, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from nodes(item, (*at, key))


def spoiled(manifest: Manifest, at: Path, value: Any) -> Manifest:
    """With this value at this place."""
    changed = copy.deepcopy(manifest)
    holder = changed
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = value
    return changed


def without(manifest: Manifest, at: Path) -> Manifest:
    changed = spoiled(manifest, at, None)
    holder = changed
    for key in at[:-1]:
        holder = holder[key]
    del holder[at[-1]]
    return changed


def spelled(at: Path) -> str:
    """As the API server names a field: ``spec.datasets[0].name``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in at).lstrip(".")


def wrong(value: Any) -> tuple[Any, ...]:
    """Values of another type, and for numbers and text one that no field of ours takes."""
    if isinstance(value, bool):
        return ("yes", 1)
    if isinstance(value, int | float):
        return ("seven", -1)
    return (7, "") if isinstance(value, str) else (7, "text")


def is_taken(manifest: Manifest) -> bool:
    try:
        read_resource(manifest, "test")
    except TidegateError:
        return False
    return True


@pytest.mark.parametrize("kind", Kind)
def test_a_resource_with_every_field_is_taken_and_comes_back(api: ClusterClient, kind: Kind) -> None:
    made = WHOLE[kind]
    try:
        stored = api.create(CUSTOM[kind], manifest_of(made))
        assert read(kind, stored) == made
    finally:
        api.delete(Ref(CUSTOM[kind], made.name, "tg-whole" if kind is Kind.COHORT else ""))


@pytest.mark.parametrize("kind", Kind)
def test_every_wrong_value_is_refused_with_its_field(api: ClusterClient, kind: Kind) -> None:
    manifest = manifest_of(WHOLE[kind])
    silent = [
        (spelled(at), value)
        for at, right in nodes(manifest)
        if at[:1] == ("spec",)
        for value in wrong(right)
        if spelled(at) not in refusal(api, kind, spoiled(manifest, at, value))
    ]
    assert silent == []


@pytest.mark.parametrize("kind", Kind)
def test_every_missing_field_is_refused_where_the_model_needs_it(api: ClusterClient, kind: Kind) -> None:
    """And nowhere else: what the model fills in, the API server fills in."""
    manifest = manifest_of(WHOLE[kind])
    for at, _ in nodes(manifest):
        if at[:1] == ("spec",) and isinstance(at[-1], str) and "clauses" not in at:
            less = without(manifest, at)
            said = refusal(api, kind, less)
            assert bool(said) != is_taken(less), (spelled(at), said)
            assert not said or spelled(at[:-1]) in said


@pytest.mark.parametrize("kind", Kind)
def test_every_unknown_field_is_refused_by_name(api: ClusterClient, kind: Kind) -> None:
    manifest = manifest_of(WHOLE[kind])
    for at, value in nodes(manifest):
        if isinstance(value, dict) and at[:1] == ("spec",) and at[-1] not in {"clauses", "allowValues"}:
            assert spelled((*at, UNKNOWN)) in refusal(api, kind, spoiled(manifest, (*at, UNKNOWN), "x"))


def test_a_field_that_is_null_is_a_field_that_is_absent(api: ClusterClient) -> None:
    """People write `until:` with nothing behind it."""
    for kind, made in WHOLE.items():
        manifest = manifest_of(made)
        for at, _ in nodes(manifest):
            if at[:1] == ("spec",) and isinstance(at[-1], str) and "clauses" not in at:
                empty = spoiled(manifest, at, None)
                if is_taken(empty):
                    assert refusal(api, kind, empty) == "", spelled(at)


ACROSS = [
    (licence(), ("spec", "grant", "validTo"), "2001-01-01T00:00:00Z", "spec.grant.validTo"),
    (licence(), ("spec", "grant", "validFrom"), "2001-01-01T00:00:00", "spec.grant.validFrom"),
    (licence(), ("spec", "outputs", "minReviewers"), 6, "spec.outputs.minReviewers"),
    (licence(), ("spec", "title"), "two\nlines", "spec.title"),
    (licence(), ("spec", "purpose", "diseases"), ["MONDO:0007254"], "spec.purpose.diseases"),
    (licence(), ("spec", "purpose", "prohibited"), ["DUO:0000004"], "spec.purpose.prohibited"),
    (licence(), ("spec", "sharing", "noDerivatives"), True, "spec.sharing.noDerivatives"),
    (WHOLE[Kind.LICENCE], ("spec", "grant", "renewal"), "2001-01-01T00:00:00Z", "spec.grant.renewal"),
    (WHOLE[Kind.LICENCE], ("spec", "sharing", "noDerivatives"), True, "spec.sharing.shareAlike"),
    (WHOLE[Kind.LICENCE], ("spec", "outputs", "publicationReview", "required"), False, "publicationReview.noticeDays"),
    (WHOLE[Kind.LICENCE], ("spec", "end", "destroyWithinDays"), None, "spec.end.certificateRequired"),
    (WHOLE[Kind.LICENCE], ("spec", "end", "archiveAllowed"), "allow", "spec.end.archiveAllowed"),
    (grant(), ("spec", "role"), "output-checker", "spec.role"),
    (grant(), ("spec", "scope"), "environment", "spec.project"),
    (grant(role="operator"), ("spec", "project"), "breast-density", "spec.project"),
    (grant(), ("spec", "until"), "2001-01-01T00:00:00Z", "spec.until"),
    (grant(), ("spec", "until"), "2030-13-01T00:00:00Z", "spec.until"),
    (WHOLE[Kind.DATASET], ("spec", "gate", "rules", 0, "allowTags"), ["(0008,0005)"], "spec.gate.rules[0].allowValues"),
    (WHOLE[Kind.DATASET], ("spec", "gate", "rules", 0, "allowValues"), {"x": "y"}, "allowValues"),
    (WHOLE[Kind.DATASET], ("spec", "xnat", "server"), "https://user@host", "spec.xnat.server"),
    (project(), ("metadata", "name"), "two--hyphens", "no double hyphen"),
    (project(), ("metadata", "name"), "a", "2 to 29 characters"),
    (project(), ("metadata", "name"), "a" * 30, "2 to 29 characters"),
    (project(), ("metadata", "name"), "1st", "metadata.name must match"),
    (project(), ("metadata", "name"), "ends-", "metadata.name"),
    (dataset(), ("metadata", "name"), "a" * 64, "metadata.name must match"),
    (project(), ("spec", "resources", "cpus"), 0, "spec.resources.cpus"),
    (project(), ("spec", "datasets"), [], "spec.datasets"),
    (project(), ("spec", "policy", "destinations"), [], "spec.policy.destinations"),
]


@pytest.mark.parametrize(("right", "at", "value", "named"), ACROSS, ids=[f"{spelled(c[1])}={c[2]}" for c in ACROSS])
def test_rules_of_the_model_hold_for_kubectl_too(
    api: ClusterClient, right: AnyResource, at: Path, value: Any, named: str
) -> None:
    kind, bad = Kind(right.kind), spoiled(manifest_of(right), at, value)
    assert refusal(api, kind, manifest_of(right)) == ""
    assert not is_taken(bad)
    assert named in refusal(api, kind, bad)


def test_what_is_fixed_stays_whoever_writes(api: ClusterClient) -> None:
    """Even an administrator of the cluster: the definition says so, not a right."""
    changes = {
        Kind.LICENCE: ("title", "Other terms"),
        Kind.APPROVAL: ("verdict", "refuse"),
        Kind.COHORT: ("version", 2),
    }
    for kind, (field, value) in changes.items():
        stored = api.create(CUSTOM[kind], manifest_of(WHOLE[kind]))
        try:
            with pytest.raises(TidegateError, match="it cannot be changed"):
                api.replace(CUSTOM[kind], spoiled(stored, ("spec", field), value))
            patch = {
                **stored,
                "metadata": {
                    key: stored["metadata"][key] for key in ("name", "namespace") if key in stored["metadata"]
                },
            }
            with pytest.raises(TidegateError, match="it cannot be changed"):
                api.apply(CUSTOM[kind], spoiled(patch, ("spec", field), value), force=True)
        finally:
            api.delete(Ref(CUSTOM[kind], "whole", stored["metadata"].get("namespace", "")))


def test_what_may_change_changes(api: ClusterClient) -> None:
    for made, field, value in ((dataset(fresh("d")), "title", "New"), (project(fresh("p")), "stage", "closing")):
        kind = Kind(made.kind)
        stored = api.create(CUSTOM[kind], manifest_of(made))
        changed = api.replace(CUSTOM[kind], spoiled(stored, ("spec", field), value))
        assert changed["spec"][field] == value
        assert changed["metadata"]["generation"] == 2


def test_a_status_is_written_beside_the_spec_and_checked_too(api: ClusterClient) -> None:
    """Who may write the spec cannot write the status with it, and the other way round."""
    name = fresh("p")
    stored = api.create(CUSTOM[Kind.PROJECT], {**manifest_of(project(name)), "status": {"phase": "deployed"}})
    assert "status" not in stored
    both = spoiled({**stored, "status": status_of(FULL_STATUS)}, ("spec", "title"), "By the way")
    written = api.replace(CUSTOM[Kind.PROJECT], both, subresource="status")
    assert written["spec"]["title"] == "Breast density"
    assert ProjectStatus.model_validate(written["status"]) == FULL_STATUS
    for at, right in nodes({"status": status_of(FULL_STATUS)}):
        if at and not isinstance(right, str | int | float):
            with pytest.raises(TidegateError, match="cluster_invalid"):
                api.rehearsing().replace(CUSTOM[Kind.PROJECT], spoiled(written, at, 7), subresource="status")


def test_people_read_the_table(api_server: Cluster, api: ClusterClient) -> None:
    name = fresh("p")
    stored = api.create(CUSTOM[Kind.PROJECT], manifest_of(project(name)))
    api.replace(CUSTOM[Kind.PROJECT], {**stored, "status": status_of(FULL_STATUS)}, subresource="status")
    header, row = api_server.kubectl("get", "tgp", name).strip().splitlines()
    assert header.split()[:4] == ["NAME", "PHASE", "READY", "NEXT"]
    assert row.split()[:3] == [name, "deployed", "AllDone"]
