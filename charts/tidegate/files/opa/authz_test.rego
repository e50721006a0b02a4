package system.authz_test

import data.system.authz
import data.system.log

token := "a-token-of-more-than-thirty-two-characters"

question := {
	"identity": token,
	"method": "POST",
	"path": ["v1", "data", "tidegate", "workspace_start", "decision"],
	"params": {"strict-builtin-errors": ["True"], "provenance": ["True"]},
}

may(request) := value if value := authz.allow with input as request with data.system.caller as token

but(path, value) := json.patch(question, [{"op": "add", "path": path, "value": value}])

test_the_caller_may_ask if {
	every point in ["project_approve", "workspace_start", "egress_release"] {
		may(object.union(question, {"path": ["v1", "data", "tidegate", point, "decision"]}))
	}
}

test_the_caller_may_see_whether_the_server_is_well if {
	may({"identity": token, "method": "GET", "path": ["health"], "params": {"bundle": ["true"]}})
}

test_a_probe_without_a_token_sees_whether_it_is_up_and_not_more if {
	may({"identity": "", "method": "GET", "path": ["health"], "params": {}})
	not may({"identity": "", "method": "GET", "path": ["health"], "params": {"bundle": ["true"]}})
	not may({"identity": "", "method": "POST", "path": ["health"], "params": {}})
}

test_one_thing_wrong_is_refused if {
	every row in [
		["/identity", "another-token-of-more-than-thirty-two-characters"],
		["/identity", ""],
		["/identity", null],
		["/method", "PUT"],
		["/method", "GET"],
		["/method", "DELETE"],
		["/path", ["v1", "data"]],
		["/path", ["v1", "data", "licences"]],
		["/path", ["v1", "data", "tidegate", "workspace_start"]],
		["/path", ["v1", "data", "system", "caller"]],
		["/path", ["v1", "policies", "authz"]],
		["/path", ["v1", "query"]],
		["/path", ["v1", "compile"]],
		["/path", ["v1", "config"]],
		["/path", [""]],
		["/params", {}],
		["/params", {"strict-builtin-errors": ["False"], "provenance": ["True"]}],
		["/params", object.union(question.params, {"explain": ["full"]})],
	] {
		[path, value] := row
		not may(but(path, value))
	}
}

test_without_a_token_of_its_own_a_server_answers_nobody if {
	every held in [null, "", "short", 7, {}] {
		not authz.allow with input as object.union(question, {"identity": held}) with data.system.caller as held
	}
	not authz.allow with input as question
	not authz.allow with input as {}
}

test_the_decision_log_holds_neither_question_nor_answer if log.mask == {"/input", "/result"}
