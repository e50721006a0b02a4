package tidegate.approvals_test

import data.tidegate.approvals
import data.tidegate.fixture

given(changes) := fixture.but(fixture.start, "/project/approvals", [
object.union(fixture.approval, change) |
	some change in changes
])

reason(question) := code if {
	found := {r.code | some r in approvals.deny} with input as question
	some code in found
	count(found) == 1
}

test_an_approval_of_this_digest_counts if approvals.approval_ok with input as fixture.start

test_none_is_missing if reason(given([])) == "approval_missing"

test_approvals_left_out_count_for_nothing if {
	not approvals.approval_ok with input as fixture.without(fixture.start, "/project/approvals")
}

test_a_refusal_is_no_approval if reason(given([{"verdict": "refuse"}])) == "approval_missing"

test_another_digest_is_stale if reason(given([{"digest": "bb"}])) == "approval_stale"

test_the_requesters_own_does_not_count if reason(given([{"by": fixture.rosa}])) == "same_person"

test_the_leads_own_does_not_count if {
	led := fixture.but(given([{"by": fixture.cleo}]), "/project/lead", fixture.cleo)
	reason(led) == "same_person"
}

test_nothing_counts_where_the_requester_is_left_out if {
	not approvals.approval_ok with input as fixture.without(fixture.start, "/project/requester")
}

test_it_ends_at_its_end if reason(given([{"until": "2026-06-01T00:00:00Z"}])) == "approval_ended"

test_it_holds_until_its_end if {
	approvals.approval_ok with input as given([{"until": "2026-06-01T00:00:01Z"}])
}

test_one_from_the_future_does_not_count if {
	not approvals.approval_ok with input as given([{"at": "2026-06-02T00:00:00Z"}])
}

test_it_is_gone_once_taken_back if {
	reason(given([{}, {"verdict": "revoke", "at": "2026-03-01T00:00:00Z"}])) == "approval_ended"
	reason(given([{}, {"verdict": "refuse", "at": "2026-02-01T00:00:00Z"}])) == "approval_ended"
}

test_a_new_one_counts_after_that if {
	approvals.approval_ok with input as given([
		{},
		{"verdict": "revoke", "at": "2026-03-01T00:00:00Z"},
		{"at": "2026-04-01T00:00:00Z"},
	])
}

test_taking_back_without_a_time_takes_back if {
	back := object.remove(object.union(fixture.approval, {"verdict": "revoke"}), ["at"])
	question := fixture.but(fixture.start, "/project/approvals", [fixture.approval, back])
	not approvals.approval_ok with input as question
}

test_the_longest_decides_the_end if {
	ends := approvals.ends with input as given([{"until": "2026-07-01T00:00:00Z"}, {"until": "2026-08-01T00:00:00Z"}])
	{"2026-08-01T00:00:00Z"} == {text | some [_, text] in ends}
}

test_one_without_an_end_leaves_no_end if {
	set() == approvals.ends with input as given([{"until": "2026-07-01T00:00:00Z"}, {"until": null}])
}
