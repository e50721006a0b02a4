# METADATA
# title: What the decision log leaves out
# description: |
#   Questions and answers name people and projects. The asking service's ledger holds them; the log says only that a
#   decision was made, when, and from which bundle.
package system.log

mask contains "/input"

mask contains "/result"
