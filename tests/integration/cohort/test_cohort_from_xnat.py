"""The whole way on one machine: the sample XNAT, the real xnat client, the gate, the vault and a sealed view."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

import model_kit
import xnat_kit
from cohort_kit import Bench, cbis_dataset, contents, snapshot
from sample_xnat import collect
from sample_xnat.server import SampleXnat
from tidegate.model import Dataset, GateRules, TidegateError
from tidegate.model.dataset import XnatSource


def served(dataset: Dataset, server: SampleXnat, gate: GateRules | None = None) -> Dataset:
    source = XnatSource(server=server.url, project=dataset.spec.xnat.project)
    spec = dataset.spec.model_copy(update={"xnat": source, "gate": gate or dataset.spec.gate})
    return dataset.model_copy(update={"spec": spec})


@pytest.fixture(scope="module")
def server() -> Iterator[SampleXnat]:
    with SampleXnat(collect.mammograms(), xnat_kit.ACCOUNT) as running:
        yield running


def bench_on(state: Path, dataset: Dataset) -> Bench:
    return Bench(state, xnat_kit.source(), datasets=(dataset,), project=model_kit.project())


def test_eight_mammograms_go_from_xnat_to_a_sealed_view(server: SampleXnat, tmp_path: Path) -> None:
    bench = bench_on(tmp_path, served(cbis_dataset(), server))
    status = bench.ensure()
    assert (status.files, status.refused) == (8, 0)
    bench.pipeline.verify_view(status)
    images = sorted(bench.view().rglob("*.dcm"))
    assert len(images) == 8
    assert dcmread(images[0], stop_before_pixels=True).Modality == "MG"
    before = snapshot(tmp_path)
    assert bench.ensure() == status
    assert snapshot(tmp_path) == before


def test_without_the_reviewed_rule_none_of_them_comes_in(server: SampleXnat, tmp_path: Path) -> None:
    bench = bench_on(tmp_path, served(cbis_dataset(), server, GateRules()))
    with pytest.raises(TidegateError) as raised:
        bench.ensure()
    assert raised.value.code == "COHORT_EMPTY"
    assert "for 8 of them, is SOP_CLASS_NOT_ALLOWED at (0008,0016)" in raised.value.sentence
    assert bench.blobs() == set()


def test_a_stop_in_the_middle_of_the_pull_goes_on_to_the_same_cohort(server: SampleXnat, tmp_path: Path) -> None:
    dataset = served(cbis_dataset(), server)
    whole = bench_on(tmp_path / "whole", dataset)
    whole.ensure()
    asked = iter([True] * 6 + [False])
    cut = Bench(
        tmp_path / "cut",
        xnat_kit.source(workers=1),
        datasets=(dataset,),
        may_continue=lambda *_args: next(asked, True),
    )
    with pytest.raises(TidegateError, match="COHORT_STOPPED"):
        cut.ensure()
    assert not cut.view().exists()
    cut.ensure()
    assert contents(cut.view()) == contents(whole.view())


def test_a_wrong_password_is_said_as_it_is(server: SampleXnat, tmp_path: Path) -> None:
    bench = Bench(tmp_path, xnat_kit.source(password="wrong"), datasets=(served(cbis_dataset(), server),))
    with pytest.raises(TidegateError) as raised:
        bench.ensure()
    assert raised.value.code == "XNAT_LOGIN_REFUSED"
    assert not bench.view().exists()
