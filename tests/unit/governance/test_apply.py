"""`apply` writes all or nothing, binds digests, and only for an officer."""

from pathlib import Path

import pytest

from governance.application.apply import Change, apply
from model_kit import NOW, YEAR, approval, dataset, grant, licence, project
from tidegate.model import ONE_MACHINE, AnyResource, Kind, PersonRef, TidegateError
from tidegate.store import SqliteStore

GWEN = PersonRef(subject="gwen")
OFFICER = grant("gwen", role="governance-officer", person="gwen")
EVERYTHING: tuple[AnyResource, ...] = (grant(), project(), dataset(), licence())


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    store = SqliteStore(tmp_path / "tidegate.db", "governance")
    apply(store, [OFFICER], None, NOW)
    return store


def test_resources_may_stand_in_any_order_and_are_bound_by_digest(store: SqliteStore) -> None:
    changes = apply(store, EVERYTHING, GWEN, NOW)
    assert {done.change for done in changes} == {Change.CREATED}
    stored = store.get(Kind.PROJECT, "breast-density")
    assert stored.spec.datasets[0].digest == store.get(Kind.DATASET, "cbis-ddsm").digest()
    assert store.get(Kind.DATASET, "cbis-ddsm").spec.licence.digest == licence().digest()


@pytest.mark.parametrize(
    ("resources", "code"), [({"profile": "gpu"}, "profile_unknown"), ({"gpu": 1}, "profile_exceeded")]
)
def test_one_machine_has_the_standard_profile_alone(
    store: SqliteStore, resources: dict[str, object], code: str
) -> None:
    before = store.generation()
    with pytest.raises(TidegateError, match=code):
        apply(store, (licence(), dataset(), project(resources=resources)), GWEN, NOW, profiles=ONE_MACHINE)
    assert store.generation() == before
    apply(store, (licence(), dataset(), project(resources=resources)), GWEN, NOW)  # where nothing is known, all may be


def test_applying_again_changes_nothing(store: SqliteStore) -> None:
    apply(store, EVERYTHING, GWEN, NOW)
    before = store.generation()
    assert {done.change for done in apply(store, EVERYTHING, GWEN, NOW)} == {Change.UNCHANGED}
    assert store.generation() == before


def test_a_dry_run_writes_nothing(store: SqliteStore) -> None:
    before = store.generation()
    assert len(apply(store, EVERYTHING, GWEN, NOW, dry_run=True)) == 4
    assert store.generation() == before


@pytest.mark.parametrize(
    ("resources", "code"),
    [
        ((licence(), dataset(licence={"name": "no-such"})), "reference_unknown"),
        ((licence(), dataset(), project(datasets=[{"name": "no-such"}])), "reference_unknown"),
        ((grant(project="no-such"),), "reference_unknown"),
        ((licence(), dataset(licence={"name": "cc-by-3.0", "digest": "0" * 64})), "reference_changed"),
        ((licence(), licence()), "named_twice"),
        ((licence(), dataset(), project(), approval(project())), "not_applicable"),
    ],
    ids=["licence", "dataset", "project", "digest", "twice", "approval"],
)
def test_one_wrong_reference_and_nothing_is_written(
    store: SqliteStore, resources: tuple[AnyResource, ...], code: str
) -> None:
    before = store.generation()
    with pytest.raises(TidegateError) as refused:
        apply(store, resources, GWEN, NOW)
    assert refused.value.code == code
    assert store.generation() == before
    assert store.get(Kind.LICENCE, "cc-by-3.0") is None


def test_other_terms_under_the_name_of_a_licence_are_refused(store: SqliteStore) -> None:
    apply(store, [licence()], GWEN, NOW)
    with pytest.raises(TidegateError, match="resource_immutable"):
        apply(store, [licence(title="Looser terms")], GWEN, NOW)


def test_who_is_no_officer_applies_nothing(store: SqliteStore) -> None:
    for actor, code in ((PersonRef(subject="rosa"), "not_an_officer"), (None, "officer_needed")):
        with pytest.raises(TidegateError) as refused:
            apply(store, EVERYTHING, actor, NOW)
        assert refused.value.code == code
        assert refused.value.exit_code == 3


def test_an_officer_whose_grant_ended_applies_nothing(store: SqliteStore) -> None:
    with pytest.raises(TidegateError, match="not_an_officer"):
        apply(store, EVERYTHING, GWEN, NOW + 2 * YEAR)


def test_without_an_officer_only_environment_grants_may_be_applied(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "tidegate.db", "governance")
    with pytest.raises(TidegateError, match="officer_needed"):
        apply(store, [licence()], None, NOW)
    with pytest.raises(TidegateError, match="officer_needed"):
        apply(store, [OFFICER, licence()], None, NOW)
    apply(store, [OFFICER], None, NOW)
    with pytest.raises(TidegateError, match="officer_needed"):
        apply(store, [grant("cleo", role="output-checker", person="cleo")], None, NOW)


def test_a_second_project_under_a_name_that_is_taken_is_refused_and_the_first_one_stays(store: SqliteStore) -> None:
    apply(store, EVERYTHING, GWEN, NOW)
    before = store.get(Kind.PROJECT, "breast-density")
    with pytest.raises(TidegateError, match="project_name_taken") as refusal:
        apply(store, [project(requester={"subject": "ravi"}, title="Another study")], GWEN, NOW)
    assert "named breast-density already, asked for by rosa" in refusal.value.sentence
    assert store.get(Kind.PROJECT, "breast-density") == before
    (changed,) = apply(store, [project(title="The same study, amended")], GWEN, NOW)
    assert changed.change is Change.CHANGED
