"""Control groups of both versions, on folders that look like them."""

from pathlib import Path

import pytest

from tidegate.sandbox import Limits, cgroups

LIMITS = Limits(memory_bytes=1 << 30, pids=64, cpus=1.5, tmp_bytes=1 << 20)


def v1(mount: Path, *controllers: str) -> Path:
    for name in controllers:
        (mount / name).mkdir(parents=True)
        (mount / name / "cgroup.procs").touch()
    return mount


def v2(folder: Path, controllers: str = "cpu memory pids") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.procs").touch()
    (folder / "cgroup.subtree_control").write_text("")
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "own"
    file.write_text("0::/user.slice/app\n")
    return file


def hand_down(monkeypatch: pytest.MonkeyPatch, allowed: str) -> None:
    """The system fills these files itself; a folder on disk has to be helped."""

    def write(path: Path, value: str, *, needed: bool) -> None:
        if path.name != "cgroup.subtree_control":
            path.write_text(value)
        elif value.lstrip("+") in allowed.split():
            old = path.read_text() if path.exists() else ""
            path.write_text(f"{old} {value.lstrip('+')}")
        assert needed is (path.name in {"memory.max", "cpu.max", "pids.max"})

    monkeypatch.setattr(cgroups, "_write", write)


def test_version_1_gives_each_controller_a_folder(tmp_path: Path, own: Path) -> None:
    mount = v1(tmp_path / "cg", "memory", "cpu", "pids")
    found = cgroups.find(mount, own)
    assert (found.version, found.holds) == ("v1", ("memory", "cpu", "pids"))
    folders = found.make("one", LIMITS)
    assert folders == tuple(str(mount / name / "tidegate" / "one") for name in ("memory", "cpu", "pids"))
    assert (mount / "memory/tidegate/one/memory.limit_in_bytes").read_text() == str(1 << 30)
    assert (mount / "cpu/tidegate/one/cpu.cfs_quota_us").read_text() == "150000"
    assert (mount / "pids/tidegate/one/pids.max").read_text() == "64"
    assert found.make("one", LIMITS) == folders, "a second time is no error"


def test_version_1_holds_what_is_mounted_and_no_more(tmp_path: Path, own: Path) -> None:
    assert cgroups.find(v1(tmp_path / "cg", "pids"), own).holds == ("pids",)


def test_no_groups_at_all(tmp_path: Path, own: Path) -> None:
    found = cgroups.find(tmp_path, own)
    assert (found.version, found.holds, found.make("one", LIMITS)) == ("none", (), ())


def test_version_2_uses_one_folder_for_all(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_down(monkeypatch, "cpu memory pids")
    mount = v2(tmp_path / "cg")
    found = cgroups.find(mount, own)
    assert (found.version, found.holds) == ("v2", ("memory", "cpu", "pids"))
    assert found.make("one", LIMITS) == (str(mount / "tidegate" / "one"),)
    assert (mount / "tidegate/one/cpu.max").read_text() == "150000 100000"
    assert (mount / "tidegate/one/memory.swap.max").read_text() == "0"


def test_version_2_without_a_memory_controller_says_so(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_down(monkeypatch, "cpu pids")
    assert cgroups.find(v2(tmp_path / "cg", "cpu pids"), own).holds == ("cpu", "pids")


def test_version_2_that_hands_nothing_down_is_left_as_it_was(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_down(monkeypatch, "")
    mount = v2(tmp_path / "cg")
    monkeypatch.setattr(Path, "rmdir", lambda path: [file.unlink() for file in path.iterdir()] and Path.unlink)
    assert cgroups.find(mount, own).version == "none"


def test_version_2_falls_back_to_a_group_of_the_users_own(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_down(monkeypatch, "cpu memory pids")
    mount = v2(tmp_path / "cg")
    mine = v2(v2(mount / "user.slice") / "app")
    monkeypatch.setattr(cgroups, "_can_make_in", lambda folder: folder == mine)
    assert cgroups.find(mount, own).parents["memory"] == mine / "tidegate"


@pytest.mark.parametrize(
    ("file", "text"),
    [("memory.events", "low 0\noom 1\noom_kill 2\n"), ("memory.oom_control", "under_oom 0\noom_kill 2\n")],
)
def test_kills_for_memory_are_counted_in_both_versions(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert cgroups.kills_for_memory((str(tmp_path),)) == 2


def test_no_kills_where_nothing_counts_them(tmp_path: Path) -> None:
    assert cgroups.kills_for_memory((str(tmp_path), str(tmp_path / "gone"))) == 0


def test_removing_what_is_gone_is_no_error(tmp_path: Path) -> None:
    cgroups.remove((str(tmp_path / "gone"),))


def test_removing_what_cannot_be_removed_ends_in_time(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    cgroups.remove((str(tmp_path / "full"),), seconds=0.1)
    assert (tmp_path / "full" / "file").exists()
