# METADATA
# title: May this person start a workspace of this project now?
# description: |
#   Asked by the hub before each start. An allow carries the instant at which the workspace must be gone: the first
#   end among grant, training, licences, approval and project.
package tidegate.workspace_start

import data.tidegate.answer
import data.tidegate.approvals
import data.tidegate.clock
import data.tidegate.licences
import data.tidegate.mixing
import data.tidegate.people
import data.tidegate.projects
import data.tidegate.purposes

default network_ok := false

network_ok if input.subject.network == "none"

network_ok if {
	input.subject.network == "loopback"
	input.project.network == "loopback"
}

deny contains {"code": "network_forbidden", "dataset": "", "detail": "", "clause": ""} if not network_ok

deny contains reason if some reason in licences.deny

deny contains reason if some reason in purposes.deny

deny contains reason if some reason in mixing.deny

deny contains reason if some reason in projects.deny

deny contains reason if some reason in approvals.deny

deny contains reason if some reason in people.deny

default deadline := null

deadline := clock.earliest(union({licences.ends, projects.ends, approvals.ends, people.ends}))

default facts_ok := false

facts_ok if {
	input.point == "workspace.start"
	licences.licences_ok
	purposes.purposes_ok
	mixing.linkage_ok
	projects.project_ok
	approvals.approval_ok
	people.grant_ok
	network_ok
	is_string(deadline)
}

result := answer.outcome(facts_ok, deny, false)

# METADATA
# title: workspace.start
# entrypoint: true
decision := answer.form(result, deny, union({licences.approve, purposes.approve, mixing.approve}), deadline)
