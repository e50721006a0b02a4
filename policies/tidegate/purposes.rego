# METADATA
# title: What the project is for
# description: |
#   The project's purposes against those every licence permits: the graph of purposes, the disease, what is prohibited,
#   ethics approval and commerce. Each row of `failing` holds the data sets that did not earn a positive fact.
package tidegate.purposes

import data.tidegate.licences

named_disease := "DUO:0000007"

wanted contains code if some code in input.project.codes

diseases contains code if some code in input.project.diseases

# A purpose satisfies itself and whatever it lies under, never the reverse.
satisfied[name] contains code if {
	some name, t in licences.terms
	some code in wanted
	some above in data.duo.ancestors[code]
	above in t.permitted
}

satisfied[name] contains named_disease if {
	some name in disease_fits
	named_disease in wanted
}

# A disease is covered by itself and whatever it lies under.
covered[name] contains disease if {
	some name, t in licences.terms
	some disease in diseases
	some above in data.mondo.ancestors[disease]
	above in t.diseases
}

disease_fits contains name if {
	some name, covering in covered
	count(diseases) > 0
	count(diseases - covering) == 0
}

purpose_fits contains name if {
	some name, fitting in satisfied
	count(wanted) > 0
	count(wanted - fitting) == 0
}

# Those that permit a named disease, and where nothing but the disease does not fit.
other_disease contains name if {
	some name, t in licences.terms
	count(t.diseases) > 0
	wanted - object.get(satisfied, [name], set()) == {named_disease}
}

# A purpose is prohibited with what lies under it; and what it lies under might hold it.
around[code] contains above if {
	some code in wanted
	some above in data.duo.ancestors[code]
}

around[code] contains below if {
	some code in wanted
	some below, above in data.duo.ancestors
	code in above
}

apart[name] contains code if {
	some name, t in licences.terms
	is_array(t.prohibited)
	some code, near in around
	banned := {each | some each in t.prohibited; is_string(each)}
	count(banned) == count(t.prohibited)
	count(banned & near) == 0
}

untouched contains name if {
	some name, t in licences.terms
	t.prohibited == []
}

untouched contains name if {
	some name, clear in apart
	count(wanted) > 0
	count(wanted - clear) == 0
}

ethics_fits contains name if {
	some name, t in licences.terms
	t.ethics_required == false
}

ethics_fits contains name if {
	some name, _ in licences.terms
	input.project.ethics_approved == true
}

commercial_known contains name if {
	some name, t in licences.terms
	t.commercial in {"allow", "ask", "forbid"}
}

commercial_known contains name if {
	some name, _ in licences.terms
	input.project.commercial == false
}

commercial_fits contains name if {
	some name, t in licences.terms
	t.commercial in {"allow", "ask"}
}

commercial_fits contains name if {
	some name, _ in licences.terms
	input.project.commercial == false
}

failing := {
	"purpose_not_permitted": (licences.licensed - purpose_fits) - other_disease,
	"disease_not_permitted": (licences.licensed - purpose_fits) & other_disease,
	"purpose_prohibited": licences.licensed - untouched,
	"ethics_missing": licences.licensed - ethics_fits,
	"term_unknown": licences.licensed - commercial_known,
	"commercial_forbidden": licences.licensed & (commercial_known - commercial_fits),
}

default purposes_ok := false

purposes_ok if {
	is_object(failing)
	count(licences.names) > 0
	count([name | some missing in failing; some name in missing]) == 0
}

details.purpose_not_permitted[name] := concat(", ", sort(wanted - object.get(satisfied, [name], set()))) if {
	some name in failing.purpose_not_permitted
}

details.disease_not_permitted[name] := concat(", ", sort(diseases - object.get(covered, [name], set()))) if {
	some name in failing.disease_not_permitted
}

details.purpose_prohibited[name] := concat(", ", sort(wanted - object.get(apart, [name], set()))) if {
	some name in failing.purpose_prohibited
}

deny contains reason if {
	some reason in licences.reasons(failing, details)
	reason.code in ({code | some code, _ in failing} - {"term_unknown"})
}

deny contains reason if {
	some name in failing.term_unknown
	reason := {
		"code": "term_unknown",
		"dataset": name,
		"detail": "commercial use",
		"clause": licences.clause_of(name, "parties.commercial"),
	}
}

approve contains duty if {
	some name, t in licences.terms
	t.commercial == "ask"
	input.project.commercial == true
	duty := {
		"kind": "approve",
		"dataset": name,
		"detail": "The licensor must agree to the commercial purpose.",
		"clause": licences.clause_of(name, "parties.commercial"),
	}
}
