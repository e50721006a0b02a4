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

organisation_fits contains name if {
	some name, t in terms
	t.organisations == []
}

organisation_fits contains name if {
	some name, t in terms
	some permitted in t.organisations
	permitted == input.project.organisation
}

# Where this installation stands is data of the site; while that is empty, no licence bound to a country fits.
territory_fits contains name if {
	some name, t in terms
	t.countries == []
}

territory_fits contains name if {
	some name, t in terms
	some country in t.countries
	country == data.site.country
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
	"organisation_not_permitted": licensed - organisation_fits,
	"territory_not_permitted": licensed - territory_fits,
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

# The field of a code, where it is one.
fields[code] := field if {
	some code, row in data.codes
	count(row.fields) == 1
	some field in row.fields
}

clause_of(name, field) := object.get(terms, [name, "clauses", field], "")

details.licence_not_yet[name] := terms[name].valid_from if some name in failing.licence_not_yet

details.licence_expired[name] := terms[name].valid_to if some name in failing.licence_expired

details.organisation_not_permitted[name] := input.project.organisation if {
	some name in failing.organisation_not_permitted
}

details.territory_not_permitted[name] := object.get(data.site, ["country"], "") if {
	some name in failing.territory_not_permitted
}

# A reason for each data set that fails a row.
reasons(rows, told) := {reason |
	some code, missing in rows
	some name in missing
	reason := {
		"code": code,
		"dataset": name,
		"detail": object.get(told, [code, name], ""),
		"clause": clause_of(name, object.get(fields, [code], "")),
	}
}

deny contains reason if some reason in reasons(failing, details)

# What a human must have looked at before anything may start.
approve contains duty if {
	some name, t in terms
	some clause in t.unmodelled
	clause.effect == "human"
	duty := {"kind": "approve", "dataset": name, "detail": clause.text, "clause": clause.clause}
}

ends contains pair if {
	some _, t in terms
	some pair in clock.pairs_of(t.valid_to)
}
