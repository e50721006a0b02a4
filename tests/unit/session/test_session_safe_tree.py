"""Opening files untrusted code writes: plain files below the root, or a constant refusal. Nothing is ever followed."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.session.refusals import SENTENCES, STATUS, PathRefusedError, Reason
from workspace.session.safe_tree import MAX_DEPTH, MAX_ENTRIES, SHARED, SafeTree, components, is_plain_name

CAP = 1_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / SHARED).mkdir(parents=True)
    (folder / "sub").mkdir()
    (folder / "plain.txt").write_text("plain")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/token").write_text("secret")
    return folder


@pytest.fixture
def tree(home: Path) -> Iterator[SafeTree]:
    opened = SafeTree(home)
    yield opened
    opened.close()


def a_link_to_state(home: Path) -> None:
    (home / "x.txt").symlink_to(home.parent / "state/token")


def a_link_within_home(home: Path) -> None:
    (home / "x.txt").symlink_to("plain.txt")


def a_dangling_link(home: Path) -> None:
    (home / "x.txt").symlink_to("nowhere")


def a_second_name(home: Path) -> None:
    os.link(home.parent / "state/token", home / "x.txt")


def a_pipe(home: Path) -> None:
    os.mkfifo(home / "x.txt")


def a_socket(home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(home / "x.txt"))


def a_folder(home: Path) -> None:
    (home / "x.txt").mkdir()


ODD: list[Callable[[Path], None]] = [
    a_link_to_state, a_link_within_home, a_dangling_link, a_second_name, a_pipe, a_socket, a_folder
]  # fmt: skip


@pytest.mark.parametrize("plant", ODD)
def test_only_a_plain_file_is_read(plant: Callable[[Path], None], home: Path, tree: SafeTree) -> None:
    plant(home)
    with pytest.raises(PathRefusedError) as refused:
        tree.read("x.txt", CAP)
    assert refused.value.reason in {Reason.NOT_PLAIN, Reason.TOO_LARGE}


def test_a_device_is_not_read() -> None:
    outside = SafeTree(Path("/dev"))
    with pytest.raises(PathRefusedError) as refused:
        outside.read("zero", CAP)
    outside.close()
    assert refused.value.reason is Reason.NOT_PLAIN


@pytest.mark.parametrize("plant", [plant for plant in ODD if plant is not a_folder])
def test_a_save_through_anything_odd_changes_nothing(plant: Callable[[Path], None], home: Path, tree: SafeTree) -> None:
    plant(home)
    before = os.lstat(home / "x.txt")
    with pytest.raises(PathRefusedError):
        tree.write("x.txt", b"overwritten")
    assert os.lstat(home / "x.txt").st_ino == before.st_ino
    assert (home.parent / "state/token").read_text() == "secret"
    assert (home / "plain.txt").read_text() == "plain"
    assert not [name for name in home.iterdir() if name.name.startswith(".tidegate")]


@pytest.mark.parametrize("operation", ["read", "write", "listing", "make_folder", "delete", "rename"])
def test_a_linked_folder_is_never_walked(operation: str, home: Path, tree: SafeTree) -> None:
    (home / "way").symlink_to(home.parent / "state")
    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: tree.read("way/token", CAP),
        "write": lambda: tree.write("way/new", b"x"),
        "listing": lambda: tree.listing("way"),
        "make_folder": lambda: tree.make_folder("way/new"),
        "delete": lambda: tree.delete("way/token"),
        "rename": lambda: tree.rename("way/token", "stolen.txt"),
    }
    with pytest.raises(PathRefusedError):
        attempts[operation]()
    assert [path.name for path in (home.parent / "state").iterdir()] == ["token"]


def test_a_file_swapped_for_a_link_after_the_look_is_not_followed(home: Path, tree: SafeTree) -> None:
    """The judgement is on what was opened: the held descriptor stays the plain file whatever its name becomes."""
    descriptor, found = tree.open_file("plain.txt", CAP)
    (home / "plain.txt").unlink()
    (home / "plain.txt").symlink_to(home.parent / "state/token")
    assert os.read(descriptor, 100) == b"plain"
    assert os.fstat(descriptor).st_ino == found.st_ino
    os.close(descriptor)


def test_deleting_a_folder_removes_links_in_it_and_not_what_they_name(home: Path, tree: SafeTree) -> None:
    (home / "sub/way").symlink_to(home.parent / "state")
    tree.delete("sub")
    assert not (home / "sub").exists()
    assert (home.parent / "state/token").read_text() == "secret"


def test_links_pipes_and_hidden_names_are_not_listed(home: Path, tree: SafeTree) -> None:
    a_link_to_state(home)
    os.mkfifo(home / "pipe")
    (home / ".hidden").write_text("x")
    (home / "new\nline").write_text("x")
    assert [entry.name for entry in tree.listing("")] == ["plain.txt", SHARED, "sub"]


def test_a_crowded_folder_is_refused(home: Path, tree: SafeTree) -> None:
    for number in range(MAX_ENTRIES + 1):
        (home / f"sub/{number}").touch()
    with pytest.raises(PathRefusedError) as refused:
        tree.listing("sub")
    assert refused.value.reason is Reason.TOO_MANY


def test_a_file_over_the_cap_is_refused_before_it_is_read(home: Path, tree: SafeTree) -> None:
    (home / "big").write_bytes(b"x" * (CAP + 1))
    with pytest.raises(PathRefusedError) as refused:
        tree.read("big", CAP)
    assert refused.value.reason is Reason.TOO_LARGE


def test_plain_work_works(home: Path, tree: SafeTree) -> None:
    tree.make_folder("new")
    tree.write("new/a.txt", b"one")
    tree.write("new/a.txt", b"two")
    tree.rename("new/a.txt", "new/b.txt")
    assert tree.read("new/b.txt", CAP) == b"two"
    assert tree.entry("new/b.txt").size == 3
    tree.delete("new/b.txt")
    assert tree.listing("new") == []
    tree.write(f"{SHARED}/together.txt", b"x")
    assert (home / SHARED / "together.txt").read_text() == "x"


def test_a_rename_does_not_overwrite(home: Path, tree: SafeTree) -> None:
    (home / "other.txt").write_text("other")
    with pytest.raises(PathRefusedError) as refused:
        tree.rename("plain.txt", "other.txt")
    assert refused.value.reason is Reason.EXISTS
    assert (home / "other.txt").read_text() == "other"


@pytest.mark.parametrize("path", ["", "/", SHARED])
def test_home_and_shared_stay(path: str, tree: SafeTree) -> None:
    with pytest.raises(PathRefusedError):
        tree.delete(path)
    with pytest.raises(PathRefusedError):
        tree.rename(path, "elsewhere")


def test_shared_is_opened_once_so_a_link_put_in_its_place_is_not_followed(home: Path, tree: SafeTree) -> None:
    (home / SHARED).rmdir()
    (home / SHARED).symlink_to(home.parent / "state")
    with pytest.raises(PathRefusedError):
        tree.read(f"{SHARED}/token", CAP)


@pytest.mark.parametrize(
    "path",
    ["..", "../state/token", "sub/../../state", ".hidden", "sub/.ssh", "a//b", "a\0b", "x" * 201, "a\nb", "\udcff",
     "/".join(["d"] * (MAX_DEPTH + 1)), "./a", "a/.", "\u202etxt"],
)  # fmt: skip
def test_a_path_that_is_not_plain_names_is_refused(path: str, tree: SafeTree) -> None:
    with pytest.raises(PathRefusedError) as refused:
        tree.read(path, CAP)
    assert refused.value.reason is Reason.BAD_NAME


@given(st.text())
def test_whatever_passes_as_a_path_is_made_of_plain_names(path: str) -> None:
    try:
        names = components(path)
    except PathRefusedError:
        return
    assert all(is_plain_name(name) and name not in {".", ".."} and "/" not in name for name in names)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_no_path_leads_out_of_home(path: str) -> None:
    try:
        names = components(path)
    except PathRefusedError:
        return
    assert Path(os.path.normpath(Path("/top", *names))).is_relative_to("/top")


def test_every_reason_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Reason)
    assert set(STATUS) <= set(Reason)
