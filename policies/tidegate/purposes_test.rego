package tidegate.purposes_test

import data.tidegate.fixture
import data.tidegate.purposes

codes(question, registered) := value if {
	value := {reason.code | some reason in purposes.deny} with input as question
		with data.licences as registered
}

asking(wanted) := fixture.but(fixture.start, "/project/codes", wanted)

on(diseases) := fixture.but(asking(["DUO:0000007"]), "/project/diseases", diseases)

selling := fixture.but(fixture.start, "/project/commercial", true)

for_breast := fixture.licences_but("permitted", []).open

breast := {"open": object.union(for_breast, {"diseases": ["MONDO:0007254"]})}

test_all_in_order if {
	codes(fixture.start, fixture.licences) == set()
	purposes.purposes_ok with input as fixture.start with data.licences as fixture.licences
}

# One case a row: the code, the question, the licences.
cases := [
	["purpose_not_permitted", fixture.start, fixture.licences_but("permitted", [])],
	["purpose_not_permitted", fixture.start, fixture.licences_but("permitted", ["DUO:0000007"])],
	["purpose_not_permitted", fixture.start, fixture.licences_but("permitted", null)],
	["purpose_not_permitted", asking([]), fixture.licences],
	["purpose_not_permitted", asking(["DUO:0000004"]), fixture.licences],
	["purpose_not_permitted", asking(["DUO:0000006", "DUO:9999999"]), fixture.licences],
	["purpose_not_permitted", on([]), fixture.licences_but("permitted", [])],
	["purpose_not_permitted", fixture.start, breast],
	["purpose_not_permitted", asking(["DUO:0000006", "DUO:0000007"]), breast],
	["disease_not_permitted", on([]), breast],
	["disease_not_permitted", on(["MONDO:0004992"]), breast],
	["disease_not_permitted", on(["MONDO:0008903"]), breast],
	["disease_not_permitted", on(["MONDO:0007254", "MONDO:0008903"]), breast],
	["disease_not_permitted", on(["MONDO:0007254", "MONDO:9999999"]), breast],
	["purpose_prohibited", fixture.start, fixture.licences_but("prohibited", ["DUO:0000006"])],
	["purpose_prohibited", fixture.start, fixture.licences_but("prohibited", ["DUO:0000007"])],
	["purpose_prohibited", fixture.start, fixture.licences_but("prohibited", ["DUO:0000042"])],
	["purpose_prohibited", fixture.start, fixture.licences_but("prohibited", null)],
	["purpose_prohibited", fixture.start, fixture.licences_but("prohibited", [2.5])],
	["ethics_missing", fixture.start, fixture.licences_but("ethics_required", true)],
	["ethics_missing", fixture.start, fixture.licences_but("ethics_required", null)],
	["term_unknown", selling, fixture.licences_but("commercial", "unknown")],
	["term_unknown", selling, fixture.licences_but("commercial", null)],
	["commercial_forbidden", selling, fixture.licences_but("commercial", "forbid")],
	["commercial_forbidden", fixture.without(fixture.start, "/project/commercial"), fixture.licences_but("commercial", "forbid")],
]

test_each_case_gives_its_code_and_is_not_in_order if {
	every row in cases {
		[code, question, registered] := row
		codes(question, registered) == {code}
		not purposes.purposes_ok with input as question with data.licences as registered
	}
}

# What is allowed on the other side of each boundary.
kept := [
	[fixture.start, fixture.licences_but("permitted", ["DUO:0000006"])],
	[fixture.start, fixture.licences_but("permitted", ["DUO:0000004"])],
	[asking(["DUO:0000007"]), fixture.licences],
	[on(["MONDO:0008903"]), fixture.licences],
	[on(["MONDO:0007254"]), breast],
	[on(["MONDO:0004989"]), breast],
	[on(["MONDO:0004989", "MONDO:0007254"]), breast],
	[asking(["DUO:0000042"]), fixture.licences_but("prohibited", ["DUO:0000011"])],
	[fixture.but(fixture.start, "/project/ethics_approved", true), fixture.licences_but("ethics_required", true)],
	[fixture.start, fixture.licences_but("commercial", "forbid")],
	[fixture.start, fixture.licences_but("commercial", "unknown")],
	[selling, fixture.licences],
	[selling, fixture.licences_but("commercial", "ask")],
]

test_each_kept_case_is_in_order if {
	every row in kept {
		[question, registered] := row
		purposes.purposes_ok with input as question with data.licences as registered
		codes(question, registered) == set()
	}
}

details(question, registered) := value if {
	value := {reason.detail | some reason in purposes.deny} with input as question
		with data.licences as registered
}

test_details_say_what_does_not_fit if {
	details(asking(["DUO:0000006", "DUO:9999999"]), fixture.licences) == {"DUO:9999999"}
	details(on(["MONDO:0004989", "MONDO:0008903"]), breast) == {"MONDO:0008903"}
	details(fixture.start, fixture.licences_but("prohibited", ["DUO:0000007"])) == {"DUO:0000006"}
	details(selling, fixture.licences_but("commercial", "unknown")) == {"commercial use"}
}

test_no_data_sets_are_not_in_order if {
	not purposes.purposes_ok with input as fixture.but(fixture.start, "/datasets", []) with data.licences as fixture.licences
}

test_a_commercial_purpose_that_must_be_asked_for_is_a_duty if {
	ask := fixture.licences_but("commercial", "ask")
	{"approve"} == {d.kind | some d in purposes.approve} with input as selling with data.licences as ask
	set() == purposes.approve with input as fixture.start with data.licences as ask
	set() == purposes.approve with input as selling with data.licences as fixture.licences
}
