package tidegate.project_approve_test

import data.tidegate.fixture
import data.tidegate.project_approve

decision(question) := value if {
	value := project_approve.decision with input as question with data.licences as fixture.licences
}

by(actor, grants) := fixture.but(fixture.approve, "/subject", {"actor": actor, "grants": grants})

test_an_approved_project_is_allowed if decision(fixture.approve).outcome == "allow"

test_the_first_end_is_told if decision(fixture.approve).deadline == "2026-11-01T00:00:00Z"

test_without_approval_a_human_must_decide if {
	answer := decision(fixture.but(fixture.approve, "/project/approvals", []))
	answer.outcome == "needs_human"
	{"approval_missing"} == {d.detail | some d in answer.obligations; d.dataset == ""}
}

test_after_a_change_a_human_must_decide if {
	answer := decision(fixture.but(fixture.approve, "/project/digest", "bb"))
	answer.outcome == "needs_human"
	{"approval_stale"} == {d.detail | some d in answer.obligations; d.dataset == ""}
}

test_an_officer_may_decide if {
	question := fixture.but(by(fixture.gwen, [fixture.officer]), "/project/approvals", [])
	decision(question).outcome == "needs_human"
}

test_nobody_decides_their_own if {
	own := object.union(fixture.officer, {"person": fixture.rosa})
	fixture.codes(decision(by(fixture.rosa, [own]))) == {"same_person"}
}

test_who_decides_holds_a_live_officers_grant if {
	every change in [
		{"role": "operator"},
		{"person": fixture.cleo},
		{"project": "p1"},
		{"until": "2026-06-01T00:00:00Z"},
		{"until": null},
		{"since": "2026-06-02T00:00:00Z"},
	] {
		grant := object.union(fixture.officer, change)
		fixture.codes(decision(by(fixture.gwen, [grant]))) == {"role_not_permitted"}
	}
}

test_an_actor_left_out_denies if {
	decision(fixture.without(fixture.approve, "/subject/actor")).outcome == "deny"
}

test_a_project_in_disorder_is_denied if {
	fixture.codes(decision(fixture.but(fixture.approve, "/project/stage", "closing"))) == {"project_closing"}
	fixture.codes(decision(fixture.but(fixture.approve, "/project/tier", 0))) == {"tier_too_low"}
}

test_another_points_question_is_undecided if {
	fixture.codes(decision(fixture.but(fixture.approve, "/point", "workspace.start"))) == {"undecided"}
}

test_nothing_asked_is_denied if decision({}).outcome == "deny"

test_a_clause_left_to_humans_is_told_to_the_officer if {
	left := fixture.licences_but("unmodelled", [{"clause": "6", "text": "Tell us first.", "effect": "human"}])
	answer := project_approve.decision with input as fixture.approve with data.licences as left
	answer.outcome == "allow"
	{"6", "8"} == {d.clause | some d in answer.obligations}
}

test_what_the_project_is_for_is_judged if {
	fixture.codes(decision(fixture.but(fixture.approve, "/project/codes", ["DUO:9999999"]))) == {"purpose_not_permitted"}
}

test_linking_is_judged if {
	both := fixture.two(fixture.approve, {"linkage": "forbid"})
	answer := project_approve.decision with input as both.question with data.licences as both.licences
	fixture.codes(answer) == {"linkage_forbidden"}
}

test_what_cannot_be_met_in_one_work_is_told_to_the_officer if {
	both := fixture.two(fixture.approve, {"share_alike": true, "spdx": "CC-BY-SA-4.0", "no_derivatives": false})
	answer := project_approve.decision with input as both.question with data.licences as both.licences
	answer.outcome == "allow"
	not "conflict" in {d.kind | some d in answer.obligations}
	marks := {"share_alike": true, "spdx": "CC-BY-NC-SA-4.0", "commercial": "forbid"}
	mixed := fixture.pair(fixture.approve, {"share_alike": true, "spdx": "CC-BY-SA-4.0"}, marks)
	told := project_approve.decision with input as mixed.question with data.licences as mixed.licences
	{"d1", "d2"} == {d.dataset | some d in told.obligations; d.kind == "conflict"}
}

test_duties_of_the_agreement_are_told if {
	{"destroy"} == {d.kind | some d in decision(fixture.approve).obligations}
}
