package tidegate.mixing_test

import data.tidegate.fixture
import data.tidegate.mixing

codes(both) := value if {
	value := {reason.code | some reason in mixing.deny} with input as both.question
		with data.licences as both.licences
}

beside(changes) := fixture.two(fixture.start, changes)

test_one_data_set_links_nothing if {
	forbidden := fixture.licences_but("linkage", "forbid")
	mixing.linkage_ok with input as fixture.start with data.licences as forbidden
	set() == mixing.deny with input as fixture.start with data.licences as forbidden
	set() == mixing.approve with input as fixture.start with data.licences as fixture.licences_but("linkage", "ask")
}

test_two_need_the_word_of_each if {
	every row in [
		["linkage_forbidden", {"linkage": "forbid"}],
		["term_unknown", {"linkage": "unknown"}],
		["term_unknown", {"linkage": null}],
	] {
		[code, changes] := row
		codes(beside(changes)) == {code}
		not mixing.linkage_ok with input as beside(changes).question with data.licences as beside(changes).licences
	}
}

test_a_data_set_given_twice_is_not_one if {
	twice := fixture.but(fixture.start, "/datasets", [fixture.start.datasets[0], fixture.start.datasets[0]])
	not mixing.linkage_ok with input as twice with data.licences as fixture.licences
}

test_no_data_sets_link_nothing_and_are_not_in_order if {
	not mixing.linkage_ok with input as fixture.but(fixture.start, "/datasets", []) with data.licences as fixture.licences
}

test_two_whose_licences_let_them_be_linked_are_in_order if {
	every word in {"allow", "ask"} {
		codes(beside({"linkage": word})) == set()
		mixing.linkage_ok with input as beside({"linkage": word}).question
			with data.licences as beside({"linkage": word}).licences
	}
}

test_a_licensor_to_be_asked_is_a_duty if {
	asked := beside({"linkage": "ask"})
	{"d2"} == {d.dataset | some d in mixing.approve} with input as asked.question with data.licences as asked.licences
}

sa := {"share_alike": true, "spdx": "CC-BY-SA-4.0", "commercial": "allow"}

nc_sa := {"share_alike": true, "spdx": "CC-BY-NC-SA-4.0", "commercial": "forbid"}

nc := {"spdx": "CC-BY-NC-4.0", "commercial": "forbid"}

nd := {"spdx": "CC-BY-ND-4.0", "no_derivatives": true}

by := {}

# Two licences, and the data sets whose terms an adapted work of both could not meet.
pairs := [
	[by, by, set()],
	[by, nc, set()],
	[by, nd, set()],
	[by, sa, set()],
	[sa, sa, set()],
	[nc, nc_sa, set()],
	[nc_sa, nc_sa, set()],
	[sa, nc, {"d1"}],
	[sa, nd, {"d1"}],
	[nd, nc_sa, {"d2"}],
	[sa, nc_sa, {"d1", "d2"}],
	[sa, {"commercial": "ask"}, {"d1"}],
	[sa, {"commercial": null}, {"d1"}],
	[sa, {"no_derivatives": null}, {"d1"}],
	[by, {"share_alike": null}, {"d2"}],
]

test_each_pair_conflicts_as_told if {
	every row in pairs {
		[first, second, expected] := row
		both := fixture.pair(fixture.approve, first, second)
		found := {d.dataset | some d in mixing.conflicts} with input as both.question with data.licences as both.licences
		found == expected
	}
}
