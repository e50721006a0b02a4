package tidegate.licences_test

import data.tidegate.fixture
import data.tidegate.licences

codes(question, registered) := value if {
	value := {reason.code | some reason in licences.deny} with input as question
		with data.licences as registered
}

test_all_in_order if {
	codes(fixture.start, fixture.licences) == set()
	licences.licences_ok with input as fixture.start with data.licences as fixture.licences
}

test_no_data_sets_are_not_in_order if {
	not licences.licences_ok with input as fixture.but(fixture.start, "/datasets", []) with data.licences as fixture.licences
}

test_data_sets_as_text_are_not_in_order if {
	not licences.licences_ok with input as fixture.but(fixture.start, "/datasets", "d1") with data.licences as fixture.licences
}

# One case a row: the code, what is changed in the question, what in the licence.
cases := [
	["dataset_unknown", fixture.but(fixture.start, "/datasets/0/registered", false), fixture.licences],
	["dataset_unknown", fixture.without(fixture.start, "/datasets/0/registered"), fixture.licences],
	["dataset_changed", fixture.but(fixture.start, "/datasets/0/pinned_digest", "ee"), fixture.licences],
	["licence_unknown", fixture.but(fixture.start, "/datasets/0/licence", "other"), fixture.licences],
	["licence_unknown", fixture.but(fixture.start, "/datasets/0/licence", null), fixture.licences],
	["licence_digest", fixture.but(fixture.start, "/datasets/0/licence_digest", "mm"), fixture.licences],
	["licence_digest", fixture.without(fixture.start, "/datasets/0/licence_digest"), fixture.licences],
	["licence_name_unknown", fixture.start, fixture.licences_but("name_known", false)],
	["licence_not_yet", fixture.start, fixture.licences_but("valid_from", "2026-06-01T00:00:00.000001Z")],
	["licence_expired", fixture.start, fixture.licences_but("valid_to", "2026-06-01T00:00:00Z")],
	["licence_expired", fixture.start, {"open": object.remove(fixture.licences.open, ["valid_to"])}],
	["organisation_not_permitted", fixture.start, fixture.licences_but("organisations", ["Another University"])],
	["organisation_not_permitted", fixture.start, fixture.licences_but("organisations", null)],
	["territory_not_permitted", fixture.start, fixture.licences_but("countries", ["GB"])],
	["territory_not_permitted", fixture.start, fixture.licences_but("countries", null)],
	["licence_single_project", fixture.but(fixture.start, "/datasets/0/other_projects", ["p2"]), fixture.licences_but("single_project", true)],
	["clause_unmodelled", fixture.start, fixture.licences_but("unmodelled", [{"clause": "9", "text": "x", "effect": "deny"}])],
	["clause_unmodelled", fixture.start, fixture.licences_but("unmodelled", [{"clause": "9", "text": "x"}])],
	["clause_unmodelled", fixture.start, fixture.licences_but("unmodelled", null)],
	["tier_too_low", fixture.but(fixture.start, "/project/tier", 1), fixture.licences],
	["tier_too_low", fixture.but(fixture.start, "/datasets/0/tier", null), fixture.licences],
]

test_each_case_gives_its_code_and_is_not_in_order if {
	every row in cases {
		[code, question, registered] := row
		codes(question, registered) == {code}
		not licences.licences_ok with input as question with data.licences as registered
	}
}

# What is allowed on the other side of each boundary.
kept := [
	[fixture.but(fixture.start, "/datasets/0/pinned_digest", "dd"), fixture.licences],
	[fixture.start, fixture.licences_but("valid_from", "2026-06-01T00:00:00Z")],
	[fixture.start, fixture.licences_but("valid_to", "2026-06-01T00:00:00.000001Z")],
	[fixture.start, fixture.licences_but("valid_to", null)],
	[fixture.start, fixture.licences_but("organisations", ["Another University", "Example University"])],
	[fixture.start, fixture.licences_but("single_project", true)],
	[fixture.but(fixture.start, "/datasets/0/other_projects", ["p2"]), fixture.licences],
	[fixture.but(fixture.start, "/project/tier", 3), fixture.licences],
]

test_each_kept_case_is_in_order if {
	every row in kept {
		[question, registered] := row
		licences.licences_ok with input as question with data.licences as registered
		codes(question, registered) == set()
	}
}

test_one_bad_data_set_among_good_ones_denies if {
	second := object.union(fixture.start.datasets[0], {"name": "d2", "licence": "nowhere"})
	question := fixture.but(fixture.start, "/datasets", [fixture.start.datasets[0], second])
	codes(question, fixture.licences) == {"licence_unknown"}
	not licences.licences_ok with input as question with data.licences as fixture.licences
}

test_a_refusal_names_data_set_detail_and_clause if {
	expired := fixture.licences_but("valid_to", "2026-05-01T00:00:00Z")
	licences.deny == {{
		"code": "licence_expired",
		"dataset": "d1",
		"detail": "2026-05-01T00:00:00Z",
		"clause": "7",
	}} with input as fixture.start with data.licences as expired
}

test_details_say_what_was_asked if {
	unnamed := fixture.licences_but("organisations", ["Another University"])
	{"Example University"} == {r.detail | some r in licences.deny} with input as fixture.start with data.licences as unnamed
	early := fixture.licences_but("valid_from", "2026-07-01T00:00:00Z")
	{"2026-07-01T00:00:00Z"} == {r.detail | some r in licences.deny} with input as fixture.start with data.licences as early
}

test_a_clause_left_to_humans_is_a_duty if {
	human := fixture.licences_but("unmodelled", [{"clause": "9", "text": "Look at it.", "effect": "human"}])
	licences.approve == {{"kind": "approve", "dataset": "d1", "detail": "Look at it.", "clause": "9"}} with input as fixture.start
		with data.licences as human
}

test_a_licence_bound_to_countries_fits_in_one_of_them if {
	bound := fixture.licences_but("countries", ["GB", "IE"])
	licences.licences_ok with input as fixture.start with data.licences as bound with data.site.country as "IE"
	not licences.licences_ok with input as fixture.start with data.licences as bound with data.site.country as "US"
	"US" in {r.detail | some r in licences.deny} with input as fixture.start
		with data.licences as bound
		with data.site.country as "US"
}

test_a_refusal_names_the_clause_of_its_field if {
	licences.fields.licence_expired == "grant.validTo"
	not licences.fields.term_unknown
	not licences.fields.dataset_unknown
}
