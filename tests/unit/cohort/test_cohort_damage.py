"""What was changed behind our back: found before it is mounted, and made again from the vault or the source."""

import json
from pathlib import Path

import pytest

from cohort_kit import Bench, contents, source_of
from provisioner.adapters import view_files
from tampering_kit import TAMPERINGS, first_image, flip, open_up
from tidegate.model import TidegateError


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, source_of())


def test_an_untouched_view_is_whole(bench: Bench) -> None:
    bench.pipeline.verify_view(bench.ensure())


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_changed_view_is_found_and_made_again(name: str, bench: Bench) -> None:
    status = bench.ensure()
    before, fetched = contents(bench.view()), list(bench.source.fetched)
    TAMPERINGS[name](bench.view())
    with pytest.raises(TidegateError) as raised:
        bench.pipeline.verify_view(status)
    assert raised.value.code == "COHORT_TAMPERED"
    bench.pipeline.discard_view(status)
    assert not bench.pipeline.stands(status)
    assert bench.ensure() == status
    bench.pipeline.verify_view(status)
    assert contents(bench.view()) == before
    assert bench.source.fetched == fetched


def test_a_status_with_another_digest_is_not_believed(bench: Bench) -> None:
    status = bench.ensure()
    with pytest.raises(TidegateError, match="COHORT_TAMPERED"):
        bench.pipeline.verify_view(status.model_copy(update={"manifest_sha256": "0" * 64}))


def test_a_manifest_changed_together_with_its_files_is_found(bench: Bench) -> None:
    """The digest in the seal is what counts, not what the view says of itself."""
    status = bench.ensure()
    flip(bench.view())
    rows = json.loads((bench.view() / "manifest.json").read_bytes())
    rows[0]["sha256"] = view_files.hash_of(first_image(bench.view()))
    open_up(bench.view() / "manifest.json").write_text(json.dumps(rows, sort_keys=True, separators=(",", ":")))
    with pytest.raises(TidegateError, match="COHORT_TAMPERED"):
        bench.pipeline.verify_view(status)


@pytest.mark.parametrize("how", ["flipped", "gone"])
def test_a_spoiled_blob_is_never_shown_and_is_pulled_again(how: str, bench: Bench) -> None:
    status = bench.ensure()
    bench.pipeline.discard_view(status)
    blob = min(path for path in (bench.state / "vault").rglob("*") if path.is_file())
    blob.chmod(0o600)
    blob.unlink() if how == "gone" else blob.write_bytes(b"x" * blob.stat().st_size)
    with pytest.raises(TidegateError) as raised:
        bench.ensure()
    assert raised.value.code == "VAULT_DAMAGED"
    assert not bench.view().exists()
    assert bench.ensure() == status
    bench.pipeline.verify_view(status)


def test_a_source_that_changed_after_the_seal_cannot_slip_other_files_in(bench: Bench) -> None:
    """The blob is lost and XNAT now holds something else: the sealed version is not made from it."""
    status = bench.ensure()
    bench.pipeline.discard_view(status)
    for blob in (path for path in (bench.state / "vault").rglob("*") if path.is_file()):
        blob.unlink()
    bench.source.files.popitem()
    key = next(iter(bench.source.files))
    bench.source.files[key] = bench.source.files[key].replace(b"28.5", b"29.5")
    codes = []
    for _ in range(3):
        with pytest.raises(TidegateError) as raised:
            bench.ensure()
        codes.append(raised.value.code)
    assert codes[-1] == "COHORT_CHANGED"
    assert not bench.view().exists()


@pytest.mark.parametrize("name", ["sealed.json", "gathered.json"])
def test_a_damaged_record_is_not_guessed_at(name: str, bench: Bench) -> None:
    status = bench.ensure()
    record = bench.state / "cohorts" / "breast-density" / ".v1" / name
    record.write_text(record.read_text()[:40])
    with pytest.raises(TidegateError, match="COHORT_RECORD_DAMAGED"):
        bench.pipeline.verify_view(status)


def test_only_a_view_can_be_discarded(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    status = bench.ensure()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with pytest.raises(TidegateError, match="COHORT_PATH"):
        bench.pipeline.discard_view(status.model_copy(update={"path": str(elsewhere)}))
    assert elsewhere.exists()


@pytest.mark.parametrize("at", range(1, 12))
def test_a_full_disk_at_any_file_leaves_no_half_view_and_goes_on_later(
    at: int, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, count = view_files._create, iter(range(1, 1000))

    def full(path: Path, mode: int) -> int:
        if next(count) >= at:
            raise OSError(28, "No space left on device")
        return create(path, mode)

    monkeypatch.setattr(view_files, "_create", full)
    with pytest.raises(TidegateError) as raised:
        bench.ensure()
    assert raised.value.code == "DISK_FULL"
    assert bench.shelf.note("breast-density", 1, "sealed.json") is None
    monkeypatch.undo()
    fetched = len(bench.source.fetched)
    bench.pipeline.verify_view(bench.ensure())
    assert len([name for name in bench.source.fetched[fetched:] if not name.startswith("named")]) in {0, 3}
    assert not list((bench.state / "cohorts").rglob("*.part"))
    assert not list((bench.state / "cohorts").rglob("view-*"))
