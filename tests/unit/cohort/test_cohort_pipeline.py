"""From a plan to a sealed view: what is in it, what stays out, and that a second run writes nothing."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

import model_kit
from cohort_kit import (
    MARKER,
    NOW,
    Bench,
    FolderSource,
    as_bytes,
    clean_mammogram,
    planted,
    snapshot,
    source_of,
)
from provisioner.adapters import view_files
from provisioner.domain.manifest import hashed
from provisioner.domain.plan import LeftOut
from tidegate.model import Project, StepState, TidegateError
from tidegate.model.project import Selection


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, source_of())


def refused(bench: Bench, code: str) -> TidegateError:
    with pytest.raises(TidegateError) as raised:
        bench.ensure()
    assert raised.value.code == code
    return raised.value


def selecting(**selection: Any) -> Project:
    return model_kit.project(selection=Selection(**selection))


def test_a_cohort_holds_what_passed_and_counts_what_did_not(bench: Bench) -> None:
    status = bench.ensure()
    assert (status.files, status.refused, status.version) == (3, 1, 1)
    assert status.path == str(bench.view())
    assert status.sealed_at == NOW
    images = sorted(str(path.relative_to(bench.view())) for path in bench.view().rglob("*.dcm"))
    assert images == [
        f"projects/CBIS-DDSM/experiments/e{n}/SCANS/1/2.25.{30000000000000000000000000000000001000 + n}.dcm"
        for n in range(3)
    ]
    assert bench.report()["out"] == [{"code": "TEXT_PATTERN", "files": 1, "tag": "(0010,0010)"}]


def test_the_manifest_is_a_row_a_file_and_its_hash_is_the_digest(bench: Bench) -> None:
    status = bench.ensure()
    manifest = (bench.view() / "manifest.json").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == status.manifest_sha256
    rows = json.loads(manifest)
    for row in rows:
        content = (bench.view() / row["path"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (row["sha256"], row["size"])
        assert (row["dataset"], row["licence"], row["patient_id"]) == ("cbis-ddsm", "cc-by-3.0", "sub-00a1")
    assert parquet.read_table(bench.view() / "manifest.parquet").to_pylist() == rows


def test_the_pages_say_what_it_is_and_whom_to_thank(bench: Bench) -> None:
    status = bench.ensure()
    assert "CBIS-DDSM, CC BY 3.0." in (bench.view() / "ATTRIBUTION.md").read_text()
    readme = (bench.view() / "README.md").read_text()
    assert status.manifest_sha256 in readme
    assert "1 files stayed out" in readme


def test_no_value_of_a_refused_file_is_anywhere(bench: Bench) -> None:
    """Neither in the view, nor in the records, nor in the vault, nor in what the waiting person read."""
    bench.ensure()
    for path in bench.state.rglob("*"):
        if path.is_file():
            assert b"Quixworth" not in path.read_bytes(), path
    assert MARKER not in repr(bench.steps)


def test_a_view_is_read_only_and_shares_no_file_with_the_vault(bench: Bench) -> None:
    """Not even as a hard link, whose count would tell that another project has the image."""
    bench.ensure()
    for path in bench.view().rglob("*"):
        info = path.lstat()
        assert info.st_mode & 0o222 == 0, path
        assert path.is_dir() or info.st_nlink == 1
    vault = {path.stat().st_ino for path in (bench.state / "vault").rglob("*")}
    assert not vault & {path.stat().st_ino for path in bench.view().rglob("*")}


def test_others_on_the_machine_cannot_reach_vault_records_or_views(bench: Bench) -> None:
    bench.ensure()
    for name in ("vault", "cohorts", "packs"):
        assert (bench.state / name).stat().st_mode & 0o077 == 0


def test_a_second_run_writes_nothing_and_asks_the_source_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bench.ensure()
    before, plans = snapshot(bench.state), bench.source.plans
    monkeypatch.setattr(view_files, "_create", lambda *_args: pytest.fail("a file was written"))
    assert bench.ensure() == first
    assert snapshot(bench.state) == before
    assert bench.source.plans == plans


def test_the_same_files_give_the_same_digest_anywhere(tmp_path: Path) -> None:
    digests = {Bench(tmp_path / name, source_of()).ensure().manifest_sha256 for name in ("a", "b")}
    assert len(digests) == 1


def test_steps_tell_the_waiting_person_how_far_it_is(bench: Bench) -> None:
    bench.ensure()
    stages = list(dict.fromkeys(step.code for step in bench.steps))
    assert stages == ["PLANNING", "PULLING", "CHECKING", "SEALING", "SEALED"]
    assert bench.steps[-1].state is StepState.DONE
    assert all(step.done <= step.total for step in bench.steps)
    assert {step.name for step in bench.steps} == {"cohort"}


def test_a_refused_pull_is_counted(bench: Bench) -> None:
    bench.source.broken = {"0.dcm": "DIGEST_MISSING"}
    assert bench.ensure().refused == 2
    assert {"code": "DIGEST_MISSING", "files": 1} in bench.report()["out"]


def test_what_was_left_out_of_the_plan_is_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = bench.source.plan
    monkeypatch.setattr(
        bench.source, "plan", lambda *args: replace(plan(*args), left_out=(LeftOut("e9", "RESOURCE_EMPTY", 2),))
    )
    assert bench.ensure().refused == 3
    assert {"code": "RESOURCE_EMPTY", "files": 2} in bench.report()["out"]


def test_only_the_subjects_asked_for_are_pulled(bench: Bench) -> None:
    bench.project = selecting(subjects=("s0", "s2", "nobody"))
    assert bench.ensure(project=bench.project).files == 2
    assert "1.dcm" not in bench.source.fetched
    assert {"code": "SUBJECT_NOT_FOUND", "files": 1} in bench.report()["out"]


def test_only_the_modalities_asked_for_are_shown(bench: Bench) -> None:
    bench.source.add(as_bytes(clean_mammogram(9, Modality="CT")), name="ct.dcm")
    bench.project = selecting(modalities=("MG",))
    assert bench.ensure(project=bench.project).files == 3
    assert {"code": "NOT_SELECTED", "files": 1} in bench.report()["out"]
    assert len(bench.blobs()) == 3


def test_a_shared_experiment_of_an_owner_without_licence_here_is_refused(bench: Bench) -> None:
    bench.source.owner = {"e2": "ANOTHER-PROJECT"}
    assert bench.ensure().files == 2
    assert {"code": "OWNER_NOT_LICENSED", "files": 1} in bench.report()["out"]
    assert "2.dcm" not in bench.source.fetched


def test_two_images_of_one_uid_are_not_both_shown(bench: Bench) -> None:
    bench.source.add(as_bytes(clean_mammogram(0, KVP="31")), subject="s0", experiment="e0", name="again.dcm")
    assert bench.ensure().files == 3
    assert {"code": "DUPLICATE_UID", "files": 1, "tag": "(0008,0018)"} in bench.report()["out"]


@pytest.mark.parametrize("label", ["../../up", "Zebulon Quixworth", "a/b", "", "..", ".hidden", "x" * 200, "a\nb"])
def test_a_label_that_is_no_plain_name_becomes_a_stand_in(label: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, FolderSource())
    bench.source.add(as_bytes(clean_mammogram()), experiment=label, scan=label)
    bench.ensure()
    (image,) = bench.view().rglob("*.dcm")
    parts = image.relative_to(bench.view()).parts
    assert parts[:2] == ("projects", "CBIS-DDSM")
    assert parts[3].startswith("label-")
    assert parts[5].startswith("label-")


def test_a_cohort_of_refused_files_alone_is_no_cohort(tmp_path: Path) -> None:
    bench = Bench(tmp_path, source_of(0, refused=3))
    bench.source.broken = {"named-1.dcm": "DIGEST_MISSING"}
    error = refused(bench, "COHORT_EMPTY")
    assert "3 files" in error.sentence
    assert "TEXT_PATTERN at (0010,0010)" in error.sentence
    assert not bench.view().exists()
    assert bench.blobs() == set()


def test_an_empty_cohort_is_not_pulled_again_while_nothing_changed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, source_of(0, refused=2))
    first = refused(bench, "COHORT_EMPTY")
    fetched = len(bench.source.fetched)
    assert refused(bench, "COHORT_EMPTY").sentence == first.sentence
    assert len(bench.source.fetched) == fetched
    bench.source.add(as_bytes(clean_mammogram()))
    assert bench.ensure().files == 1


def test_an_archive_without_files_says_so(tmp_path: Path) -> None:
    assert "hold no file" in refused(Bench(tmp_path, FolderSource()), "COHORT_EMPTY").sentence


@pytest.mark.parametrize("after", range(12))
def test_a_licence_that_ends_meanwhile_stops_it_and_seals_nothing(after: int, tmp_path: Path) -> None:
    asked = []

    def may_continue(_project: Project, _now: datetime) -> bool:
        asked.append(1)
        return len(asked) <= after

    bench = Bench(tmp_path, source_of(), may_continue=may_continue)
    refused(bench, "COHORT_STOPPED")
    assert not bench.view().exists()
    assert bench.shelf.note(bench.project.name, 1, "sealed.json") is None


def test_after_a_stop_it_goes_on_and_pulls_nothing_twice(tmp_path: Path) -> None:
    calls = iter([True] * 7 + [False])
    bench = Bench(tmp_path, source_of(), may_continue=lambda *_args: next(calls, True))
    refused(bench, "COHORT_STOPPED")
    bench.ensure()
    assert len(bench.source.fetched) == len(set(bench.source.fetched)) == 4


def test_a_sealed_version_never_changes(bench: Bench) -> None:
    bench.ensure()
    before = snapshot(bench.state)
    bench.project = selecting(subjects=("s0",))
    refused(bench, "COHORT_CHANGED")
    assert snapshot(bench.state) == before
    assert bench.ensure(version=2).files == 1
    assert bench.ensure(version=2).version == 2


def test_a_changed_gate_rule_asks_for_a_new_version(bench: Bench) -> None:
    bench.ensure()
    spec = model_kit.dataset().spec.model_dump() | {"title": "Another"}
    bench.datasets = (model_kit.dataset(**spec),)
    refused(bench, "COHORT_CHANGED")


def test_a_second_project_reuses_the_blobs(bench: Bench) -> None:
    bench.ensure()
    other = Bench(bench.state, bench.source, project=model_kit.project("other"))
    fetched = [name for name in bench.source.fetched if not name.startswith("named")]
    other.ensure()
    assert [name for name in bench.source.fetched if not name.startswith("named")] == fetched
    assert len(bench.blobs()) == 3


def test_what_one_project_may_not_see_stays_for_the_one_that_may(tmp_path: Path) -> None:
    """A refusal takes the bytes out of the vault only where no other cohort was allowed them."""
    source = FolderSource()
    for number in (1, 2):
        source.add(as_bytes(clean_mammogram(number, Modality=("MG", "CT")[number - 1])))
    both = Bench(tmp_path, source)
    both.ensure()
    project = model_kit.project("only-mg", selection=Selection(modalities=("MG",)))
    Bench(tmp_path, source, project=project).ensure()
    both.pipeline.verify_view(both.ensure())
    assert len(both.blobs()) == 2


def test_the_pack_names_identifiers_by_salted_hash_alone(bench: Bench) -> None:
    status = bench.ensure()
    path = bench.state / "packs" / "breast-density.json"
    pack = json.loads(path.read_bytes())
    assert path.stat().st_mode & 0o777 == 0o600
    assert (pack["project"], pack["version"], pack["manifest_sha256"]) == ("breast-density", 1, status.manifest_sha256)
    for text in (
        "sub-00a1",
        " SUB-00A1 ",
        "2.25.30000000000000000000000000000000001000",
        "2.25.300000000000000000000000000000000071",
        "0.dcm",
        "2.25.30000000000000000000000000000000001001.dcm",
    ):
        assert hashed(pack["salt"], text) in pack["ids"]
    assert hashed(pack["salt"], "sub-00a2") not in pack["ids"]
    assert hashed("0" * 64, "sub-00a1") not in pack["ids"]
    assert set(pack["file_sha256"]) == bench.blobs()
    assert b"sub-00a1" not in path.read_bytes()


def test_hashes_of_two_projects_cannot_be_compared(bench: Bench) -> None:
    bench.ensure()
    Bench(bench.state, bench.source, project=model_kit.project("other")).ensure()
    packs = [json.loads(path.read_bytes()) for path in (bench.state / "packs").iterdir()]
    assert not set(packs[0]["ids"]) & set(packs[1]["ids"])


def test_a_planted_link_at_the_place_of_the_view_is_not_followed(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "precious").write_text("stays")
    (bench.state / "cohorts" / "breast-density").mkdir(parents=True)
    bench.view().symlink_to(outside)
    bench.ensure()
    assert not bench.view().is_symlink()
    assert (outside / "precious").read_text() == "stays"


def test_names_in_two_places_of_one_file_count_once_as_a_file_and_twice_as_reasons(tmp_path: Path) -> None:
    bench = Bench(tmp_path, source_of(1, refused=0))
    bench.source.add(planted(clean_mammogram(7), ["PN patient", "SH station"]))
    assert bench.ensure().refused == 1
    assert len(bench.report()["reasons"]) == 2
