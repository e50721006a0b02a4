package tidegate.sharing_test

import data.tidegate.fixture
import data.tidegate.sharing

holding(kinds) := fixture.but(fixture.release, "/subject/files", [{"kind": kind, "sha256": "ff"} | some kind in kinds])

codes(question, registered) := value if {
	value := {reason.code | some reason in sharing.deny} with input as question
		with data.licences as registered
}

but(field, value) := fixture.licences_but(field, value)

table := holding(["csv"])

picture := holding(["csv", "png"])

model := holding(["csv", "onnx"])

test_a_table_a_picture_and_a_model_are_in_order if {
	every question in [table, picture, model] {
		codes(question, fixture.licences) == set()
		sharing.sharing_ok with input as question with data.licences as fixture.licences
	}
}

cases := [
	["sharing_forbidden", table, but("derived_data", "forbid")],
	["term_unknown", table, but("derived_data", "unknown")],
	["term_unknown", table, but("derived_data", null)],
	["adapted_forbidden", picture, but("no_derivatives", true)],
	["adapted_forbidden", picture, but("no_derivatives", null)],
	["models_forbidden", model, but("models", "forbid")],
	["term_unknown", model, but("models", "unknown")],
	["term_unknown", model, but("models", null)],
	["models_forbidden", holding(["never-heard-of"]), but("models", "forbid")],
	["kind_not_permitted", picture, but("permitted_kinds", ["csv"])],
	["kind_not_permitted", table, but("permitted_kinds", ["png"])],
	["kind_not_permitted", table, but("permitted_kinds", null)],
	["share_alike_conflict", picture, but("share_alike", null)],
]

test_each_case_gives_its_code_and_is_not_in_order if {
	every row in cases {
		[code, question, registered] := row
		codes(question, registered) == {code}
		not sharing.sharing_ok with input as question with data.licences as registered
	}
}

kept := [
	[table, but("derived_data", "ask")],
	[table, but("no_derivatives", true)],
	[table, but("models", "forbid")],
	[picture, but("models", "unknown")],
	[model, but("models", "ask")],
	[picture, but("permitted_kinds", ["csv", "png"])],
	[picture, but("share_alike", true)],
	[table, but("share_alike", null)],
]

test_each_kept_case_is_in_order if {
	every row in kept {
		[question, registered] := row
		codes(question, registered) == set()
		sharing.sharing_ok with input as question with data.licences as registered
	}
}

test_files_left_out_are_not_in_order if {
	every question in [holding([]), fixture.without(fixture.release, "/subject/files")] {
		not sharing.only_plain_ok with input as question with data.licences as fixture.licences
		not sharing.no_models_ok with input as question with data.licences as fixture.licences
	}
	not sharing.sharing_ok with input as holding([]) with data.licences as but("permitted_kinds", ["csv"])
}

test_no_data_sets_are_not_in_order if {
	not sharing.sharing_ok with input as fixture.but(table, "/datasets", []) with data.licences as fixture.licences
}

test_a_picture_made_from_two_that_do_not_mix_stays if {
	first := {"share_alike": true, "spdx": "CC-BY-SA-4.0"}
	both := fixture.pair(picture, first, {"commercial": "forbid"})
	codes(both.question, both.licences) == {"share_alike_conflict"}
	counts := fixture.pair(table, first, {"commercial": "forbid"})
	codes(counts.question, counts.licences) == set()
}

test_a_licensor_to_be_asked_is_a_duty if {
	{"d1"} == {d.dataset | some d in sharing.consent} with input as table with data.licences as but("derived_data", "ask")
	{"d1"} == {d.dataset | some d in sharing.consent} with input as model with data.licences as but("models", "ask")
	set() == sharing.consent with input as table with data.licences as but("models", "ask")
	set() == sharing.consent with input as model with data.licences as fixture.licences
}
