"""A pull that is killed, starved or tampered with, and run again, ends where an unbroken one ends."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.adapters.xnat.pull import Meter, Pull
from provisioner.domain.transfer import Code, blob_path
from sample_xnat.server import SampleXnat
from tidegate.model import TidegateError
from xnat_kit import ACCOUNT, NOW, blobs, journal_lines, plan_of, pull, some_files, source, tree_of

FILES = some_files(6)
WHOLE = {hashlib.sha256(data).hexdigest(): data for data in FILES.values()}
TESTS = Path(__file__).parents[2]
POINTS = ["before-fetch", "before-rename", "after-rename", "before-journal", "after-journal"]


@pytest.fixture
def server() -> Iterator[SampleXnat]:
    with SampleXnat(tree_of(FILES, subjects=2), ACCOUNT) as running:
        yield running


def child(kind: str, url: str, place: Path, point: str, nth: int, before: tuple[str, ...] = ()) -> tuple[int, str]:
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    argv = [*before, sys.executable, "-m", "xnat_child", kind, url, str(place), point, str(nth)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_killed_between_any_two_steps_and_run_again_equals_an_unbroken_run(
    server: SampleXnat, tmp_path: Path, point: str, nth: int
) -> None:
    """And nothing that the journal had is fetched again."""
    code, said = child("kill", server.url, tmp_path, point, nth)
    assert code == -signal.SIGKILL, said
    kept = [row for row in journal_lines(tmp_path) if row.endswith("}")]
    assert blobs(tmp_path).items() <= WHOLE.items()
    before = len(server.fetched())
    result = pull(plan_of(server), tmp_path)
    assert blobs(tmp_path) == WHOLE
    assert [f.line.name for f in result.files] == [line.name for line in plan_of(server).lines]
    refetched = server.fetched()[before:]
    assert len(refetched) == len(FILES) - len(kept)
    assert not any(row.split('"uri":"')[1].split('"')[0] in refetched for row in kept)


def test_a_second_run_fetches_and_writes_nothing(server: SampleXnat, tmp_path: Path) -> None:
    plan = plan_of(server)
    first = pull(plan, tmp_path)
    written = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    asked = len(server.fetched())
    assert pull(plan, tmp_path) == first
    assert len(server.fetched()) == asked
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == written


@pytest.mark.parametrize("harm", ["flip", "cut", "delete"])
def test_a_blob_that_was_harmed_is_fetched_again(server: SampleXnat, tmp_path: Path, harm: str) -> None:
    """The journal's word is not enough: the bytes in the vault must be right too."""
    plan = plan_of(server)
    pull(plan, tmp_path)
    victim = blob_path(tmp_path / "vault", next(iter(WHOLE)))
    data = victim.read_bytes()
    victim.unlink()
    if harm != "delete":
        victim.write_bytes(data[:-1] + (b"" if harm == "cut" else b"?"))
    asked = len(server.fetched())
    pull(plan, tmp_path)
    assert blobs(tmp_path) == WHOLE
    assert len(server.fetched()) == asked + 1


@pytest.mark.parametrize("torn", [b'{"uri": "/data', b"\xff\xfe", b"{}\n", b"null\n"])
def test_a_torn_journal_line_costs_at_most_that_file(server: SampleXnat, tmp_path: Path, torn: bytes) -> None:
    plan = plan_of(server)
    pull(plan, tmp_path)
    with (tmp_path / "pull" / "journal.jsonl").open("ab") as journal:
        journal.write(torn)
    asked = len(server.fetched())
    blob_path(tmp_path / "vault", next(iter(WHOLE))).unlink()
    pull(plan, tmp_path)
    pull(plan, tmp_path)
    assert blobs(tmp_path) == WHOLE
    assert len(server.fetched()) == asked + 1


def test_two_pulls_of_one_folder_do_not_run_at_once(server: SampleXnat, tmp_path: Path) -> None:
    plan = plan_of(server)
    codes = []

    def meddle(_progress: object) -> None:
        with pytest.raises(TidegateError) as refused:
            pull(plan, tmp_path)
        codes.append(refused.value.code)

    pull(plan, tmp_path, progress=meddle)
    assert set(codes) == {"PULL_RUNNING"}


def test_a_second_pull_leaves_the_half_files_of_the_first_alone(server: SampleXnat, tmp_path: Path) -> None:
    plan, kept = plan_of(server), []

    def meddle(name: str) -> None:
        if name == "before-rename":
            parts = sorted((tmp_path / "pull" / "parts").iterdir())
            with pytest.raises(TidegateError):
                pull(plan, tmp_path)
            kept.append(sorted((tmp_path / "pull" / "parts").iterdir()) == parts)

    pull(plan, tmp_path, source(workers=1, step=meddle))
    assert kept
    assert all(kept)


def test_a_disk_without_enough_room_is_refused_before_anything_is_fetched(server: SampleXnat, tmp_path: Path) -> None:
    plan = plan_of(server)

    def never(*_: object) -> None:
        pytest.fail("fetched")

    run = Pull(plan, tmp_path / "pull", tmp_path / "vault", NOW, 2, lambda: 0.0, free=lambda _place: 1000)
    with pytest.raises(TidegateError) as stopped:
        run.run(never, Meter(), lambda _progress: None)  # type: ignore[arg-type]
    assert stopped.value.code == Code.DISK_FULL
    assert "24,000" in stopped.value.sentence


@pytest.mark.parametrize("point", ["before-fetch", "before-rename"])
def test_a_disk_that_fills_up_stops_the_pull_and_it_goes_on_when_there_is_room(
    server: SampleXnat, tmp_path: Path, point: str
) -> None:
    """On a real small disk: a tmpfs in a mount namespace of the test's own, filled to the last byte midway."""
    mount = f'mount -t tmpfs -o size=24m tidegate-test {tmp_path} && exec "$@"'
    before = ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh")
    code, said = child("starve", server.url, tmp_path, point, 3, before)
    assert code == 0, said
    stopped, then = said.splitlines()
    assert stopped.startswith("DISK_FULL ")
    assert int(stopped.split()[1]) < len(FILES)
    assert then == "then 6 6 6"


def test_a_file_the_server_changed_since_is_fetched_again(server: SampleXnat, tmp_path: Path) -> None:
    """An entry vouches for a file as it was listed; a new digest is a new file."""
    plan = plan_of(server)
    pull(plan, tmp_path)
    changed = replace(plan.lines[0], md5="0" * 32)
    with pytest.raises(TidegateError) as stopped:
        pull(replace(plan, lines=(changed, *plan.lines[1:])), tmp_path)
    assert stopped.value.code == Code.DIGEST_WRONG
