package tidegate.workspace_start_test

import data.tidegate.fixture
import data.tidegate.workspace_start

decision(question) := value if {
	value := workspace_start.decision with input as question with data.licences as fixture.licences
}

test_all_in_order_starts if decision(fixture.start).outcome == "allow"

# One row takes away all ends but one.
test_the_first_end_is_the_deadline if {
	every row in [
		["/subject/grants/0/training_until", "2026-06-02T00:00:00Z"],
		["/subject/grants/0/until", "2026-06-02T00:00:00Z"],
		["/project/ends", "2026-06-02T00:00:00Z"],
		["/project/approvals/0/until", "2026-06-02T00:00:00Z"],
	] {
		[path, end] := row
		decision(fixture.but(fixture.start, path, end)).deadline == end
	}
}

test_the_licences_end_is_a_deadline_too if {
	soon := fixture.licences_but("valid_to", "2026-06-02T00:00:00Z")
	answer := workspace_start.decision with input as fixture.start with data.licences as soon
	answer.deadline == "2026-06-02T00:00:00Z"
}

test_each_disorder_denies if {
	every row in [
		["licence_digest", "/datasets/0/licence_digest", "mm"],
		["project_ended", "/project/ends", "2026-06-01T00:00:00Z"],
		["approval_missing", "/project/approvals", []],
		["not_named", "/subject/grants", []],
		["network_forbidden", "/subject/network", "loopback"],
	] {
		[code, path, value] := row
		answer := decision(fixture.but(fixture.start, path, value))
		answer.outcome == "deny"
		fixture.codes(answer) == {code}
	}
}

test_an_approved_network_starts if {
	approved := fixture.but(fixture.start, "/project/network", "loopback")
	decision(fixture.but(approved, "/subject/network", "loopback")).outcome == "allow"
	decision(approved).outcome == "allow"
}

test_another_points_question_is_undecided if {
	fixture.codes(decision(fixture.but(fixture.start, "/point", "project.approve"))) == {"undecided"}
}

test_nothing_asked_is_denied if decision({}).outcome == "deny"

test_what_the_project_is_for_is_judged if {
	fixture.codes(decision(fixture.but(fixture.start, "/project/codes", ["DUO:9999999"]))) == {"purpose_not_permitted"}
}

test_linking_is_judged if {
	both := fixture.two(fixture.start, {"linkage": "unknown"})
	answer := workspace_start.decision with input as both.question with data.licences as both.licences
	fixture.codes(answer) == {"term_unknown"}
}
