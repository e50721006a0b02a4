# METADATA
# title: The project itself
# description: Submitted, not closing, and not past its end.
package tidegate.projects

import data.tidegate.clock

default open_ok := false

open_ok if clock.ahead(input.project.ends)

default submitted_ok := false

submitted_ok if input.project.stage in {"submitted", "closing"}

default staying_ok := false

staying_ok if input.project.stage in {"draft", "submitted"}

default project_ok := false

project_ok if {
	is_string(input.project.ends)
	open_ok
	submitted_ok
	staying_ok
}

deny contains {"code": "project_ended", "dataset": "", "detail": input.project.ends, "clause": ""} if not open_ok

deny contains {"code": "project_not_submitted", "dataset": "", "detail": "", "clause": ""} if not submitted_ok

deny contains {"code": "project_closing", "dataset": "", "detail": "", "clause": ""} if not staying_ok

ends := clock.pairs_of(input.project.ends)
