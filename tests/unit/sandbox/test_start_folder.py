"""Where a kernel starts: beside its notebook, never outside home, whatever is asked for."""

import os
from pathlib import Path

import pytest

from workspace.launcher.kernels import MOST_FOLDER, inside, start_folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for folder in ("home/work/deep", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "home/work/a.ipynb").touch()
    (tmp_path / "home/out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "home/round").symlink_to("round")
    (tmp_path / "home/near").symlink_to("work/deep")
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("wanted", "folder"),
    [
        ("work", "work"),
        ("work/a.ipynb", "work"),
        ("work/deep/new.ipynb", "work/deep"),
        ("work/gone/further/new.ipynb", "work"),
        ("near/a.ipynb", "work/deep"),
        ("", "."),
        ("a.ipynb", "."),
        ("..", "."),
        ("../elsewhere", "."),
        ("work/../../elsewhere", "."),
        ("/etc", "."),
        ("out", "."),
        ("out/a.ipynb", "."),
        ("round/a.ipynb", "."),
        ("x" * 300, "."),
        ("x" * (MOST_FOLDER + 1), "."),
        ("work\0", "."),
        ("work\udc80", "."),
        (None, "."),
        (7, "."),
        (["work"], "."),
    ],
)
def test_it_is_the_nearest_folder_below_home(home: Path, wanted: object, folder: str) -> None:
    assert Path(start_folder(wanted, str(home))) == (home / folder).resolve()


def test_working_inside_ends_where_it_began(home: Path) -> None:
    before = Path.cwd()
    with inside(str(home / "work")):
        assert Path.cwd() == home / "work"
        (home / "work/a.ipynb").unlink()
    assert Path.cwd() == before


def test_a_folder_that_cannot_be_entered_is_left_out(home: Path) -> None:
    before = Path.cwd()
    with inside(str(home / "gone")):
        assert Path.cwd() == before


def test_no_handle_stays_open(home: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208  # names only
    with inside(str(home)):
        pass
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  # as above
