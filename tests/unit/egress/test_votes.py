"""Counting: distinct humans, current turn, submitted, bound to the digest. Properties over generated histories."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from egress_review.domain.request import Choice, OutputFile, Request, Review, Texts, Vote, binding_digest
from egress_review.domain.votes import FileDecision, all_approved, approvers, counted_votes, decision_of
from tidegate.model import PersonRef

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AUTHOR = PersonRef(subject="rosa")
PEOPLE = [PersonRef(subject=name) for name in ("chidi", "cleo", "third", "rosa")]
FILE = OutputFile("t.csv", "a" * 64, 3, "csv", "a" * 64, 3)
BARE = Request("1" * 20, "p1", AUTHOR, NOW, NOW, turn=3, files=(FILE,))
DIGEST = binding_digest(BARE, FILE)

reviews = st.builds(
    lambda person, turn, choice, submitted, current, voided: Review(
        person,
        turn,
        (Vote("t.csv", choice, DIGEST if current else "0" * 64),),
        submitted=NOW if submitted else None,
        voided=voided,
    ),
    st.sampled_from(PEOPLE),
    st.integers(1, 3),
    st.sampled_from(Choice),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
histories = st.lists(reviews, max_size=12).map(tuple)


def request_with(history: tuple[Review, ...]) -> Request:
    return replace(BARE, reviews=history)


def approval_by(name: str, **changes: object) -> Review:
    return replace(Review(PersonRef(subject=name), 3, (Vote("t.csv", Choice.APPROVE, DIGEST),), NOW), **changes)


@given(histories)
def test_never_more_votes_than_distinct_eligible_humans(history: tuple[Review, ...]) -> None:
    made = request_with(history)
    humans = {r.person.subject for r in history if r.submitted and r.turn == 3 and not r.voided and r.person != AUTHOR}
    assert len(counted_votes(made, FILE)) <= len(humans)


@given(histories, st.integers(0, 5))
def test_one_human_alone_never_decides(history: tuple[Review, ...], needed: int) -> None:
    """Whatever number a caller asks for, two is the least."""
    alone = tuple(r for r in history if r.person.subject in {"chidi", "rosa"})
    assert decision_of(request_with(alone), FILE, needed) is FileDecision.INCOMPLETE


@given(histories)
def test_reviews_of_other_turns_unsubmitted_or_void_change_nothing(history: tuple[Review, ...]) -> None:
    counting = tuple(r for r in history if r.turn == 3 and r.submitted and not r.voided)
    assert counted_votes(request_with(history), FILE) == counted_votes(request_with(counting), FILE)


@given(histories)
def test_two_fresh_approvals_in_a_new_turn_always_approve(history: tuple[Review, ...]) -> None:
    made = replace(request_with(history), turn=4)
    fresh = tuple(approval_by(name, turn=4) for name in ("chidi", "cleo"))
    assert decision_of(replace(made, reviews=(*history, *fresh)), FILE, 2) is FileDecision.APPROVED


@given(st.sampled_from(["sha256", "sanitised", "kind", "name"]), histories)
def test_any_changed_part_of_a_file_voids_every_vote(part: str, history: tuple[Review, ...]) -> None:
    changed = replace(FILE, **{part: "changed"})
    assert counted_votes(replace(request_with(history), files=(changed,)), changed) == ()


@given(st.sampled_from(["texts", "destination", "criteria"]), histories)
def test_any_changed_text_destination_or_criterion_voids_every_vote(part: str, history: tuple[Review, ...]) -> None:
    value = Texts(purpose="another") if part == "texts" else "changed"
    assert counted_votes(replace(request_with(history), **{part: value}), FILE) == ()


def test_dissent_after_two_approvals_does_not_undo_them() -> None:
    dissent = replace(approval_by("third"), votes=(Vote("t.csv", Choice.CHANGES, DIGEST),))
    made = request_with((approval_by("chidi"), approval_by("cleo"), dissent))
    assert decision_of(made, FILE, 2) is FileDecision.APPROVED
    assert {person.subject for person in approvers(made)} == {"chidi", "cleo"}


def test_mixed_votes_conflict_and_a_third_person_breaks_the_tie() -> None:
    dissent = replace(approval_by("cleo"), votes=(Vote("t.csv", Choice.CHANGES, DIGEST),))
    made = request_with((approval_by("chidi"), dissent))
    assert decision_of(made, FILE, 2) is FileDecision.CONFLICTED
    assert decision_of(replace(made, reviews=(*made.reviews, approval_by("third"))), FILE, 2) is FileDecision.APPROVED


def test_request_without_files_is_never_approved() -> None:
    assert not all_approved(replace(BARE, files=()), 2)
