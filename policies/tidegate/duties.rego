# METADATA
# title: What people owe
# description: |
#   The duties of every licence, all of them together. Those on adapted material are owed only where some leaves.
package tidegate.duties

import data.tidegate.licences
import data.tidegate.sharing

listed contains [name, duty] if {
	some name, t in licences.terms
	some duty in t.duties
	duty.point == input.point
}

due contains pair if {
	some pair in listed
	pair[1].adapted == false
}

due contains pair if {
	some pair in listed
	count(sharing.adapted) > 0
}

owed contains form if {
	some [name, duty] in due
	form := {"kind": duty.kind, "dataset": name, "detail": duty.detail, "clause": duty.clause}
}
