"""From a server's listings to a plan: owners, selections, what stays out, and names meant to do harm."""

from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.domain.transfer import Code
from sample_xnat.server import SampleXnat
from sample_xnat.tree import StoredExperiment, StoredFile, StoredProject, StoredResource, StoredSubject, Tree
from tidegate.model import TidegateError
from tidegate.model.project import Selection
from xnat_kit import (
    ACCOUNT,
    ALIAS,
    ALIAS_SECRET,
    EVERYTHING,
    dataset,
    dicom_bytes,
    one_experiment,
    plan_of,
    pull,
    some_files,
    source,
    tree_of,
)


def served(tree: Tree) -> SampleXnat:
    return SampleXnat(tree, ACCOUNT)


def resource(*names: str, label: str = "DICOM", key: str = "7", count: int | None = None) -> StoredResource:
    files = tuple(StoredFile.of(name, dicom_bytes(name)) for name in names)
    return StoredResource(key, label, files, count)


def archive(*resources: StoredResource, modality: str = "MG") -> Tree:
    return Tree(projects=(StoredProject("BREAST", "Breast"),)) + one_experiment("BREAST", 1, resources, modality)


def shared(tree: Tree, into: str, label: str) -> Tree:
    """The same archive with every experiment and subject shared into another project."""
    subjects = tuple(replace(s, shared={into: f"guest-{s.label}"}) for s in tree.subjects)
    experiments = tuple(replace(e, shared={into: label}) for e in tree.experiments)
    return Tree((*tree.projects, StoredProject(into, into)), subjects, experiments)


def code_for(tree: Tree) -> str:
    """The code with which a plan of this archive is refused."""
    with served(tree) as server, pytest.raises(TidegateError) as refused:
        plan_of(server)
    return refused.value.code


def test_a_shared_experiment_keeps_its_owner_and_takes_the_local_label() -> None:
    """The trap: the listing and the client's own object both say the project it was reached through."""
    with served(shared(tree_of(some_files(2)), "GUEST", "their-name")) as server:
        plan = plan_of(server, project="GUEST")
    assert {(n.owner_project, n.experiment, n.subject) for n in plan.lines} == {
        ("BREAST", "their-name", "guest-client-001")
    }


def test_a_selection_takes_the_subjects_it_names_and_reports_those_not_there() -> None:
    with served(tree_of(some_files(6), subjects=3)) as server:
        plan = plan_of(server, Selection(subjects=("client-002", "client-009")))
    assert {n.subject for n in plan.lines} == {"client-002"}
    assert [(x.where, x.code) for x in plan.left_out] == [("client-009", "SUBJECT_NOT_FOUND")]


@pytest.mark.parametrize(("modality", "taken"), [("MG", 1), ("SR", 1), ("CT", 0)])
def test_a_selection_of_modalities_knows_a_scan_by_its_type_or_its_own_word(modality: str, taken: int) -> None:
    with served(archive(resource("a.dcm"), modality=modality)) as server:
        plan = plan_of(server, Selection(modalities=("MG", "SR")))
    assert len(plan.lines) == taken
    assert [x.code for x in plan.left_out] == ["MODALITY_NOT_SELECTED"] * (1 - taken)


@pytest.mark.parametrize("subject", ["*", "client-*", "client-00?", "%", "[ab]"])
def test_a_wildcard_in_a_selection_is_refused_and_not_sent(subject: str) -> None:
    with served(tree_of(some_files())) as server, pytest.raises(TidegateError) as refused:
        plan_of(server, Selection(subjects=(subject,)))
    assert refused.value.code == "SELECTION_WILDCARD"
    assert not [a for a in server.asked if "subjects" in a.path]


def test_a_resource_that_counts_files_it_does_not_list_is_reported() -> None:
    with served(archive(resource(count=1), resource("a.dcm", key="8"))) as server:
        plan = plan_of(server)
    assert [n.name for n in plan.lines] == ["a.dcm"]
    assert [(x.code, x.files) for x in plan.left_out] == [("CATALOGUE_COUNT_DIFFERS", 1)]


def test_resources_that_are_not_dicom_stay_out_and_are_counted() -> None:
    with served(archive(resource("a.dcm"), resource("a.gif", "b.gif", label="SNAPSHOTS", key="8"))) as server:
        plan = plan_of(server)
    assert [n.name for n in plan.lines] == ["a.dcm"]
    assert [(x.code, x.files) for x in plan.left_out] == [("RESOURCE_NOT_DICOM", 2)]


@pytest.mark.parametrize(("status", "taken"), [("active", 1), ("locked", 1), ("quarantine", 0), ("obsolete", 0)])
def test_a_quarantined_experiment_is_never_taken(status: str, taken: int) -> None:
    tree = archive(resource("a.dcm"))
    held: tuple[StoredExperiment, ...] = tuple(replace(e, status=status) for e in tree.experiments)
    with served(replace(tree, experiments=held)) as server:
        plan = plan_of(server)
    assert len(plan.lines) == taken
    assert [x.code for x in plan.left_out] == ["EXPERIMENT_NOT_LIVE"] * (1 - taken)


HARM = ["../../evil.dcm", "/tmp/evil.dcm", "..", "a/../../evil.dcm", "evil\0.dcm", "evil\n.dcm", "sub/evil.dcm"]


@pytest.mark.parametrize("name", HARM)
def test_a_file_name_that_leads_elsewhere_stops_the_plan(name: str, tmp_path: Path) -> None:
    """Nothing is pulled, so nothing can land outside."""
    with served(archive(resource("good.dcm", name))) as server:
        with pytest.raises(TidegateError) as refused:
            pull(plan_of(server), tmp_path)
        assert server.fetched() == []
    assert refused.value.code == "NAME_UNSAFE"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["../up", "a/b", "*", "", "\0"])
@pytest.mark.parametrize("what", ["subject", "experiment"])
def test_a_label_that_leads_elsewhere_stops_the_plan(label: str, what: str) -> None:
    tree = archive(resource("a.dcm"))
    subjects: tuple[StoredSubject, ...] = tree.subjects
    experiments = tree.experiments
    if what == "subject":
        subjects = tuple(replace(s, label=label) for s in subjects)
    else:
        experiments = tuple(replace(e, label=label) for e in experiments)
    assert code_for(replace(tree, subjects=subjects, experiments=experiments)) == "NAME_UNSAFE"


@pytest.mark.parametrize("names", [("a.dcm", "A.dcm"), ("ß.dcm", "SS.dcm")])
def test_names_that_differ_in_case_alone_stop_the_plan(names: tuple[str, ...]) -> None:
    assert code_for(archive(resource(*names))) == "NAME_TWICE"


def test_the_same_name_in_two_resources_of_a_scan_stops_the_plan() -> None:
    assert code_for(archive(resource("a.dcm"), resource("a.dcm", label="secondary", key="8"))) == "NAME_TWICE"


def test_a_project_that_does_not_exist_is_refused_by_name() -> None:
    with served(tree_of(some_files())) as server, pytest.raises(TidegateError) as refused:
        plan_of(server, project="OTHER")
    assert refused.value.code == Code.XNAT_REFUSED
    assert "OTHER" in refused.value.sentence


def test_two_listings_of_an_unchanged_project_give_the_same_plan() -> None:
    with served(tree_of(some_files(5), subjects=2)) as server:
        assert plan_of(server) == plan_of(server)


def test_an_alias_token_pulls_like_a_password(tmp_path: Path) -> None:
    with served(tree_of(some_files(2))) as server:
        by = source(ALIAS, ALIAS_SECRET)
        plan = by.plan(dataset(server.url), EVERYTHING)
        assert len(pull(plan, tmp_path, by).files) == 2


@pytest.mark.parametrize(
    "address", ["http://elsewhere.example/data/x", "//elsewhere/data/x", "/etc/passwd", "/data/../x"]
)
def test_an_address_in_a_listing_cannot_send_the_login_elsewhere(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's address comes from the server's listing; the session's cookie goes to that server alone."""
    with served(tree_of(some_files(1))) as server:
        honest = type(server.archive)._file_row
        monkeypatch.setattr(type(server.archive), "_file_row", lambda *args: honest(*args) | {"URI": address})
        with pytest.raises(TidegateError) as refused:
            plan_of(server)
    assert refused.value.code == "NAME_UNSAFE"
