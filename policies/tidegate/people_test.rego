package tidegate.people_test

import data.tidegate.fixture
import data.tidegate.people

given(changes) := fixture.but(fixture.start, "/subject/grants", [
object.union(fixture.granted, change) |
	some change in changes
])

reason(question) := code if {
	found := {r.code | some r in people.deny} with input as question
	some code in found
	count(found) == 1
}

test_a_live_grant_with_training_is_in_order if people.grant_ok with input as fixture.start

test_without_recorded_training_too if people.grant_ok with input as given([{"training_until": null}])

test_a_lead_works if people.grant_ok with input as given([{"role": "lead"}])

test_no_grant_is_not_named if reason(given([])) == "not_named"

test_grants_left_out_are_not_named if reason(fixture.without(fixture.start, "/subject/grants")) == "not_named"

test_a_grant_of_another_project_is_not_named if reason(given([{"project": "p2"}])) == "not_named"

test_a_grant_of_another_person_is_not_named if reason(given([{"person": fixture.cleo}])) == "not_named"

test_an_observer_does_not_work if reason(given([{"role": "observer"}])) == "role_not_permitted"

test_a_grant_ends_at_its_end if reason(given([{"until": "2026-06-01T00:00:00Z"}])) == "grant_ended"

test_a_grant_without_an_end_has_ended if reason(given([{"until": null}])) == "grant_ended"

test_a_grant_begins_at_its_beginning if {
	reason(given([{"since": "2026-06-01T00:00:00.000001Z"}])) == "grant_not_yet"
	people.grant_ok with input as given([{"since": "2026-06-01T00:00:00Z"}])
}

test_training_ends_at_its_end if reason(given([{"training_until": "2026-06-01T00:00:00Z"}])) == "training_ended"

test_training_left_out_of_the_record_has_ended if {
	question := fixture.but(fixture.start, "/subject/grants", [object.remove(fixture.granted, ["training_until"])])
	reason(question) == "training_ended"
}

test_one_good_grant_of_several_is_enough if {
	people.grant_ok with input as given([{"role": "observer"}, {"until": "2026-05-01T00:00:00Z"}, {}])
}

test_training_may_end_a_grant_and_the_longest_decides if {
	ends := people.ends with input as given([{}, {"until": "2026-08-01T00:00:00Z", "training_until": null}])
	{"2026-09-01T00:00:00Z"} == {text | some [_, text] in ends}
}
