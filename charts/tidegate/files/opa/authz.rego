# METADATA
# title: Who may ask this server what
# description: |
#   One caller with one token, three questions, and whether the server is well. The node's probes have no token and
#   learn only whether it is up. Nothing else: no data or policy is read or written, no other query is run. Read at the
#   start and not part of any bundle, so no bundle can loosen it.
package system.authz

default allow := false

default caller_ok := false

caller_ok if {
	is_string(data.system.caller)
	count(data.system.caller) >= 32
	input.identity == data.system.caller
}

questions := {
	["v1", "data", "tidegate", "project_approve", "decision"],
	["v1", "data", "tidegate", "workspace_start", "decision"],
	["v1", "data", "tidegate", "egress_release", "decision"],
}

# Failing built-ins are errors, never undefined, and the answer names its bundle; no traces are given away.
asked := {"strict-builtin-errors": ["True"], "provenance": ["True"]}

allow if {
	caller_ok
	input.method == "POST"
	input.path in questions
	input.params == asked
}

allow if {
	caller_ok
	input.method == "GET"
	input.path == ["health"]
}

allow if {
	input.method == "GET"
	input.path == ["health"]
	count(input.params) == 0
}
