# METADATA
# title: Grants and training
# description: |
#   The person asked about works in the project while one grant names them for it, with a role that works there, has
#   begun, has not ended, and whose training (where the grant records one) has not ended either.
package tidegate.people

import data.tidegate.approvals
import data.tidegate.clock

working_roles := {"researcher", "lead"}

person := approvals.key(input.subject.person)

named contains g if {
	some g in input.subject.grants
	approvals.key(g.person) == person
	g.project == input.project.name
}

working contains g if {
	some g in named
	g.role in working_roles
}

unended contains g if {
	some g in working
	is_string(g.until)
	clock.ahead(g.until)
}

begun contains g if {
	some g in unended
	clock.come(g.since)
}

good contains g if {
	some g in begun
	clock.ahead(g.training_until)
}

default grant_ok := false

grant_ok if count(good) > 0

default reason := "not_named"

reason := "training_ended" if {
	count(begun) > 0
} else := "grant_not_yet" if {
	count(unended) > 0
} else := "grant_ended" if {
	count(working) > 0
} else := "role_not_permitted" if {
	count(named) > 0
}

deny contains {"code": reason, "dataset": "", "detail": "", "clause": ""} if not grant_ok

# A grant ends with itself or its training, whichever comes first; the longest grant decides.
own_ends contains min(pairs) if {
	some g in good
	pairs := clock.pairs_of(g.until) | clock.pairs_of(g.training_until)
}

ends := {max(own_ends)} if count(own_ends) > 0
