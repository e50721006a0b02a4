"""What the models check across fields, again as rules of the API server: whoever writes with `kubectl` meets them too.

A table from the name of a model to its rules in the Common Expression Language. Used by `structural`.
"""

from collections.abc import Mapping
from typing import Any, Final

from tidegate.model.grant import ROLES_OF

Rule = Mapping[str, Any]
IMMUTABLE: Final = {"rule": "self == oldSelf", "message": "it cannot be changed; register it under a new name"}


def _roles() -> str:
    fits = (
        f"(self.scope == '{scope}' && self.role in [{', '.join(repr(str(role)) for role in sorted(roles))}])"
        for scope, roles in ROLES_OF.items()
    )
    return " || ".join(fits)


RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "LicenceTerms": (IMMUTABLE,),
    "ApprovalSpec": (IMMUTABLE,),
    "CohortSpec": (IMMUTABLE,),
    "ProjectSpec": (
        {
            "rule": "self.requester == oldSelf.requester",
            "message": "stays who asked first; another project needs another name",
            "fieldPath": ".requester",
        },
    ),
    "Term": (
        {
            "rule": "!has(self.validTo) || self.validTo > self.validFrom",
            "message": "must be later than validFrom",
            "fieldPath": ".validTo",
        },
    ),
    "GrantSpec": (
        {
            "rule": "(self.scope == 'project') == has(self.project)",
            "message": "scope project needs a project, scope environment has none",
            "fieldPath": ".project",
        },
        {"rule": _roles(), "message": "is not of this scope", "fieldPath": ".role"},
        {"rule": "self.until > self.since", "message": "must be later than since", "fieldPath": ".until"},
    ),
    "GateRule": (
        {
            "rule": "!has(self.allowValues) || self.allowValues.all(tag, tag in self.allowTags)",
            "message": "names a tag that allowTags does not list",
            "fieldPath": ".allowValues",
        },
    ),
}
