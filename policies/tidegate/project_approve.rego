# METADATA
# title: May this project have what it asks for?
# description: |
#   Asked by the officer's page or command (then `subject.actor` is the officer) and by the controller at each look.
#   Without a standing approval of this digest the answer is that a human must decide.
package tidegate.project_approve

import data.tidegate.answer
import data.tidegate.approvals
import data.tidegate.clock
import data.tidegate.duties
import data.tidegate.licences
import data.tidegate.mixing
import data.tidegate.projects
import data.tidegate.purposes

default nobody_asking_ok := false

nobody_asking_ok if input.subject.actor == null

default other_person_ok := false

other_person_ok if nobody_asking_ok

other_person_ok if count({approvals.key(input.subject.actor)} - approvals.own) == 1

default officer_ok := false

officer_ok if nobody_asking_ok

officer_ok if {
	some g in input.subject.grants
	approvals.key(g.person) == approvals.key(input.subject.actor)
	g.role == "governance-officer"
	g.project == null
	clock.come(g.since)
	is_string(g.until)
	clock.ahead(g.until)
}

deny contains {"code": "same_person", "dataset": "", "detail": "", "clause": ""} if not other_person_ok

deny contains {"code": "role_not_permitted", "dataset": "", "detail": "", "clause": ""} if not officer_ok

deny contains reason if some reason in licences.deny

deny contains reason if some reason in purposes.deny

deny contains reason if some reason in mixing.deny

deny contains reason if some reason in projects.deny

default facts_ok := false

facts_ok if {
	input.point == "project.approve"
	licences.licences_ok
	purposes.purposes_ok
	mixing.linkage_ok
	projects.project_ok
	other_person_ok
	officer_ok
}

default waiting := true

waiting := false if approvals.approval_ok

obligations contains duty if {
	some duty in union({licences.approve, purposes.approve, mixing.approve, mixing.conflicts, duties.owed})
}

obligations contains {"kind": "approve", "dataset": "", "detail": approvals.reason, "clause": ""} if waiting

default deadline := null

deadline := clock.earliest(licences.ends | projects.ends)

result := answer.outcome(facts_ok, deny, waiting)

# METADATA
# title: project.approve
# entrypoint: true
decision := answer.form(result, deny, obligations, deadline)
