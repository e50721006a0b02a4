# METADATA
# title: The form of every answer
# description: |
#   One place turns facts, reasons and duties into an answer. Allow needs the facts and no reason against;
#   no reason for a refusal gives the reason `undecided`.
package tidegate.answer

undecided := {"code": "undecided", "dataset": "", "detail": "", "clause": ""}

default outcome(_, _, _) := "deny"

outcome(true, deny, waiting) := "allow" if {
	count(deny) == 0
	waiting == false
}

outcome(true, deny, waiting) := "needs_human" if {
	count(deny) == 0
	waiting == true
}

reasons(_, deny) := sort(deny) if count(deny) > 0

reasons("deny", deny) := [undecided] if count(deny) == 0

reasons(result, deny) := [] if {
	result in {"allow", "needs_human"}
	count(deny) == 0
}

form(result, deny, obligations, deadline) := {
	"outcome": result,
	"deny": reasons(result, deny),
	"obligations": sort(obligations),
	"deadline": deadline,
	"version": data.version,
	"revision": data.revision,
}
