"""The sharing trap: XNAT shows another project's experiment in ours, and its files stand under its owner's licence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import model_kit
import xnat_kit
from cohort_kit import Bench, as_bytes, clean_mammogram
from provisioner.domain.selection import select
from sample_xnat.server import SampleXnat
from sample_xnat.tree import StoredFile, StoredProject, StoredResource, Tree
from tidegate.model import Dataset
from tidegate.model.project import Selection

OURS, THEIRS = "OURS", "THEIRS"
SAME, OTHER = "cc-by-3.0", "research-only"


def one(project: str, number: int) -> Tree:
    file = StoredFile.of(f"{project}.dcm", as_bytes(clean_mammogram(number)))
    return xnat_kit.one_experiment(project, number, (StoredResource(f"{number}01", "DICOM", (file,)),))


def archive() -> Tree:
    """One experiment of ours, and one of theirs that is shared with us."""
    projects = Tree(projects=(StoredProject(OURS, "Ours"), StoredProject(THEIRS, "Theirs")))
    theirs = one(THEIRS, 2)
    shared = Tree(
        subjects=tuple(replace(s, shared={OURS: "guest"}) for s in theirs.subjects),
        experiments=tuple(replace(e, shared={OURS: "guest-visit"}) for e in theirs.experiments),
    )
    return projects + one(OURS, 1) + shared


@pytest.fixture(scope="module")
def server() -> Iterator[SampleXnat]:
    with SampleXnat(archive(), xnat_kit.ACCOUNT) as running:
        yield running


def data(server: SampleXnat, project: str, licence: str = SAME, digest: str | None = None) -> Dataset:
    source = {"server": server.url, "project": project}
    return model_kit.dataset(project.lower(), xnat=source, licence={"name": licence, "digest": digest})


def bench_of(state: Path, *datasets: Dataset) -> Bench:
    return Bench(state, xnat_kit.source(), datasets=datasets)


def refused(bench: Bench) -> list[str]:
    return [str(record.detail["code"]) for record in bench.records]


def test_a_shared_experiment_of_an_owner_nobody_registered_is_refused(server: SampleXnat, tmp_path: Path) -> None:
    bench = bench_of(tmp_path, data(server, OURS))
    status = bench.ensure()
    assert (status.files, status.refused) == (1, 1)
    assert refused(bench) == ["OWNER_NOT_LICENSED"]
    assert len(bench.blobs()) == 1, "not even fetched"


def test_under_an_equal_licence_it_comes_through_both_doors(server: SampleXnat, tmp_path: Path) -> None:
    bench = bench_of(tmp_path, data(server, OURS), data(server, THEIRS))
    assert bench.ensure().files == 3
    assert refused(bench) == []
    assert len(bench.blobs()) == 2


@pytest.mark.parametrize("other", [{"licence": OTHER}, {"digest": "0" * 64}], ids=["another name", "other terms"])
def test_under_another_licence_it_comes_through_its_owners_door_alone(
    server: SampleXnat, tmp_path: Path, other: dict[str, str]
) -> None:
    """Else the owner's stricter terms would be lost on the way through our project."""
    bench = bench_of(
        tmp_path, data(server, OURS, digest="1" * 64), data(server, THEIRS, **{"digest": "1" * 64} | other)
    )
    assert bench.ensure().files == 2
    assert refused(bench) == ["OWNER_NOT_LICENSED"]
    assert not list((bench.view() / "projects" / OURS).rglob("guest-visit"))
    assert list((bench.view() / "projects" / THEIRS).rglob("*.dcm"))


def test_the_owner_on_another_server_is_another_owner(server: SampleXnat) -> None:
    """A data set of an XNAT project of the same name elsewhere says nothing of this one."""
    ours, theirs = data(server, OURS), data(server, THEIRS)
    plan = xnat_kit.source().plan(ours, Selection())
    elsewhere = model_kit.dataset("elsewhere", xnat={"server": "http://127.0.0.1:1", "project": THEIRS})
    assert len(select(plan, Selection(), ours, (ours, elsewhere)).not_licensed) == 1
    assert len(select(plan, Selection(), ours, (ours, theirs)).not_licensed) == 0


def test_two_licences_for_one_owner_are_no_equal_licence(server: SampleXnat) -> None:
    """Nobody can say which of them the shared file stands under."""
    ours, theirs = data(server, OURS), data(server, THEIRS)
    stricter = model_kit.dataset("stricter", xnat=theirs.spec.xnat, licence={"name": OTHER})
    plan = xnat_kit.source().plan(ours, Selection())
    assert len(select(plan, Selection(), ours, (ours, theirs, stricter)).not_licensed) == 1
