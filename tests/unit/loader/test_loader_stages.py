"""The stages of a cohort run apart on one volume, and give what the pipeline of one machine gives."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import model_kit
from cohort_kit import MARKER, Bench, FolderSource, as_bytes, clean_mammogram, contents, planted, source_of
from loader_kit import Jobs, order
from provisioner.domain.loading import MOST_BYTES, Result, Stage, failed_result, read_lines, read_result
from provisioner.loader.archive import patiently
from tidegate.model import TidegateError

ALL = (Stage.PULL, Stage.GATE, Stage.SEAL)


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    return Jobs(tmp_path, source_of(), monkeypatch)


def refused(jobs: Jobs, stage: Stage, **changes: Any) -> str:
    with pytest.raises(TidegateError) as raised:
        jobs.run(stage, **changes)
    return raised.value.code


def test_the_stages_apart_make_the_same_view_as_the_pipeline_of_one_machine(jobs: Jobs, tmp_path: Path) -> None:
    result = jobs.through(*ALL)
    bench = Bench(tmp_path / "one-machine", source_of())
    status = bench.ensure()
    assert contents(jobs.view()) == contents(bench.view())
    assert result.sealed is not None
    assert result.sealed.manifest_sha256 == status.manifest_sha256
    assert (result.sealed.files, result.sealed.refused) == (status.files, status.refused)
    assert [r.detail for r in jobs.records()] == [r.detail for r in bench.records]


def test_what_the_gate_refuses_is_on_no_volume_that_is_mounted(jobs: Jobs) -> None:
    jobs.through(*ALL)
    blobs = [path for path in (jobs.volume / "vault").rglob("*") if path.is_file()]
    assert len(blobs) == 3
    assert not any(MARKER.encode() in path.read_bytes() for path in jobs.volume.rglob("*") if path.is_file())
    assert not any(MARKER in line for line in jobs.said)


@pytest.mark.parametrize("stage", [Stage.GATE, Stage.SEAL, Stage.VAULT, Stage.VERIFY])
def test_a_stage_without_the_one_before_it_refuses_and_reaches_for_nothing(jobs: Jobs, stage: Stage) -> None:
    (jobs.root / "secrets").mkdir()
    (jobs.root / "secrets" / "s3.json").write_text('{"endpoint": "http://127.0.0.1:9", "region": "test"}')
    for name in ("s3-access-key", "s3-secret-key"):
        (jobs.root / "secrets" / name).write_text("x")
    assert refused(jobs, stage) == "COHORT_STAGE_MISSING"
    assert jobs.source.plans == 0


def test_every_stage_again_does_nothing(jobs: Jobs) -> None:
    jobs.through(*ALL)
    before = {p: p.lstat().st_mtime_ns for p in jobs.view().rglob("*")}
    fetched = list(jobs.source.fetched)
    jobs.through(*ALL)
    assert jobs.source.fetched == fetched
    assert jobs.source.plans == 1
    assert {p: p.lstat().st_mtime_ns for p in jobs.view().rglob("*")} == before


def test_a_cohort_larger_than_its_volume_is_refused_before_anything_is_pulled(jobs: Jobs) -> None:
    assert refused(jobs, Stage.PULL, capacity_bytes=32 * 1024**2) == "COHORT_TOO_LARGE"
    assert jobs.source.fetched == []


def test_nothing_left_is_said_and_the_archive_is_asked_again_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FolderSource()
    source.add(planted(clean_mammogram(), ["PN patient"]))
    jobs = Jobs(tmp_path, source, monkeypatch)
    jobs.run(Stage.PULL)
    assert refused(jobs, Stage.GATE) == "COHORT_EMPTY"
    assert refused(jobs, Stage.PULL) == "COHORT_EMPTY", "the same plan is not pulled again"
    source.add(as_bytes(clean_mammogram(7)))
    assert jobs.through(*ALL).sealed is not None


def test_a_blob_that_was_spoiled_between_two_stages_is_pulled_again(jobs: Jobs) -> None:
    jobs.through(Stage.PULL, Stage.GATE)
    blob = next(path for path in (jobs.volume / "vault").rglob("*") if path.is_file())
    blob.chmod(0o600)
    blob.write_bytes(b"spoiled")
    assert refused(jobs, Stage.SEAL) == "VAULT_DAMAGED"
    assert jobs.run(Stage.VERIFY, sealed=jobs.through(*ALL).sealed).code == ""


def test_a_view_that_was_changed_is_found_and_made_anew_to_the_same_digest(jobs: Jobs) -> None:
    sealed = jobs.through(*ALL).sealed
    image = next(jobs.view().rglob("*.dcm"))
    image.chmod(0o600)
    image.write_bytes(b"another image")
    assert refused(jobs, Stage.VERIFY, sealed=sealed) == "COHORT_TAMPERED"
    again = jobs.through(*ALL, fresh=True).sealed
    assert again == sealed
    jobs.run(Stage.VERIFY, sealed=sealed)


def test_a_whole_other_cohort_put_in_its_place_is_not_the_one_the_controller_knows(jobs: Jobs) -> None:
    """The volume's own records agree with each other; the digest that counts is the controller's."""
    sealed = jobs.through(*ALL).sealed
    assert sealed is not None
    told = sealed.model_copy(update={"manifest_sha256": "f" * 64})
    assert refused(jobs, Stage.VERIFY, sealed=told) == "COHORT_TAMPERED"


def test_checking_writes_nothing(jobs: Jobs) -> None:
    """So that it runs on a volume that is mounted read-only."""
    sealed = jobs.through(*ALL).sealed
    before = {p: p.lstat().st_mtime_ns for p in jobs.volume.rglob("*")}
    jobs.run(Stage.VERIFY, sealed=sealed)
    assert {p: p.lstat().st_mtime_ns for p in jobs.volume.rglob("*")} == before


def test_output_has_each_twentieth_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(tmp_path, source_of(120, 0), monkeypatch)
    jobs.run(Stage.PULL)
    pulling = [step["done"] for step in jobs.steps() if step["code"] == "PULLING"]
    assert 20 <= len(pulling) <= 23
    assert pulling == sorted(pulling)


def test_a_result_always_fits_into_a_termination_message() -> None:
    error = TidegateError("X" * 500, "é" * 9000, '"\\' * 9000)
    message = failed_result(error).to_message()
    assert len(message.encode()) <= MOST_BYTES
    found = read_result(message)
    assert found is not None
    assert found.code == "X" * 60


@pytest.mark.parametrize("message", ["", "{", "[]", '{"code": 3}', '{"extra": "x"}', "Traceback"])
def test_a_message_of_another_form_is_no_result(message: str) -> None:
    assert read_result(message) is None


def test_lines_that_are_not_ours_are_passed_over() -> None:
    lines = read_lines('warning: x\n{"step": 3}\n{"step": {"name": "cohort", "state": "running", "since": "2026-01-01T')
    assert lines == ()


def test_the_program_leaves_its_result_where_the_cluster_reads_it(jobs: Jobs, tmp_path: Path) -> None:
    jobs.run(Stage.PULL)
    env = {
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "TIDEGATE_VOLUME": str(jobs.volume),
        "TIDEGATE_RESULT": str(tmp_path / "result.json"),
        "TIDEGATE_ORDER": order().model_dump_json(),
    }
    results = {}
    for stage in ("gate", "seal", "pull-everything"):
        argv = [sys.executable, "-m", "provisioner.loader", stage]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
        found = read_result((tmp_path / "result.json").read_text())
        assert found is not None
        results[stage] = (done.returncode, found)
    assert results["gate"] == (0, Result())
    assert results["seal"][1].sealed is not None
    assert (results["pull-everything"][0], results["pull-everything"][1].code) == (1, "wrong_usage")


def test_a_disk_that_fails_is_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "volume").write_text("a file where the volume should be")
    env = {
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "TIDEGATE_VOLUME": str(tmp_path / "volume"),
        "TIDEGATE_RESULT": str(tmp_path / "result.json"),
        "TIDEGATE_ORDER": order().model_dump_json(),
    }
    argv = [sys.executable, "-m", "provisioner.loader", "gate"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert json.loads((tmp_path / "result.json").read_text())["code"] == "STORE_FAILED"


def test_two_orders_of_the_same_work_are_equal_at_any_time() -> None:
    later = order(now=model_kit.NOW + model_kit.YEAR)
    assert later.digest() == order().digest()
    assert order(fresh=True).digest() != order().digest()


@pytest.mark.parametrize(("refusals", "waits"), [(0, 0), (3, 3)])
def test_the_vault_waits_for_the_network_to_open(refusals: int, waits: int) -> None:
    answers = [TidegateError("OBJECT_STORE_DOWN", "No.")] * refusals
    waited: list[float] = []

    def write() -> None:
        if answers:
            raise answers.pop()

    patiently(write, waited.append)
    assert len(waited) == waits


@pytest.mark.parametrize(("code", "waits"), [("OBJECT_STORE_DOWN", 5), ("OBJECT_STORE_REFUSED", 0)])
def test_the_vault_does_not_wait_for_ever_nor_for_a_refusal(code: str, waits: int) -> None:
    waited: list[float] = []

    def refuse() -> None:
        raise TidegateError(code, "No.")

    with pytest.raises(TidegateError, match=code):
        patiently(refuse, waited.append)
    assert len(waited) == waits
