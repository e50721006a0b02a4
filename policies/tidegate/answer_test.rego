package tidegate.answer_test

import data.tidegate.answer

reason := {"code": "x", "dataset": "", "detail": "", "clause": ""}

test_allow_needs_facts_and_no_reason if {
	answer.outcome(true, set(), false) == "allow"
	answer.outcome(false, set(), false) == "deny"
	answer.outcome(true, {reason}, false) == "deny"
}

test_what_waits_needs_a_human if {
	answer.outcome(true, set(), true) == "needs_human"
	answer.outcome(false, set(), true) == "deny"
	answer.outcome(true, {reason}, true) == "deny"
}

test_facts_of_another_type_deny if {
	answer.outcome("true", set(), false) == "deny"
	answer.outcome(true, set(), null) == "deny"
}

test_a_refusal_without_a_reason_is_undecided if answer.reasons("deny", set()) == [answer.undecided]

test_reasons_are_told_as_they_are if answer.reasons("deny", {reason}) == [reason]

test_an_allow_has_no_reasons if answer.reasons("allow", set()) == []

test_the_form_names_rules_and_licences if {
	form := answer.form("allow", set(), set(), null) with data.version as "v" with data.revision as "r"
	form == {"outcome": "allow", "deny": [], "obligations": [], "deadline": null, "version": "v", "revision": "r"}
}
