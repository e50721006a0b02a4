"""Folders on the real file system: owners, modes, what a researcher may have put there, and deletion."""

import json
import os
import stat
from pathlib import Path

import pytest

from model_kit import NOW
from provisioner.adapters.embedded.erase import erase_tree, forget_cohort
from provisioner.adapters.embedded.folders import EmbeddedFolders
from tidegate.model import TidegateError
from tidegate.store import SqliteStore

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "tidegate.db", "provisioner")


@pytest.fixture
def folders(tmp_path: Path, store: SqliteStore) -> EmbeddedFolders:
    return EmbeddedFolders(tmp_path, store.host_id)


def test_each_folder_has_its_owner_and_mode(tmp_path: Path, store: SqliteStore, folders: EmbeddedFolders) -> None:
    """A plain user cannot give folders away; the modes hold all the same."""
    folders.make("p1", ["rosa"])
    group, kernel = store.host_id("project/p1"), store.host_id("kernel/rosa/p1")
    session = store.host_id("session/rosa/p1")
    expected = {
        "homes/p1/rosa": (0o2770, kernel, group),
        "sockets/p1/rosa": (0o2770, kernel, group),
        "shared/p1": (0o2770, 0, group),
        "private/p1/rosa": (0o700, session, group),
    }
    for name, (mode, uid, gid) in expected.items():
        found = (tmp_path / name).stat()
        assert stat.S_IMODE(found.st_mode) == mode, name
        assert (found.st_uid, found.st_gid) == ((uid, gid) if IS_ROOT else (os.geteuid(), os.getegid())), name
    assert stat.S_IMODE((tmp_path / "homes" / "p1").stat().st_mode) == 0o700


def test_as_a_plain_user_nothing_is_given_away(
    tmp_path: Path, folders: EmbeddedFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    folders.make("p1", ["rosa"])
    found = (tmp_path / "homes/p1/rosa").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (os.getuid(), 0o2770)


def test_preparing_again_mends_the_folder_and_leaves_its_content(tmp_path: Path, folders: EmbeddedFolders) -> None:
    folders.make("p1", ["rosa"])
    home = tmp_path / "homes/p1/rosa"
    (home / "notes.txt").write_text("mine")
    (home / "notes.txt").chmod(0o600)
    home.chmod(0o777)
    folders.make("p1", ["rosa"])
    assert stat.S_IMODE(home.stat().st_mode) == 0o2770
    assert stat.S_IMODE((home / "notes.txt").stat().st_mode) == 0o600


def test_a_link_in_the_place_of_a_home_is_refused_and_its_target_untouched(
    tmp_path: Path, folders: EmbeddedFolders
) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o755)
    (tmp_path / "homes/p1").mkdir(parents=True)
    (tmp_path / "homes/p1/rosa").symlink_to(target)
    with pytest.raises(TidegateError) as refusal:
        folders.make("p1", ["rosa"])
    assert refusal.value.code == "FOLDER_FAILED"
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


def test_erasing_takes_all_of_one_project_and_nothing_of_another(tmp_path: Path, folders: EmbeddedFolders) -> None:
    folders.make("p1", ["rosa"])
    folders.make("p2", ["ravi"])
    (tmp_path / "homes/p1/rosa/deep/er").mkdir(parents=True)
    (tmp_path / "homes/p1/rosa/deep").chmod(0)
    (tmp_path / "homes/p1/rosa/way-out").symlink_to(tmp_path / "homes/p2/ravi")
    (tmp_path / "homes/p2/ravi/notes.txt").write_text("kept")
    folders.erase("p1", NOW)
    assert not any((tmp_path / root / "p1").exists() for root in ("homes", "shared", "sockets", "private"))
    assert (tmp_path / "homes/p2/ravi/notes.txt").read_text() == "kept"
    folders.erase("p1", NOW)


def cohort(state: Path, project: str, digests: list[str]) -> None:
    view = state / "cohorts" / project / "v1"
    view.mkdir(parents=True)
    (view / "manifest.json").write_text(json.dumps([{"sha256": digest} for digest in digests]))
    view.chmod(0o555)
    for digest in digests:
        blob = state / "vault" / digest[:2] / digest
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(b"x")


def test_the_vault_forgets_what_no_other_project_names(tmp_path: Path) -> None:
    own, both = "a" * 64, "b" * 64
    cohort(tmp_path, "p1", [own, both])
    cohort(tmp_path, "p2", [both])
    forget_cohort(tmp_path, "p1")
    assert not (tmp_path / "vault/aa" / own).exists()
    assert (tmp_path / "vault/bb" / both).exists()
    assert not (tmp_path / "cohorts/p1").exists()
    forget_cohort(tmp_path, "p1")


def test_blobs_of_a_pull_that_never_ended_go_too(tmp_path: Path) -> None:
    digest = "c" * 64
    journal = tmp_path / "cohorts/p1/.v1/pull/journal.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text(json.dumps({"uri": "/x", "sha256": digest}) + "\n")
    blob = tmp_path / "vault/cc" / digest
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"x")
    forget_cohort(tmp_path, "p1")
    assert not blob.exists()


def test_erasing_a_link_leaves_its_target(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(target)
    erase_tree(folder)
    assert target.is_dir()
    assert not folder.exists()
