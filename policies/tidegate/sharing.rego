# METADATA
# title: What the licences let leave
# description: |
#   Results need leave to share what is derived. Images, annotations and models are adapted material, which licences may
#   forbid or bind to their own terms. A kind of file that is in no list of `data.kinds` counts as a model: least goes.
package tidegate.sharing

import data.tidegate.licences
import data.tidegate.mixing

kinds contains f.kind if some f in input.subject.files

plain contains kind if some kind in data.kinds.plain

adapted := kinds - plain

models := adapted - {kind | some kind in data.kinds.adapted}

shareable contains name if {
	some name, t in licences.terms
	t.derived_data in {"allow", "ask"}
}

sharing_known contains name if {
	some name, t in licences.terms
	t.derived_data in {"allow", "ask", "forbid"}
}

# With counts and text alone nothing adapted leaves.
default only_plain_ok := false

only_plain_ok if {
	count(kinds) > 0
	count(adapted) == 0
}

default no_models_ok := false

no_models_ok if {
	count(kinds) > 0
	count(models) == 0
}

changeable contains name if {
	some name, t in licences.terms
	t.no_derivatives == false
}

changeable contains name if {
	some name, _ in licences.terms
	only_plain_ok
}

trainable contains name if {
	some name, t in licences.terms
	t.models in {"allow", "ask"}
}

models_known contains name if {
	some name, t in licences.terms
	t.models in {"allow", "ask", "forbid"}
}

mixable contains name if some name in mixing.harmonious

mixable contains name if {
	some name, _ in licences.terms
	only_plain_ok
}

kinds_fit contains name if {
	some name, t in licences.terms
	t.permitted_kinds == []
}

kinds_fit contains name if {
	some name, t in licences.terms
	is_array(t.permitted_kinds)
	count(kinds) > 0
	count(kinds - {kind | some kind in t.permitted_kinds}) == 0
}

failing := {
	"sharing_forbidden": licences.licensed & (sharing_known - shareable),
	"adapted_forbidden": licences.licensed - changeable,
	"share_alike_conflict": licences.licensed - mixable,
	"kind_not_permitted": licences.licensed - kinds_fit,
}

default models_ok := false

models_ok if no_models_ok

models_ok if count(licences.names - trainable) == 0

default sharing_ok := false

sharing_ok if {
	count(licences.names) > 0
	count(licences.names - shareable) == 0
	is_object(failing)
	count([name | some missing in failing; some name in missing]) == 0
	models_ok
}

deny contains reason if some reason in licences.reasons(failing, {})

deny contains mixing.reason("term_unknown", name, "sharing derived data", "sharing.derivedData") if {
	some name in (licences.licensed - sharing_known)
}

deny contains mixing.reason("models_forbidden", name, "", "sharing.models") if {
	some name in (models_known - trainable)
	not models_ok
}

deny contains mixing.reason("term_unknown", name, "sharing models", "sharing.models") if {
	some name in (licences.licensed - models_known)
	not models_ok
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

consent contains duty if {
	some name, t in licences.terms
	t.models == "ask"
	not no_models_ok
	duty := {
		"kind": "approve",
		"dataset": name,
		"detail": "The licensor must agree to the release of a model.",
		"clause": licences.clause_of(name, "sharing.models"),
	}
}
