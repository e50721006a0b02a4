# METADATA
# title: May these reviewed files leave for this destination?
# description: |
#   Asked by egress review when a request is approved and again when it is released. Votes arrive counted by turn and
#   digest; who may not have voted is judged here once more.
package tidegate.egress_release

import data.tidegate.answer
import data.tidegate.approvals
import data.tidegate.clock
import data.tidegate.duties
import data.tidegate.licences
import data.tidegate.mixing
import data.tidegate.people
import data.tidegate.projects
import data.tidegate.purposes
import data.tidegate.sharing

author := approvals.key(input.subject.person)

voters contains approvals.key(v) if some v in input.subject.voters

members contains approvals.key(m) if some m in input.subject.members

default author_apart_ok := false

author_apart_ok if count(voters & {author}) == 0

default members_apart_ok := false

members_apart_ok if {
	is_array(input.subject.members)
	count(voters & members) == 0
}

# Members are the whole list: the author is always one of them.
default author_listed_ok := false

author_listed_ok if author in members

# A number in every licence, or nobody knows how many are enough.
counted contains name if {
	some name, t in licences.terms
	is_number(t.min_reviewers)
}

required := max({2, input.project.reviewers} | {t.min_reviewers | some _, t in licences.terms}) if {
	is_number(input.project.reviewers)
	count(licences.names - counted) == 0
}

default reviewed_ok := false

reviewed_ok if count((voters - members) - {author}) >= required

default destination_ok := false

destination_ok if input.subject.destination in input.project.destinations

default files_ok := false

files_ok if {
	is_array(input.subject.files)
	count(input.subject.files) > 0
	count([f | some f in input.subject.files; f.kind in input.project.permitted_types]) == count(input.subject.files)
}

deny contains {"code": "same_person", "dataset": "", "detail": "", "clause": ""} if not author_apart_ok

deny contains {"code": "voter_is_member", "dataset": "", "detail": "", "clause": ""} if not members_apart_ok

deny contains {"code": "too_few_reviewers", "dataset": "", "detail": format_int(required, 10), "clause": ""} if {
	not reviewed_ok
}

deny contains {
	"code": "destination_forbidden",
	"dataset": "",
	"detail": input.subject.destination,
	"clause": "",
} if {
	not destination_ok
}

deny contains {"code": "type_not_permitted", "dataset": "", "detail": "", "clause": ""} if not files_ok

deny contains reason if some reason in licences.deny

deny contains reason if some reason in purposes.deny

deny contains reason if some reason in mixing.deny

deny contains reason if some reason in sharing.deny

deny contains reason if some reason in projects.deny

deny contains reason if some reason in approvals.deny

deny contains reason if some reason in people.deny

default facts_ok := false

facts_ok if {
	input.point == "egress.release"
	licences.licences_ok
	purposes.purposes_ok
	mixing.linkage_ok
	projects.project_ok
	approvals.approval_ok
	people.grant_ok
	author_listed_ok
	author_apart_ok
	members_apart_ok
	reviewed_ok
	destination_ok
	files_ok
	sharing.sharing_ok
}

default waiting := true

waiting := false if count(sharing.consent) == 0

default deadline := null

deadline := clock.earliest(union({licences.ends, projects.ends, approvals.ends, people.ends}))

result := answer.outcome(facts_ok, deny, waiting)

# METADATA
# title: egress.release
# entrypoint: true
decision := answer.form(result, deny, sharing.consent | duties.owed, deadline)
