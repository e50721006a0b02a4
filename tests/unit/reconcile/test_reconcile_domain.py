"""The pure part: phases by truth table, ends by property, reasons documented."""

import itertools
import random
from dataclasses import astuple, fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_kit import NOW, YEAR, approval, dataset, grant, licence, project
from provisioner.domain.conditions import MEANING, Finding, Kind, Reason, is_true, with_condition
from provisioner.domain.ends import WARNING, ahead, ended, expiring, person_ends, project_ends
from provisioner.domain.facts import Facts, facts_of
from provisioner.domain.phases import Situation, phase_of
from provisioner.domain.progress import LONGEST_DELAY, delay, failed, is_waiting
from provisioner.domain.spawn import GRACE, GUARDS, rights_due, rights_kept, to_stop
from provisioner.domain.summary import judged
from provisioner.domain.verdicts import EFFECT, Standing, project_verdict
from reconcile_kit import approval_on, facts
from tidegate.model import ProjectPhase, ProjectStatus, TidegateError, Verdict

P = ProjectPhase
NAMES = [field.name for field in fields(Situation)]
EVERY = [Situation(*bits) for bits in itertools.product((False, True), repeat=len(NAMES))]


def expected_phase(s: Situation) -> ProjectPhase:
    """The table of the design, written the other way round: from the last row to the first."""
    phase = P.DEPLOYED if s.built else P.PENDING_CREATION
    phase = P.SUSPENDED if s.refused else phase
    phase = phase if s.approved else P.PENDING_APPROVAL
    phase = P.SUSPENDED if s.ended else phase
    phase = phase if s.complete else P.INCOMPLETE
    phase = P.PENDING_DELETION if s.closing else phase
    return P.DELETED if s.deleted else phase


@pytest.mark.parametrize("situation", EVERY, ids=lambda s: "".join("ny"[bit] for bit in astuple(s)))
def test_the_phase_of_every_situation(situation: Situation) -> None:
    assert phase_of(situation) is expected_phase(situation)


def test_every_phase_is_reached() -> None:
    assert {phase_of(situation) for situation in EVERY} == set(ProjectPhase)


def test_only_an_approved_running_project_is_deployed() -> None:
    for situation in EVERY:
        if phase_of(situation) is P.DEPLOYED:
            assert situation.approved
            assert situation.complete
            assert situation.built
            assert not any((situation.ended, situation.refused, situation.closing, situation.deleted))


def test_every_reason_is_documented_and_pascal_case() -> None:
    assert set(MEANING) == set(Reason)
    for name in (*Reason, *Kind):
        assert name[0].isupper()
        assert name.isalnum()


def test_every_verdict_has_an_effect_and_every_grace_a_reason() -> None:
    assert set(EFFECT) == set(Verdict)
    assert set(GRACE) <= set(Reason)
    assert Reason.REVOKED not in GRACE
    assert Reason.REACHED not in GRACE


def test_since_moves_with_the_status_alone() -> None:
    one = with_condition(ProjectStatus(), Kind.READY, Finding(holds=False, reason=Reason.IN_PROGRESS), NOW)
    two = with_condition(one, Kind.READY, Finding(holds=False, reason=Reason.STEP_FAILED), NOW + YEAR)
    three = with_condition(two, Kind.READY, Finding(holds=True, reason=Reason.DEPLOYED), NOW + YEAR)
    assert [s.conditions[0].since for s in (one, two, three)] == [NOW, NOW, NOW + YEAR]
    assert is_true(three, Kind.READY)


VERDICTS: list[tuple[list[dict[str, Any]], Standing]] = [
    ([], Standing.MISSING),
    ([{"verdict": "approve"}], Standing.GIVEN),
    ([{"verdict": "refuse"}], Standing.REFUSED),
    ([{"verdict": "extend", "until": NOW + YEAR}], Standing.MISSING),
    ([{"verdict": "approve"}, {"verdict": "revoke"}], Standing.REVOKED),
    ([{"verdict": "revoke"}, {"verdict": "approve"}], Standing.GIVEN),
    ([{"verdict": "approve"}, {"verdict": "extend", "until": NOW + YEAR}], Standing.GIVEN),
    ([{"verdict": "approve", "by": "rosa"}], Standing.MISSING),
    ([{"verdict": "approve", "at": NOW + YEAR}], Standing.MISSING),
    ([{"verdict": "approve", "on": {"name": "other", "digest": "0" * 64}}], Standing.MISSING),
    ([{"verdict": "approve", "on": {"kind": "Licence"}}], Standing.MISSING),
    ([{"verdict": "approve", "on": {"digest": "0" * 64}}], Standing.STALE),
]


@pytest.mark.parametrize(("specs", "standing"), VERDICTS)
def test_what_approvals_add_up_to(specs: list[dict[str, Any]], standing: Standing) -> None:
    own = project()
    usual = {"kind": "Project", "name": own.name, "digest": own.digest()}
    approvals = []
    for number, spec in enumerate(specs):
        rest = {"at": NOW + timedelta(minutes=number), **spec}
        approvals.append(approval_on({**usual, **rest.pop("on", {})}, name=f"a{number}", **rest))
    judge = project_verdict(own, approvals[::-1], NOW + timedelta(hours=1))
    assert judge.standing == standing


def test_one_instant_before_at_and_after_an_end() -> None:
    tick = timedelta(microseconds=1)
    known = facts(project(ends=NOW))
    assert ended(known, NOW - tick) is None
    assert ended(known, NOW) == ended(known, NOW + tick)
    assert len(rights_due(known, NOW - tick)) == 1
    assert rights_due(known, NOW) == ()


def test_of_two_grants_the_longer_counts() -> None:
    short = grant("short", until=NOW + timedelta(days=1))
    long = grant("long", role="lead", until=NOW + timedelta(days=9))
    for grants in ([short, long], [long, short]):
        (right,) = rights_due(facts(*grants), NOW)
        assert right.until == NOW + timedelta(days=9)


@given(st.integers(1, 400), st.floats(0, 1, exclude_max=True))
def test_back_off_stays_within_its_bounds(tries: int, jitter: float) -> None:
    assert 0.5 <= delay(tries, jitter).total_seconds() <= LONGEST_DELAY


def test_a_step_waits_until_its_next_try() -> None:
    step = failed(None, "cohort", TidegateError("X", "It failed."), NOW, 0.5)
    assert step.next_try is not None
    assert is_waiting(step, NOW)
    assert is_waiting(step, step.next_try - timedelta(microseconds=1))
    assert not is_waiting(step, step.next_try)
    assert not is_waiting(step, NOW - YEAR), "a clock that was ahead holds nothing up"


moments = st.integers(-40, 40).map(lambda days: NOW + timedelta(days=days))
ends_ahead = st.integers(1, 400).map(lambda days: NOW - YEAR + timedelta(days=days + 330))


@st.composite
def stories(draw: st.DrawFn) -> list[Any]:
    """A project with some grants, licences and approvals, dated at will, in an order at will."""
    own = project(ends=draw(ends_ahead), stage=draw(st.sampled_from(["draft", "submitted", "closing"])))
    paper = licence(grant={"valid_from": NOW - YEAR, "valid_to": draw(st.one_of(st.none(), ends_ahead))})
    items: list[Any] = [own, paper]
    for number in range(draw(st.integers(0, 4))):
        training = draw(st.one_of(st.none(), ends_ahead.map(lambda at: {"ref": "T", "until": at})))
        person = draw(st.sampled_from(["rosa", "ravi"]))
        items.append(grant(f"g{number}", person=person, until=draw(ends_ahead), training=training))
    for number in range(draw(st.integers(0, 4))):
        verdict = draw(st.sampled_from(list(Verdict)))
        until = draw(st.one_of(st.none(), ends_ahead))
        items.append(approval(own, name=f"a{number}", verdict=verdict, until=until, at=draw(moments)))
    return draw(st.permutations(items))


def read(items: list[Any]) -> Facts:
    by_kind: dict[str, list[Any]] = {"Project": [], "Licence": [], "Grant": [], "Approval": []}
    for item in items:
        by_kind[item.kind].append(item)
    return facts_of(by_kind["Project"][0], [dataset()], by_kind["Licence"], by_kind["Grant"], by_kind["Approval"])


@given(stories(), moments, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_order_of_facts_never_matters(items: list[Any], now: datetime, shuffle: random.Random) -> None:
    other = list(items)
    shuffle.shuffle(other)
    assert read(items) == read(other)
    assert judged(read(items), ProjectStatus(), now) == judged(read(other), ProjectStatus(), now)
    assert rights_due(read(items), now) == rights_due(read(other), now)


@given(stories(), moments, moments)
@settings(max_examples=150, deadline=None)
def test_judging_is_total_and_a_second_time_changes_nothing(items: list[Any], first: datetime, later: datetime) -> None:
    known = read(items)
    once = judged(known, ProjectStatus(), first)
    assert once.phase in set(ProjectPhase)
    assert judged(known, once, first) == once
    assert judged(known, judged(known, once, later), later) == judged(known, once, later)
    assert once.next_at is None or once.next_at > first


@given(stories(), moments)
@settings(max_examples=150, deadline=None)
def test_no_right_outlives_any_end_that_binds_it(items: list[Any], now: datetime) -> None:
    known = read(items)
    for right in rights_due(known, now):
        own = [g for g in known.grants if g.spec.person == right.person]
        personal = max(min(end.at for end in person_ends(g, known, now)) for g in own if g.spec.since <= now)
        assert now < right.until <= min(personal, *(end.at for end in project_ends(known, now)))


@given(stories(), moments, st.integers(0, 80))
@settings(max_examples=150, deadline=None)
def test_rights_only_shrink_while_facts_stand(items: list[Any], now: datetime, days: int) -> None:
    """What stands later is a part of what stood before; keeping never adds."""
    known = read(items)
    status = judged(known, ProjectStatus(spawn_rights=rights_due(known, now)), now)
    later = now + timedelta(days=days)
    kept = rights_kept(known, status, later)
    assert {r.person for r in kept} <= {r.person for r in status.spawn_rights}
    assert all(r.until > later for r in kept)


@given(stories(), moments)
@settings(max_examples=100, deadline=None)
def test_whoever_may_not_start_may_not_run(items: list[Any], now: datetime) -> None:
    known = read(items)
    status = judged(known, ProjectStatus(), now)
    due = {right.person.subject for right in rights_due(known, now)}
    stopped = set(to_stop(known, status, ["rosa", "ravi", "stranger"], now))
    assert {"rosa", "ravi", "stranger"} - due <= stopped
    if ended(known, now) is not None:
        assert stopped == {"rosa", "ravi", "stranger"}


@given(stories(), moments)
@settings(max_examples=100, deadline=None)
def test_an_end_is_warned_of_exactly_when_it_is_near(items: list[Any], now: datetime) -> None:
    known = read(items)
    near = [end for end in ahead(known, now) if end.at - now <= WARNING]
    assert expiring(known, now) == (min(near) if near else None)


def test_guards_are_conditions() -> None:
    assert set(GUARDS) <= set(Kind)
