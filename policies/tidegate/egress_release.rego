# METADATA
# title: May these reviewed files leave for this destination?
# description: |
#   Asked by egress review when a request is approved and again when it is released. Votes arrive counted by turn and
#   digest; who may not have voted is judged here once more.
package tidegate.egress_release

import data.tidegate.answer
import data.tidegate.approvals
import data.tidegate.clock
import data.tidegate.licences
import data.tidegate.people
import data.tidegate.projects

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

required := max({2, input.project.reviewers} | {t.min_reviewers | some _, t in licences.terms}) if {
	is_number(input.project.reviewers)
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

shareable contains name if {
	some name, t in licences.terms
	t.derived_data in {"allow", "ask"}
}

sharing_known contains name if {
	some name, t in licences.terms
	t.derived_data in {"allow", "ask", "forbid"}
}

default sharing_ok := false

sharing_ok if {
	count(licences.names) > 0
	count(licences.names - shareable) == 0
}

sharing_reason(code, name, detail) := {
	"code": code,
	"dataset": name,
	"detail": detail,
	"clause": licences.clause_of(name, "sharing.derivedData"),
}

deny contains sharing_reason("sharing_forbidden", name, "") if some name in (sharing_known - shareable)

deny contains sharing_reason("term_unknown", name, "sharing derived data") if {
	some name in (licences.licensed - sharing_known)
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

deny contains reason if some reason in projects.deny

deny contains reason if some reason in approvals.deny

deny contains reason if some reason in people.deny

default facts_ok := false

facts_ok if {
	input.point == "egress.release"
	licences.licences_ok
	projects.project_ok
	approvals.approval_ok
	people.grant_ok
	author_listed_ok
	author_apart_ok
	members_apart_ok
	reviewed_ok
	destination_ok
	files_ok
	sharing_ok
}

# No object records a licensor's consent to one release, so asking leaves it with a human.
consent contains duty if {
	some name, t in licences.terms
	t.derived_data == "ask"
	duty := {
		"kind": "approve",
		"dataset": name,
		"detail": "The licensor must agree to this release.",
		"clause": licences.clause_of(name, "sharing.derivedData"),
	}
}

attribution contains duty if {
	some name, t in licences.terms
	is_string(t.attribution)
	duty := {
		"kind": "attribution",
		"dataset": name,
		"detail": t.attribution,
		"clause": licences.clause_of(name, "outputs.attribution"),
	}
}

citation contains duty if {
	some name, t in licences.terms
	some text in t.citations
	duty := {
		"kind": "citation",
		"dataset": name,
		"detail": text,
		"clause": licences.clause_of(name, "outputs.citations"),
	}
}

default waiting := true

waiting := false if count(consent) == 0

default deadline := null

deadline := clock.earliest(union({licences.ends, projects.ends, approvals.ends, people.ends}))

result := answer.outcome(facts_ok, deny, waiting)

# METADATA
# title: egress.release
# entrypoint: true
decision := answer.form(result, deny, union({consent, attribution, citation}), deadline)
