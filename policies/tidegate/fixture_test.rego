# METADATA
# title: A question in which everything is in order
# description: Tests take one thing away with `but`, or change one licence with `licences_but`.
package tidegate.fixture

digest := "aa"

rosa := {"issuer": "local", "subject": "rosa"}

gwen := {"issuer": "local", "subject": "gwen"}

chidi := {"issuer": "local", "subject": "chidi"}

cleo := {"issuer": "local", "subject": "cleo"}

licences := {"open": {
	"digest": "ll",
	"title": "Open",
	"name_known": true,
	"clauses": {"grant.validTo": "7"},
	"valid_from": "2026-01-01T00:00:00Z",
	"valid_to": "2026-12-31T00:00:00Z",
	"spdx": "CC-BY-4.0",
	"permitted": ["DUO:0000042"],
	"diseases": [],
	"prohibited": [],
	"ethics_required": false,
	"single_project": false,
	"organisations": [],
	"commercial": "allow",
	"countries": [],
	"linkage": "allow",
	"derived_data": "allow",
	"models": "allow",
	"share_alike": false,
	"no_derivatives": false,
	"permitted_kinds": [],
	"min_reviewers": 2,
	"duties": [
		{
			"point": "egress.release",
			"kind": "attribution",
			"detail": "Courtesy of the archive.",
			"clause": "4",
			"adapted": false,
		},
		{
			"point": "egress.release",
			"kind": "share_alike",
			"detail": "CC-BY-4.0",
			"clause": "3",
			"adapted": true,
		},
		{
			"point": "project.approve",
			"kind": "destroy",
			"detail": "Delete every copy.",
			"clause": "8",
			"adapted": false,
		},
	],
	"unmodelled": [],
}}

granted := {
	"name": "rosa-researcher",
	"person": rosa,
	"project": "p1",
	"role": "researcher",
	"since": "2026-01-01T00:00:00Z",
	"until": "2026-10-01T00:00:00Z",
	"training_until": "2026-09-01T00:00:00Z",
}

officer := {
	"name": "gwen-officer",
	"person": gwen,
	"project": null,
	"role": "governance-officer",
	"since": "2026-01-01T00:00:00Z",
	"until": "2026-10-01T00:00:00Z",
	"training_until": null,
}

approval := {
	"verdict": "approve",
	"by": gwen,
	"digest": digest,
	"at": "2026-02-01T00:00:00Z",
	"until": null,
}

base := {
	"api": "tidegate.dev/policy/v1",
	"now": "2026-06-01T00:00:00Z",
	"project": {
		"name": "p1",
		"digest": digest,
		"requester": rosa,
		"lead": rosa,
		"organisation": "Example University",
		"codes": ["DUO:0000006"],
		"diseases": [],
		"commercial": false,
		"ethics_approved": false,
		"tier": 2,
		"network": "none",
		"destinations": ["download"],
		"permitted_types": ["csv"],
		"reviewers": 2,
		"ends": "2026-11-01T00:00:00Z",
		"stage": "submitted",
		"approvals": [approval],
	},
	"datasets": [{
		"name": "d1",
		"registered": true,
		"digest": "dd",
		"pinned_digest": null,
		"tier": 2,
		"licence": "open",
		"licence_digest": "ll",
		"other_projects": [],
	}],
}

approve := object.union(base, {
	"point": "project.approve",
	"subject": {"actor": null, "grants": []},
})

start := object.union(base, {
	"point": "workspace.start",
	"subject": {"person": rosa, "grants": [granted], "network": "none"},
})

release := object.union(base, {
	"point": "egress.release",
	"subject": {
		"request": "r1",
		"person": rosa,
		"destination": "download",
		"voters": [chidi, cleo],
		"files": [{"kind": "csv", "sha256": "ff"}],
		"grants": [granted],
		"members": [rosa],
	},
})

but(question, path, value) := json.patch(question, [{"op": "replace", "path": path, "value": value}])

without(question, path) := json.patch(question, [{"op": "remove", "path": path}])

licences_but(field, value) := {"open": object.union(licences.open, {field: value})}

codes(decision) := {reason.code | some reason in decision.deny}

# A second data set under a licence of its own, which is the first one changed.
two(question, changes) := fixture_two if {
	second := object.union(question.datasets[0], {"name": "d2", "licence": "second"})
	fixture_two := {
		"question": but(question, "/datasets", [question.datasets[0], second]),
		"licences": {"open": licences.open, "second": object.union(licences.open, changes)},
	}
}

# Both licences changed.
pair(question, first, second) := {
	"question": two(question, second).question,
	"licences": {
		"open": object.union(licences.open, first),
		"second": object.union(licences.open, second),
	},
}
