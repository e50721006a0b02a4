"""What each person's start page says and which doors it shows. The page hides; the doors themselves still refuse."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tornado.web import HTTPError

import hub_kit
from hub_kit import PROJECT, SECOND
from tidegate.model import Condition, ProjectPhase, ProjectStatus, Step, StepState, TidegateError
from workspace.hub.settings import HubSettings
from workspace.hub.shared import _start_page
from workspace.hub.startpage import PHASES, STEP_WORDS, StartPage, StartPages

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> hub_kit.World:
    world = hub_kit.World(tmp_path / "state", NOW)
    world.people("rosa", "ravi", "gwen")
    world.licence()
    world.dataset()
    world.project(PROJECT, title="Breast density", lead={"subject": "ravi"}, requester={"subject": "ravi"})
    world.project(SECOND, lead={"subject": "ravi"}, requester={"subject": "ravi"})
    world.grant("rosa", "researcher", PROJECT)
    return world


def page(world: hub_kit.World, name: str, now: datetime = NOW) -> StartPage:
    settings = HubSettings(state=world.state, chp=Path("/chp"), workspace_venv=Path("/env"))
    return StartPages(world.store, settings, now).of(name)


def status(world: hub_kit.World, **fields: object) -> None:
    record = hub_kit.record(f"project/{PROJECT}")
    world.store.put_project_status(PROJECT, ProjectStatus(**fields), record, NOW)  # type: ignore[arg-type]


def test_people_see_their_own_projects_only(world: hub_kit.World) -> None:
    assert [card.name for card in page(world, "rosa").projects] == [PROJECT]
    assert [card.name for card in page(world, "ravi").projects] == [PROJECT, SECOND]
    assert page(world, "gwen").projects == ()


def test_a_former_member_still_sees_that_it_ended(world: hub_kit.World) -> None:
    later = NOW + timedelta(days=80)
    (card,) = page(world, "rosa", later).projects
    assert card.open_url == ""
    assert any(ending.what == "Your access as researcher" and ending.when < later for ending in card.endings)


def test_the_workspaces_door_needs_a_live_right_and_a_ready_project(world: hub_kit.World) -> None:
    assert page(world, "rosa").projects[0].open_url == ""
    world.deploy(PROJECT, "rosa")
    assert page(world, "rosa").projects[0].open_url == f"/hub/spawn/rosa/{PROJECT}"
    assert page(world, "ravi").projects[0].open_url == "", "the lead has no right of their own"
    world.deploy(PROJECT, "rosa", until=NOW)
    assert page(world, "rosa").projects[0].open_url == ""
    world.deploy(PROJECT, "rosa", phase=ProjectPhase.SUSPENDED)
    assert page(world, "rosa").projects[0].open_url == ""


@pytest.mark.parametrize("phase", list(ProjectPhase))
def test_every_phase_has_plain_words(world: hub_kit.World, phase: ProjectPhase) -> None:
    status(world, phase=phase)
    words = page(world, "rosa").projects[0].phase
    assert words == PHASES[phase]
    assert words != phase


def test_every_state_of_a_step_has_plain_words() -> None:
    assert set(STEP_WORDS) == set(StepState)


def test_steps_and_problems_are_told_until_it_is_ready(world: hub_kit.World) -> None:
    condition = Condition(type="CohortReady", status=False, reason="Pulling", message="3 of 8 files", since=NOW)
    fine = Condition(type="Approved", status=True, reason="Approved", message="by gwen", since=NOW)
    step = Step(name="Copy the images", state=StepState.RUNNING, since=NOW, done=3, total=8)
    status(world, phase=ProjectPhase.PENDING_CREATION, conditions=(condition, fine), steps=(step,))
    (card,) = page(world, "rosa").projects
    assert card.problems == ("3 of 8 files",)
    assert card.steps == ("Copy the images: in progress (3 of 8)",)
    status(world, phase=ProjectPhase.DEPLOYED, conditions=(condition,), steps=(step,))
    (card,) = page(world, "rosa").projects
    assert (card.problems, card.steps) == ((), ())


def test_what_ends_is_sorted_and_each_end_says_why(world: hub_kit.World) -> None:
    world.deploy(PROJECT, "rosa")
    (card,) = page(world, "rosa").projects
    assert [ending.when for ending in card.endings] == sorted(ending.when for ending in card.endings)
    assert {ending.what for ending in card.endings} == {
        "The project",
        "Opening a workspace",
        "Your access as researcher",
        "Your training",
    }
    assert all(ending.why for ending in card.endings)


def test_whom_to_ask_is_named(world: hub_kit.World) -> None:
    (card,) = page(world, "rosa").projects
    assert [(contact.role, contact.name) for contact in card.contacts] == [
        ("Project lead", "Ravi"),
        ("Custodian of Eight mammograms", "Archive desk"),
    ]


@pytest.mark.parametrize(
    ("role", "queue", "officer", "operator"),
    [
        ("output-checker", True, False, False),
        ("governance-officer", False, True, False),
        ("operator", False, False, True),
    ],
)
def test_each_office_has_its_own_door(
    world: hub_kit.World,
    role: str,
    queue: bool,  # noqa: FBT001
    officer: bool,  # noqa: FBT001
    operator: bool,  # noqa: FBT001
) -> None:
    world.grant("gwen", role, None)
    found = page(world, "gwen")
    assert (bool(found.queue_url), found.is_officer, found.is_operator) == (queue, officer, operator)
    ended = page(world, "gwen", NOW + timedelta(days=60))
    assert (bool(ended.queue_url), ended.is_officer, ended.is_operator) == (False, False, False)


def test_officers_see_what_waits_and_the_command_for_it(world: hub_kit.World) -> None:
    world.grant("gwen", "governance-officer", None)
    status(world, phase=ProjectPhase.PENDING_APPROVAL)
    (waiting,) = page(world, "gwen").waiting
    assert (waiting.name, waiting.command) == (PROJECT, f"tidegate approve project {PROJECT}")
    assert page(world, "rosa").waiting == ()


def test_a_store_that_does_not_answer_is_told_in_its_own_words() -> None:
    class Silent:
        def list(self, _kind: object) -> tuple[object, ...]:
            raise TidegateError("cluster_unavailable", "The cluster does not answer.", "Try again.")

    with pytest.raises(HTTPError) as caught:
        asyncio.run(_start_page(Silent(), None, "rosa"))  # type: ignore[arg-type]  # nothing else is asked
    assert (caught.value.status_code, caught.value.reason) == (503, "cluster_unavailable")
    assert caught.value.log_message == "The cluster does not answer. Try again. [cluster_unavailable]"


def test_a_stranger_sees_nothing(world: hub_kit.World) -> None:
    found = page(world, "nobody")
    assert (found.display_name, found.projects, found.waiting, found.queue_url) == ("nobody", (), (), "")
