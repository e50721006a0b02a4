"""A right that has ended, or has not begun, lets nobody create, submit, download or look."""

from datetime import timedelta

import pytest

from egress_attacks_kit import browser
from egress_kit import PROJECT, TEXTS, World, code_of, ref
from egress_review.application import downloads, drafts
from egress_review.application.facts import facts_of
from egress_review.application.looking import own_requests, projects_of
from model_kit import approval, grant, project
from tidegate.model import Verdict

DAY = timedelta(days=1)


def holds(office: World, request_id: str) -> list[str]:
    request = office.load(request_id)
    return [hold.code for hold in facts_of(office.ports, request, office.by("rosa").actor, office.now).holds]


def download(office: World, request_id: str) -> str:
    call = lambda: downloads.open_download(office.ports, request_id, office.by("rosa"), "table.csv", office.clock)  # noqa: E731
    return code_of(call)


def test_grant_that_begins_later_does_not_bridge_one_that_ended(office: World) -> None:
    made = office.released()
    office.put(
        grant("g-rosa", person="rosa", until=office.now - DAY, since=office.now - 9 * DAY),
        grant("g-rosa-next", person="rosa", since=office.now + 9 * DAY, until=office.now + 99 * DAY),
    )
    assert holds(office, made.id) == ["grant_ended"]
    assert download(office, made.id) == "held"


def test_old_grant_without_training_does_not_hide_that_training_ended(office: World) -> None:
    made = office.draft()
    ended = {"ref": "Safe researcher training", "until": office.now - DAY}
    office.put(
        grant("g-rosa", person="rosa", training=ended),
        grant("g-rosa-old", person="rosa", since=office.now - 9 * DAY, until=office.now - DAY),
    )
    assert holds(office, made.id) == ["training_ended"]
    assert code_of(lambda: drafts.submit(office.ports, made.id, office.by("rosa"))) == "held"


def test_lead_of_the_past_with_an_observers_grant_submits_nothing(office: World) -> None:
    made = office.draft()
    office.put(
        grant("g-rosa", person="rosa", until=office.now - DAY, since=office.now - 9 * DAY),
        grant("g-rosa-observer", person="rosa", role="observer"),
    )
    assert code_of(lambda: drafts.submit(office.ports, made.id, office.by("rosa"))) == "held"


def test_disabled_account_reads_no_list(office: World) -> None:
    """Its session at review may have hours to live."""
    made = office.draft()
    rosa = browser("rosa")
    assert made.id[:8] in rosa.get("/").content.decode()
    office.account("rosa", disabled=True)
    assert made.id[:8] not in rosa.get("/").content.decode()
    assert own_requests(office.ports, office.by("rosa")) == ()
    assert projects_of(office.ports, office.by("rosa")) == ()


@pytest.mark.parametrize("verdict", [Verdict.REVOKE, Verdict.REFUSE])
def test_approval_taken_back_stops_downloads(office: World, verdict: Verdict) -> None:
    made = office.released()
    assert download(office, made.id) == ""
    office.now += timedelta(minutes=1)
    office.put(approval(project(), name="taken-back", verdict=verdict.value, at=office.now))
    office.now += timedelta(minutes=1)
    assert download(office, made.id) == "policy_denied"
    beside = lambda: downloads.read_beside(office.ports, made.id, office.by("rosa"), "record.json")  # noqa: E731
    assert code_of(beside) == "policy_denied"


def test_approval_taken_back_cuts_a_running_download(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = office.released()
    monkeypatch.setattr(downloads, "CHUNK", 4)
    monkeypatch.setattr(downloads, "CHECK_EVERY", 4)
    running = downloads.open_download(office.ports, made.id, office.by("rosa"), "table.csv", office.clock).chunks
    assert next(running)
    office.now += timedelta(minutes=1)
    office.put(approval(project(), name="taken-back", verdict="revoke", at=office.now))
    office.now += timedelta(minutes=1)
    assert code_of(lambda: next(running)) == "policy_denied"


def test_workspace_of_another_project_is_a_stranger(office: World) -> None:
    made = office.draft()
    other = office.workspace("rosa", "another-project")
    assert code_of(lambda: drafts.edit_texts(office.ports, made.id, other, TEXTS)) == "not_visible"
    assert made.project == PROJECT
    assert made.author == ref("rosa")
