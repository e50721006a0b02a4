"""Every reason against a start, one at a time, from the point where everything is allowed."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import hub_kit
import model_kit
from hub_kit import PROJECT
from tidegate.model import Decision, Denial, ExitCode, Outcome, PersonRef, TidegateError
from tidegate.objects.sealed_view import Looks, looks_of, note_path
from workspace.hub.admission import check_start, sealed_folder

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROSA = PersonRef(subject="rosa")
ALLOW = Decision(outcome=Outcome.ALLOW)
DENY = Decision(outcome=Outcome.DENY, deny=(Denial(code="grant_ended", detail="your grant ended", clause="4.2"),))


@pytest.fixture
def world(tmp_path: Path) -> hub_kit.World:
    world = hub_kit.World(tmp_path / "state", NOW)
    world.licence()
    world.dataset()
    world.project()
    world.deploy(PROJECT, "rosa")
    return world


def start(world: hub_kit.World, project: str = PROJECT, person: PersonRef = ROSA, decision: Decision = ALLOW) -> object:
    return check_start(world.store, lambda *_: decision, project, person, NOW, sealed_folder)


def code_of(world: hub_kit.World, **options: object) -> str:
    with pytest.raises(TidegateError) as caught:
        start(world, **options)  # type: ignore[arg-type]
    assert caught.value.exit_code is ExitCode.DENIED
    return caught.value.code


def test_all_in_place_is_admitted(world: hub_kit.World) -> None:
    admission = check_start(world.store, lambda *_: ALLOW, PROJECT, ROSA, NOW, sealed_folder)
    assert admission.project.name == PROJECT
    assert admission.right.person == ROSA
    assert Path(admission.cohort.path).is_dir()


def test_the_policy_is_asked_about_this_project_person_and_moment(world: hub_kit.World) -> None:
    asked: list[tuple[object, ...]] = []

    def decide(*question: object) -> Decision:
        asked.append(question)
        return ALLOW

    check_start(world.store, decide, PROJECT, ROSA, NOW, sealed_folder)
    assert asked == [(PROJECT, ROSA, NOW)]


def test_a_workspace_needs_a_project(world: hub_kit.World) -> None:
    assert code_of(world, project="") == "server_name_required"


def test_a_project_that_does_not_exist_reads_like_one_that_is_closed_to_me(world: hub_kit.World) -> None:
    """Else the hub would tell anybody which projects there are."""
    sentences = []
    for project, person in (("no-such-project", ROSA), (PROJECT, PersonRef(subject="ravi"))):
        with pytest.raises(TidegateError) as caught:
            start(world, project=project, person=person)
        assert caught.value.code == "spawn_right_missing"
        sentences.append(caught.value.sentence.replace(project, "X"))
    assert len(set(sentences)) == 1


def test_a_right_of_the_same_name_at_another_issuer_is_not_mine(world: hub_kit.World) -> None:
    assert code_of(world, person=PersonRef(issuer="elsewhere", subject="rosa")) == "spawn_right_missing"


@pytest.mark.parametrize(
    ("grant", "code", "words"),
    [
        ({"until": NOW - timedelta(seconds=1)}, "spawn_right_ended", "your grant ended"),
        (
            {"until": NOW + timedelta(days=9), "training": {"ref": "course", "until": NOW}},
            "spawn_right_ended",
            "your training ended",
        ),
        ({"until": NOW + timedelta(days=9)}, "spawn_right_withheld", "not ready"),
    ],
    ids=["grant ended", "training ended", "project not ready"],
)
def test_whose_right_was_taken_away_is_told_why(
    world: hub_kit.World, grant: dict[str, object], code: str, words: str
) -> None:
    held = model_kit.grant("ravi", person="ravi", project=PROJECT, since=NOW - timedelta(days=9), **grant)
    world.put("Grant", "ravi", held.spec_json())
    with pytest.raises(TidegateError) as caught:
        start(world, person=PersonRef(subject="ravi"))
    assert caught.value.code == code
    assert words in caught.value.sentence


@pytest.mark.parametrize(("left", "admitted"), [(1, True), (0, False), (-1, False)])
def test_a_right_ends_at_its_moment(world: hub_kit.World, left: int, admitted: bool) -> None:  # noqa: FBT001
    world.deploy(PROJECT, "rosa", until=NOW + timedelta(seconds=left))
    if admitted:
        assert start(world)
    else:
        assert code_of(world) == "spawn_right_ended"


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        (DENY, "grant_ended"),
        (Decision(outcome=Outcome.DENY), "policy_deny"),
        (Decision(outcome=Outcome.NEEDS_HUMAN), "policy_needs_human"),
    ],
)
def test_only_an_allow_is_an_allow(world: hub_kit.World, decision: Decision, code: str) -> None:
    assert code_of(world, decision=decision) == code


def test_the_policys_reason_and_clause_are_told(world: hub_kit.World) -> None:
    with pytest.raises(TidegateError, match=r"your grant ended \(clause 4\.2\)"):
        start(world, decision=DENY)


def _gone(view: Path) -> None:
    (view / "manifest.json").unlink()


def _changed(view: Path) -> None:
    (view / "manifest.json").write_bytes(b"[1]")


def _flipped(view: Path) -> None:
    """One bit, with the time of the last write put back as it was."""
    page = view / "README.md"
    before, content = page.stat(), bytearray(page.read_bytes())
    content[0] ^= 1
    page.write_bytes(content)
    os.utime(page, ns=(before.st_atime_ns, before.st_mtime_ns))


def _another_check(view: Path) -> None:
    """The note is of a copy with another manifest."""
    note = note_path(view)
    note.write_text(Looks(manifest_sha256="0" * 64, looks=looks_of(view)).model_dump_json())


HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "manifest gone": (_gone, "cohort_not_ready"),
    "manifest changed": (_changed, "cohort_changed"),
    "a bit flipped": (_flipped, "cohort_changed"),
    "a file gone": (lambda view: (view / "README.md").unlink(), "cohort_changed"),
    "a file more": (lambda view: (view / "more.dcm").write_bytes(b"x"), "cohort_changed"),
    "a folder more": (lambda view: (view / "more").mkdir(), "cohort_changed"),
    "a file opened for writing": (lambda view: (view / "README.md").chmod(0o666), "cohort_changed"),
    "never checked": (lambda view: note_path(view).unlink(), "cohort_changed"),
    "the note unreadable": (lambda view: note_path(view).write_text("{"), "cohort_changed"),
    "the note of another copy": (_another_check, "cohort_changed"),
}


@pytest.mark.parametrize(("harm", "code"), HARMS.values(), ids=list(HARMS))
def test_the_cohort_must_be_the_sealed_one(world: hub_kit.World, harm: Callable[[Path], object], code: str) -> None:
    harm(world.state / "cohorts" / PROJECT / "v1")
    assert code_of(world) == code


def test_a_cohort_not_yet_sealed_is_waited_for(world: hub_kit.World) -> None:
    world.deploy(PROJECT, "rosa", cohort=None)
    assert code_of(world) == "cohort_not_ready"


@pytest.mark.parametrize(("right", "deadline", "ends"), [(10, 20, 10), (20, 10, 10), (200, None, 90)])
def test_a_start_holds_until_the_first_end(world: hub_kit.World, right: int, deadline: int | None, ends: int) -> None:
    world.deploy(PROJECT, "rosa", until=NOW + timedelta(days=right))
    until = NOW + timedelta(days=deadline) if deadline else None
    decision = Decision(outcome=Outcome.ALLOW, deadline=until)
    admission = check_start(world.store, lambda *_: decision, PROJECT, ROSA, NOW, sealed_folder)
    assert admission.until == NOW + timedelta(days=ends)
