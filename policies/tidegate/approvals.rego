# METADATA
# title: Approvals
# description: |
#   An approval counts while it is for this very digest, by someone other than the requester and the lead, not ended
#   and not taken back since.
package tidegate.approvals

import data.tidegate.clock

key(person) := [person.issuer, person.subject]

# Undefined, and so nothing counts, where the question leaves either out.
own := {key(input.project.requester), key(input.project.lead)}

approving contains a if {
	some a in input.project.approvals
	a.verdict == "approve"
}

matching contains a if {
	some a in approving
	a.digest == input.project.digest
}

taken_back contains a if {
	some a in input.project.approvals
	a.verdict in {"refuse", "revoke"}
	a.digest == input.project.digest
}

by_others contains a if {
	some a in matching
	count({key(a.by)} - own) == 1
}

standing contains a if {
	some a in by_others
	clock.come(a.at)
	clock.ahead(a.until)
	every back in taken_back {
		time.parse_rfc3339_ns(back.at) < time.parse_rfc3339_ns(a.at)
	}
}

default approval_ok := false

approval_ok if count(standing) > 0

default reason := "approval_missing"

reason := "approval_ended" if {
	count(by_others) > 0
} else := "same_person" if {
	count(matching) > 0
} else := "approval_stale" if {
	count(approving) > 0
}

deny contains {"code": reason, "dataset": "", "detail": "", "clause": ""} if not approval_ok

# The longest standing approval decides when they end; one without an end never does.
endless contains a if {
	some a in standing
	a.until == null
}

ends := {max({pair | some a in standing; some pair in clock.pairs_of(a.until)})} if {
	count(standing) > 0
	count(endless) == 0
}

ends := set() if count(endless) > 0
