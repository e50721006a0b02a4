# METADATA
# title: Time
# description: |
#   The moment asked about comes in with the question. Times are compared as numbers, never as text.
package tidegate.clock

now := time.parse_rfc3339_ns(input.now)

# True for an instant that has come; `at` itself has come.
come(at) if {
	is_string(at)
	time.parse_rfc3339_ns(at) <= now
}

# True for an end that has not come; none written down never comes.
ahead(end) if end == null

ahead(end) if {
	is_string(end)
	time.parse_rfc3339_ns(end) > now
}

# The earliest of some ends as text, from pairs of number and text; null where nothing ends.
earliest(pairs) := null if count(pairs) == 0

earliest(pairs) := text if {
	count(pairs) > 0
	[_, text] := sort(pairs)[0]
}

# The pair of an end; no pair where it never ends.
pairs_of(end) := set() if end == null

pairs_of(end) := {[number, end]} if {
	is_string(end)
	number := time.parse_rfc3339_ns(end)
}
