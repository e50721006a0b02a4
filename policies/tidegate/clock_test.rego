package tidegate.clock_test

import data.tidegate.clock

noon := {"now": "2026-06-01T12:00:00Z"}

test_an_instant_has_come_when_it_is_now if clock.come("2026-06-01T12:00:00Z") with input as noon

test_a_later_instant_has_not_come if not clock.come("2026-06-01T12:00:00.000001Z") with input as noon

test_an_end_that_is_now_is_not_ahead if not clock.ahead("2026-06-01T12:00:00Z") with input as noon

test_a_later_end_is_ahead if clock.ahead("2026-06-01T12:00:00.000001Z") with input as noon

test_no_end_is_ahead if clock.ahead(null) with input as noon

test_an_end_of_another_type_is_not_ahead if not clock.ahead([2027]) with input as noon

test_an_instant_of_another_type_has_not_come if not clock.come(0) with input as noon

test_nothing_has_come_without_a_now if not clock.come("2020-01-01T00:00:00Z") with input as {}

test_the_earliest_of_two_ends if {
	pairs := clock.pairs_of("2027-01-01T00:00:00Z") | clock.pairs_of("2026-01-01T00:00:00Z")
	clock.earliest(pairs) == "2026-01-01T00:00:00Z"
}

test_no_ends_have_no_earliest if clock.earliest(clock.pairs_of(null)) == null
