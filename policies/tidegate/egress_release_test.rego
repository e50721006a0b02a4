package tidegate.egress_release_test

import data.tidegate.egress_release
import data.tidegate.fixture

decision(question) := value if {
	value := egress_release.decision with input as question with data.licences as fixture.licences
}

under(field, changed) := value if {
	value := egress_release.decision with input as fixture.release
		with data.licences as fixture.licences_but(field, changed)
}

test_two_from_outside_release if decision(fixture.release).outcome == "allow"

test_each_disorder_denies if {
	every row in [
		["licence_digest", "/datasets/0/licence_digest", "mm"],
		["project_closing", "/project/stage", "closing"],
		["approval_stale", "/project/digest", "bb"],
		["not_named", "/subject/grants", []],
		["destination_forbidden", "/subject/destination", "elsewhere"],
		["type_not_permitted", "/subject/files", []],
		["type_not_permitted", "/subject/files", [{"kind": "csv", "sha256": "ff"}, {"kind": "zip", "sha256": "ff"}]],
		["type_not_permitted", "/subject/files", [{"sha256": "ff"}]],
		["too_few_reviewers", "/subject/voters", []],
		["too_few_reviewers", "/subject/voters", [fixture.chidi]],
		["too_few_reviewers", "/subject/voters", [fixture.chidi, fixture.chidi]],
		["too_few_reviewers", "/project/reviewers", 3],
		["too_few_reviewers", "/project/reviewers", 1e9],
	] {
		[code, path, value] := row
		answer := decision(fixture.but(fixture.release, path, value))
		answer.outcome == "deny"
		fixture.codes(answer) == {code}
	}
}

test_nobody_reviews_their_own if {
	voted := fixture.but(fixture.release, "/subject/voters", [fixture.chidi, fixture.cleo, fixture.rosa])
	fixture.codes(decision(voted)) == {"same_person", "voter_is_member"}
}

test_no_member_reviews if {
	joined := fixture.but(fixture.release, "/subject/members", [fixture.rosa, fixture.cleo])
	fixture.codes(decision(joined)) == {"voter_is_member", "too_few_reviewers"}
}

test_members_without_the_author_are_not_the_whole_list if {
	fixture.codes(decision(fixture.but(fixture.release, "/subject/members", []))) == {"undecided"}
}

test_members_left_out_deny if decision(fixture.without(fixture.release, "/subject/members")).outcome == "deny"

test_fewer_than_two_are_never_enough if {
	alone := fixture.but(fixture.but(fixture.release, "/project/reviewers", 1), "/subject/voters", [fixture.chidi])
	answer := egress_release.decision with input as alone with data.licences as fixture.licences_but("min_reviewers", 1)
	fixture.codes(answer) == {"too_few_reviewers"}
}

test_the_licence_may_ask_for_more if {
	answer := under("min_reviewers", 3)
	fixture.codes(answer) == {"too_few_reviewers"}
	answer.deny[0].detail == "3"
}

test_nobody_knows_how_many_are_enough_without_a_number if {
	under("min_reviewers", null).outcome == "deny"
	under("min_reviewers", "2").outcome == "deny"
}

test_what_the_licence_says_about_sharing_holds if {
	fixture.codes(under("derived_data", "forbid")) == {"sharing_forbidden"}
	fixture.codes(under("derived_data", "unknown")) == {"term_unknown"}
	fixture.codes(under("derived_data", null)) == {"term_unknown"}
}

test_a_licensor_to_be_asked_needs_a_human if {
	answer := under("derived_data", "ask")
	answer.outcome == "needs_human"
	"approve" in {d.kind | some d in answer.obligations}
}

test_duties_come_with_the_release if {
	duties := {[d.kind, d.detail] | some d in decision(fixture.release).obligations}
	duties == {["attribution", "Courtesy of the archive."]}
}

test_a_licence_without_duties_has_none if under("duties", []).obligations == []

test_what_licences_forbid_beside_that_holds if {
	fixture.codes(under("permitted", [])) == {"purpose_not_permitted"}
	fixture.codes(under("permitted_kinds", ["txt"])) == {"kind_not_permitted"}
	both := fixture.two(fixture.release, {"linkage": "forbid"})
	answer := egress_release.decision with input as both.question with data.licences as both.licences
	fixture.codes(answer) == {"linkage_forbidden"}
}

test_another_points_question_is_undecided if {
	fixture.codes(decision(fixture.but(fixture.release, "/point", "project.approve"))) == {"undecided"}
}

test_nothing_asked_is_denied if decision({}).outcome == "deny"

test_the_first_end_is_told if decision(fixture.release).deadline == "2026-09-01T00:00:00Z"
