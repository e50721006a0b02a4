# METADATA
# title: Data sets beside each other
# description: |
#   What several licences say together. Linking people across data sets needs the word of every licence. Whether one
#   adapted work can be made from all of them is told when the project is approved, and decided when it is released.
package tidegate.mixing

import data.tidegate.licences

# With one data set there is nothing to link it with.
default single_ok := false

single_ok if {
	is_array(input.datasets)
	count(licences.names) == 1
	count(input.datasets) == 1
}

linkable contains name if {
	some name, t in licences.terms
	t.linkage in {"allow", "ask"}
}

linkage_known contains name if {
	some name, t in licences.terms
	t.linkage in {"allow", "ask", "forbid"}
}

default linkage_ok := false

linkage_ok if single_ok

linkage_ok if {
	count(licences.names) > 1
	count(licences.names - linkable) == 0
}

reason(code, name, detail, field) := {
	"code": code,
	"dataset": name,
	"detail": detail,
	"clause": licences.clause_of(name, field),
}

deny contains reason("linkage_forbidden", name, "", "data.linkage") if {
	some name in (linkage_known - linkable)
	not single_ok
}

deny contains reason("term_unknown", name, "linking it with other data sets", "data.linkage") if {
	some name in (licences.licensed - linkage_known)
	not single_ok
}

approve contains duty if {
	some name, t in licences.terms
	t.linkage == "ask"
	not single_ok
	duty := {
		"kind": "approve",
		"dataset": name,
		"detail": "The licensor must agree to linking it with other data sets.",
		"clause": licences.clause_of(name, "data.linkage"),
	}
}

# Whether an adapted work under the terms of `mark` can hold material under the terms of `other`.
fits(mark, other) if {
	other.share_alike == true
	other.spdx == mark.spdx
}

fits(_, other) if {
	other.share_alike == false
	other.no_derivatives == false
	other.commercial == "allow"
}

fits(mark, other) if {
	other.share_alike == false
	other.no_derivatives == false
	mark.commercial == "forbid"
}

harmonious contains name if {
	some name, t in licences.terms
	t.share_alike == false
}

harmonious contains name if {
	some name, t in licences.terms
	t.share_alike == true
	fitting := {other | some other, u in licences.terms; fits(t, u)}
	count(licences.names - fitting) == 0
}

conflicting := licences.licensed - harmonious

conflicts contains duty if {
	some name in conflicting
	duty := {
		"kind": "conflict",
		"dataset": name,
		"detail": "Images, annotations and models made from all these data sets together stay inside.",
		"clause": licences.clause_of(name, "sharing.shareAlike"),
	}
}
