package tidegate.projects_test

import data.tidegate.fixture
import data.tidegate.projects

codes(question) := value if {
	value := {reason.code | some reason in projects.deny} with input as question
}

test_an_open_project_is_in_order if projects.project_ok with input as fixture.start

test_a_project_ends_at_its_end if {
	ended := fixture.but(fixture.start, "/project/ends", "2026-06-01T00:00:00Z")
	codes(ended) == {"project_ended"}
	not projects.project_ok with input as ended
}

test_a_draft_is_not_in_order if {
	draft := fixture.but(fixture.start, "/project/stage", "draft")
	codes(draft) == {"project_not_submitted"}
	not projects.project_ok with input as draft
}

test_a_closing_project_is_not_in_order if {
	closing := fixture.but(fixture.start, "/project/stage", "closing")
	codes(closing) == {"project_closing"}
	not projects.project_ok with input as closing
}

test_a_project_without_an_end_is_not_in_order if {
	not projects.project_ok with input as fixture.but(fixture.start, "/project/ends", null)
	not projects.project_ok with input as fixture.without(fixture.start, "/project/ends")
}

test_a_project_without_a_stage_is_not_in_order if {
	not projects.project_ok with input as fixture.without(fixture.start, "/project/stage")
}
