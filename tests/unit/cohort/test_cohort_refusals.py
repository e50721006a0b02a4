"""Each file that is refused stands in the ledger by code and tag, never by a value, and there is an end to the list."""

from pathlib import Path

import pytest

from cohort_kit import MARKER, Bench, as_bytes, clean_mammogram, source_of
from tidegate.ledger import Event
from tidegate.model import TidegateError


def test_each_refused_file_has_a_record_with_code_and_tag(tmp_path: Path) -> None:
    source = source_of(count=2, refused=2)
    source.add(as_bytes(clean_mammogram(9)), name="lost.dcm")
    source.broken["lost.dcm"] = "XNAT_DIGEST_WRONG"
    bench = Bench(tmp_path, source)
    status = bench.ensure()
    assert {record.event for record in bench.records} == {Event.COHORT_FILE_REFUSED}
    assert {record.subject for record in bench.records} == {"Cohort/breast-density-v1"}
    told = sorted((str(r.detail["code"]), str(r.detail.get("tag", "")), "sha256" in r.detail) for r in bench.records)
    assert told == [("TEXT_PATTERN", "(0010,0010)", True)] * 2 + [("XNAT_DIGEST_WRONG", "", False)]
    assert len(bench.records) == status.refused
    assert MARKER not in str(bench.records)


def test_what_was_not_asked_for_is_no_refusal(tmp_path: Path) -> None:
    source = source_of(count=2, refused=0)
    bench = Bench(tmp_path, source)
    bench.project = bench.project.model_copy(
        update={
            "spec": bench.project.spec.model_copy(
                update={"selection": bench.project.spec.selection.model_copy(update={"subjects": ("s0",)})}
            )
        }
    )
    assert bench.ensure().files == 1
    assert bench.records == []


def test_a_hundred_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    source = source_of(count=1, refused=0)
    for number in range(103):
        source.add(b"", name=f"broken-{number}.dcm")
        source.broken[f"broken-{number}.dcm"] = "XNAT_DIGEST_WRONG"
    bench = Bench(tmp_path, source)
    bench.ensure()
    assert len(bench.records) == 101
    assert bench.records[-1].detail == {"more": 3}


def test_a_cohort_of_which_nothing_is_left_has_its_records_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, source_of(count=0, refused=2))
    for _ in range(3):
        with pytest.raises(TidegateError, match="COHORT_EMPTY"):
            bench.ensure()
    assert len(bench.records) == 2


def test_a_copy_made_again_from_the_vault_repeats_no_record(tmp_path: Path) -> None:
    bench = Bench(tmp_path, source_of())
    bench.pipeline.discard_view(bench.ensure())
    bench.ensure()
    assert len(bench.records) == 1
