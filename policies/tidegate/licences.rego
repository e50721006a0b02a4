# METADATA
# title: Data sets and their licences
# description: |
#   Every data set of the project must pass every row of `failing`. A row holds the data sets that did not earn a
#   positive fact, so a missing field denies. Licence facts come from `data.licences`, never from the question.
package tidegate.licences

import data.tidegate.clock

names contains d.name if some d in input.datasets

default datasets_ok := false

datasets_ok if {
	is_array(input.datasets)
	count(names) > 0
	count(names) == count(input.datasets)
}

# The compiled licence of each data set whose licence is registered.
terms[name] := found if {
	some d in input.datasets
	name := d.name
	found := data.licences[d.licence]
}

registered contains d.name if {
	some d in input.datasets
	d.registered == true
}

unchanged contains d.name if {
	some d in input.datasets
	d.pinned_digest == null
}

unchanged contains d.name if {
	some d in input.datasets
	d.pinned_digest == d.digest
}

licensed contains name if some name, _ in terms

same_digest contains d.name if {
	some d in input.datasets
	d.licence_digest == terms[d.name].digest
}

name_known contains name if {
	some name, t in terms
	t.name_known == true
}

started contains name if {
	some name, t in terms
	clock.come(t.valid_from)
}

unended contains name if {
	some name, t in terms
	clock.ahead(t.valid_to)
}

wanted contains code if some code in input.project.codes

# A purpose satisfies itself and whatever it lies under, never the reverse.
satisfied[name] contains code if {
	some name, t in terms
	some code in wanted
	some above in data.duo.ancestors[code]
	above in t.permitted
}

purpose_fits contains name if {
	some name, fitting in satisfied
	count(wanted) > 0
	count(wanted - fitting) == 0
}

commercial_known contains name if {
	some name, t in terms
	t.commercial in {"allow", "ask", "forbid"}
}

commercial_known contains name if {
	some name, _ in terms
	input.project.commercial == false
}

commercial_fits contains name if {
	some name, t in terms
	t.commercial in {"allow", "ask"}
}

commercial_fits contains name if {
	some name, _ in terms
	input.project.commercial == false
}

organisation_fits contains name if {
	some name, t in terms
	t.organisations == []
}

organisation_fits contains name if {
	some name, t in terms
	some permitted in t.organisations
	permitted == input.project.organisation
}

alone contains name if {
	some name, t in terms
	t.single_project == false
}

alone contains d.name if {
	some d in input.datasets
	d.other_projects == []
}

# Clauses no field can hold: only those that leave it to a human may pass.
modelled contains name if {
	some name, t in terms
	is_array(t.unmodelled)
	left_to_humans := [clause | some clause in t.unmodelled; clause.effect == "human"]
	count(left_to_humans) == count(t.unmodelled)
}

tier_fits contains d.name if {
	some d in input.datasets
	is_number(d.tier)
	is_number(input.project.tier)
	d.tier <= input.project.tier
}

# Later rows look only at data sets whose licence is known, so that one cause gives one reason.
failing := {
	"dataset_unknown": names - registered,
	"dataset_changed": registered - unchanged,
	"licence_unknown": registered - licensed,
	"licence_digest": licensed - same_digest,
	"licence_name_unknown": licensed - name_known,
	"licence_not_yet": licensed - started,
	"licence_expired": licensed - unended,
	"purpose_not_permitted": licensed - purpose_fits,
	"term_unknown": licensed - commercial_known,
	"commercial_forbidden": licensed & (commercial_known - commercial_fits),
	"organisation_not_permitted": licensed - organisation_fits,
	"licence_single_project": licensed - alone,
	"clause_unmodelled": licensed - modelled,
	"tier_too_low": registered - tier_fits,
}

default licences_ok := false

licences_ok if {
	datasets_ok
	is_object(failing)
	count([name | some missing in failing; some name in missing]) == 0
	count(names - licensed) == 0
}

fields := {
	"licence_not_yet": "grant.validFrom",
	"licence_expired": "grant.validTo",
	"purpose_not_permitted": "purpose.permitted",
	"term_unknown": "parties.commercial",
	"commercial_forbidden": "parties.commercial",
	"organisation_not_permitted": "parties.organisations",
	"licence_single_project": "purpose.singleProject",
}

clause_of(name, field) := object.get(terms, [name, "clauses", field], "")

details.licence_not_yet[name] := terms[name].valid_from if some name in failing.licence_not_yet

details.licence_expired[name] := terms[name].valid_to if some name in failing.licence_expired

details.organisation_not_permitted[name] := input.project.organisation if {
	some name in failing.organisation_not_permitted
}

details.purpose_not_permitted[name] := concat(", ", sort(wanted - object.get(satisfied, name, set()))) if {
	some name in failing.purpose_not_permitted
}

details.term_unknown[name] := "commercial use" if some name in failing.term_unknown

deny contains reason if {
	some code, missing in failing
	some name in missing
	reason := {
		"code": code,
		"dataset": name,
		"detail": object.get(details, [code, name], ""),
		"clause": clause_of(name, object.get(fields, code, "")),
	}
}

# What a human must have looked at before anything may start.
approve contains duty if {
	some name, t in terms
	some clause in t.unmodelled
	clause.effect == "human"
	duty := {"kind": "approve", "dataset": name, "detail": clause.text, "clause": clause.clause}
}

approve contains duty if {
	some name, t in terms
	t.commercial == "ask"
	input.project.commercial == true
	duty := {
		"kind": "approve",
		"dataset": name,
		"detail": "The licensor must agree to the commercial purpose.",
		"clause": clause_of(name, "parties.commercial"),
	}
}

ends contains pair if {
	some _, t in terms
	some pair in clock.pairs_of(t.valid_to)
}
