"""From a wish to a draft: what is hashed is what is sent, or nothing is; bad wishes leave nothing half-made."""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_kit import Recorder, RecordingIntake
from workspace.session import release
from workspace.session.intake import Intake, IntakeError
from workspace.session.outbox import answer_one, waiting
from workspace.session.release import OpenFile, Releaser, WishRefusedError, read_wish
from workspace.session.safe_tree import SafeTree


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home/shared").mkdir(parents=True)
    (tmp_path / "home/outbox").mkdir()
    (tmp_path / "home/table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "home/figure 1.png").write_bytes(os.urandom(3_000_000))
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "home"


@pytest.fixture
def tree(home: Path) -> Iterator[SafeTree]:
    opened = SafeTree(home)
    yield opened
    opened.close()


@pytest.fixture
def intake() -> Iterator[RecordingIntake]:
    with RecordingIntake() as running:
        yield running


def ask(tree: SafeTree, intake: RecordingIntake, request: object) -> dict[str, Any]:
    async def session() -> dict[str, Any]:
        client = Intake(intake.url, "t")
        answer = await Releaser(tree, client).answer(request)
        await client.close()
        return answer

    return asyncio.run(session())


def test_files_arrive_as_they_are(home: Path, tree: SafeTree, intake: RecordingIntake) -> None:
    answer = ask(tree, intake, {"files": ["table.csv", "figure 1.png"], "context": {"purpose": "Table 1"}})
    assert answer == {"ok": True, "url": "http://review.tidegate.localhost:8000/d1"}
    assert intake.recorder.drafts == [{"purpose": "Table 1"}]
    assert intake.recorder.files == {
        "table.csv": (home / "table.csv").read_bytes(),
        "figure%201.png": (home / "figure 1.png").read_bytes(),
    }


def test_an_open_draft_is_added_to(tree: SafeTree, intake: RecordingIntake) -> None:
    intake.recorder.open_draft = True
    assert ask(tree, intake, {"files": ["table.csv"], "context": {}})["ok"]


def link(home: Path) -> None:
    (home / "x.csv").symlink_to(home.parent / "secret")


def second_name(home: Path) -> None:
    os.link(home.parent / "secret", home / "x.csv")


def pipe(home: Path) -> None:
    os.mkfifo(home / "x.csv")


def empty(home: Path) -> None:
    (home / "x.csv").touch()


def nothing(home: Path) -> None:
    """No file of that name."""


@pytest.mark.parametrize(
    ("plant", "code"),
    [(link, "not_a_plain_file"), (second_name, "not_a_plain_file"), (pipe, "not_a_plain_file"), (empty, "empty_file"),
     (nothing, "not_found")],
)  # fmt: skip
def test_one_bad_file_and_no_draft_is_made(
    plant: Callable[[Path], None], code: str, home: Path, tree: SafeTree, intake: RecordingIntake
) -> None:
    plant(home)
    answer = ask(tree, intake, {"files": ["table.csv", "x.csv"], "context": {}})
    assert (answer["ok"], answer["code"]) == (False, code)
    assert "x.csv" in answer["sentence"]
    assert intake.recorder == Recorder()


@pytest.mark.parametrize(
    "request_",
    [None, [], {}, {"files": []}, {"files": "table.csv"}, {"files": [3]}, {"files": ["a"] * 2}, {"files": ["a"] * 101},
     {"files": ["/etc/passwd"]}, {"files": ["../secret"]}, {"files": [".ssh/id"]}, {"files": [""]},
     {"files": ["a"], "context": {"unknown": "x"}}, {"files": ["a"], "context": {"purpose": 3}},
     {"files": ["a"], "context": {"purpose": "x" * 5_000}}],
)  # fmt: skip
def test_a_bad_wish_is_refused_with_a_sentence(request_: object) -> None:
    with pytest.raises(WishRefusedError) as refused:
        read_wish(request_)
    assert refused.value.sentence.endswith(".")


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_wish_breaks_the_reader(request_: object) -> None:
    try:
        wish = read_wish(request_)
    except WishRefusedError:
        return
    assert wish.files


@pytest.mark.parametrize("change", ["longer", "shorter", "same size"])
def test_a_file_that_changes_while_it_is_sent_is_refused(
    change: str, home: Path, tree: SafeTree, intake: RecordingIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change comes after the first pass has taken the digest, as a hostile kernel would time it."""
    take_digest = OpenFile.take_digest

    def swapped(file: OpenFile) -> None:
        take_digest(file)
        data = (home / "figure 1.png").read_bytes()
        changed = {"longer": data + b"x", "shorter": data[:-1], "same size": data[:-1] + bytes([data[-1] ^ 1])}
        with (home / "figure 1.png").open("r+b") as target:
            target.write(changed[change])
            target.truncate()

    monkeypatch.setattr(OpenFile, "take_digest", swapped)
    answer = ask(tree, intake, {"files": ["figure 1.png"], "context": {}})
    assert answer["code"] == "changed_while_read"
    assert intake.recorder.files == {}


def test_what_is_sent_is_what_was_hashed(home: Path, tree: SafeTree) -> None:
    file = OpenFile(tree, "figure 1.png")
    file.take_digest()

    async def collect() -> bytes:
        return b"".join([chunk async for chunk in file.sent()])

    sent = asyncio.run(collect())
    file.close()
    assert hashlib.sha256(sent).hexdigest() == file.digest
    assert sent == (home / "figure 1.png").read_bytes()


def test_an_intake_that_is_down_is_told_in_plain_words(tree: SafeTree, intake: RecordingIntake) -> None:
    intake.recorder.down = True
    answer = ask(tree, intake, {"files": ["table.csv"], "context": {}})
    assert answer == {"ok": False, "code": "down", "sentence": "The service is down."}


def outbox_round(tree: SafeTree, intake: RecordingIntake, request_id: str) -> None:
    async def session() -> None:
        client = Intake(intake.url, "t")
        await answer_one(tree, Releaser(tree, client), request_id)
        await client.close()

    asyncio.run(session())


def test_a_request_in_the_outbox_is_answered_once(home: Path, tree: SafeTree, intake: RecordingIntake) -> None:
    (home / "outbox/abc.json").write_text(json.dumps({"id": "abc", "files": ["table.csv"], "context": {}}))
    (home / "outbox/abc.part").write_text("half")
    assert waiting(tree) == ["abc"]
    outbox_round(tree, intake, "abc")
    assert json.loads((home / "outbox/abc.answer.json").read_text())["ok"]
    assert waiting(tree) == []


@pytest.mark.parametrize("text", ["", "{", "[" * 60_000, "x" * 70_000, '{"files": ["../secret"]}'])
def test_a_bad_request_in_the_outbox_is_answered_with_the_reason(
    text: str, home: Path, tree: SafeTree, intake: RecordingIntake
) -> None:
    (home / "outbox/abc.json").write_text(text)
    outbox_round(tree, intake, "abc")
    answer = json.loads((home / "outbox/abc.answer.json").read_text())
    assert answer["ok"] is False
    assert answer["code"]
    assert not intake.recorder.files


def test_a_linked_request_is_not_read_and_a_linked_answer_not_written(
    home: Path, tree: SafeTree, intake: RecordingIntake
) -> None:
    (home / "outbox/abc.json").symlink_to(home.parent / "secret")
    (home / "outbox/abc.answer.json").symlink_to(home.parent / "secret")
    outbox_round(tree, intake, "abc")
    assert (home.parent / "secret").read_text() == "secret"
    assert waiting(tree) == []


def test_an_outbox_that_is_a_link_is_no_outbox(home: Path, tree: SafeTree) -> None:
    (home / "outbox").rmdir()
    (home.parent / "other").mkdir()
    (home.parent / "other/abc.json").write_text("{}")
    (home / "outbox").symlink_to(home.parent / "other")
    assert waiting(tree) == []


def test_the_context_names_are_those_of_the_notebook_library() -> None:
    library = Path(release.__file__).parents[1] / "notebook/tidegate_notebook.py"
    names: dict[str, Any] = {}
    exec(compile(library.read_text(), str(library), "exec"), names)  # noqa: S102 - our own file, as a kernel has it
    assert tuple(names["CONTEXT"]) == release.CONTEXT


def test_a_file_too_large_names_the_limit(
    home: Path, tree: SafeTree, intake: RecordingIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "MAX_FILE", 4)
    answer = ask(tree, intake, {"files": ["table.csv"], "context": {}})
    assert (answer["code"], "at most 500 MB" in answer["sentence"]) == ("too_large", True)
    assert (home / "table.csv").exists()


@pytest.mark.parametrize("code", ["wrong_status", "already_opened"])
def test_a_request_that_takes_no_more_files_is_named_with_what_to_do(
    tree: SafeTree, intake: RecordingIntake, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    async def refused(*_: object) -> None:
        raise IntakeError(code, "Words for an operator.")

    monkeypatch.setattr(Intake, "put_file", refused)
    answer = ask(tree, intake, {"files": ["table.csv"], "context": {}})
    assert answer["code"] == code
    assert answer["sentence"].endswith("then ask again: http://review.tidegate.localhost:8000/d1")


def test_a_refusal_in_a_notebook_is_its_sentence_and_no_code_of_ours(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Path(release.__file__).parents[1] / "notebook/tidegate_notebook.py"
    names: dict[str, Any] = {"__name__": "tidegate_notebook"}
    exec(compile(library.read_text(), str(library), "exec"), names)  # noqa: S102 - our own file, as a kernel has it
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    for name, words in (("shared", "is a folder; name each file"), ("nowhere.csv", "There is no file")):
        with pytest.raises(names["ReleaseError"], match=words) as caught:
            names["release"](name)
        assert caught.value._render_traceback_() == [f"ReleaseError: {caught.value}"]
