"""The table of states is total: every ordered pair, for everybody, is as egress.md section 3 lists it."""

import pytest

from egress_review.domain.status import FINAL, OWNERS, PAIRS, STATUS_WORDS, TRANSITIONS, Mover, Owner, Status, can_move

# Written out from the design, pair by pair, so that an edit of the table in the code shows here.
LISTED = """
draft scanning author | returned scanning author | draft withdrawn author | returned withdrawn author
scanning withdrawn author | draft expired service | returned expired service | scanning submitted service
scanning returned service | submitted partially-reviewed checker | partially-reviewed reviewed checker
submitted returned checker | partially-reviewed returned checker | reviewed returned checker
reviewed rejected checker | reviewed escalated checker | escalated reviewed officer | reviewed approved checker
approved releasing service | releasing released service | releasing approved service | scanning expired officer
submitted expired officer | partially-reviewed expired officer | reviewed expired officer | escalated expired officer
approved expired officer | released revoked checker+officer
"""
ALLOWED = {
    (Status(source), Status(target)): frozenset(Mover(mover) for mover in movers.split("+"))
    for source, target, movers in (row.split() for line in LISTED.strip().splitlines() for row in line.split("|"))
}


def test_there_are_182_ordered_pairs_and_28_are_allowed() -> None:
    assert (len(PAIRS), len(TRANSITIONS), len(ALLOWED)) == (182, 28, 28)


@pytest.mark.parametrize("mover", Mover)
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_pair_is_allowed_exactly_where_listed(source: Status, target: Status, mover: Mover) -> None:
    assert can_move(source, target, mover) == (mover in ALLOWED.get((source, target), frozenset()))


def test_nothing_leaves_a_final_state() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] in FINAL]
    assert [pair for pair in TRANSITIONS if pair[0] is Status.RELEASED] == [(Status.RELEASED, Status.REVOKED)]


def test_every_state_has_an_owner_and_words() -> None:
    assert set(OWNERS) == set(STATUS_WORDS) == set(Status)
    assert {status for status in Status if OWNERS[status] is Owner.AUTHOR} == {Status.DRAFT, Status.RETURNED}
