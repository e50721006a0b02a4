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
        {
            "rule": (
                "!has(self.renewal) || (has(self.validTo) && self.renewal > self.validFrom"
                " && self.renewal <= self.validTo)"
            ),
            "message": "must lie after validFrom and not after validTo, which it needs",
            "fieldPath": ".renewal",
        },
    ),
    "Purpose": (
        {
            "rule": "!has(self.diseases) || self.diseases.size() == 0 || 'DUO:0000007' in self.permitted",
            "message": "needs DUO:0000007 among permitted, which is research on a named disease",
            "fieldPath": ".diseases",
        },
        {
            "rule": "!has(self.prohibited) || !self.prohibited.exists(code, code in self.permitted)",
            "message": "names a code that stands in permitted too",
            "fieldPath": ".prohibited",
        },
    ),
    "Sharing": (
        {
            "rule": (
                "!(has(self.shareAlike) && self.shareAlike"
                " && ((has(self.noDerivatives) && self.noDerivatives) || self.derivedData == 'forbid'))"
            ),
            "message": "sets terms for what is shared, and noDerivatives or derivedData permits sharing none",
            "fieldPath": ".shareAlike",
        },
        {
            "rule": "!(has(self.noDerivatives) && self.noDerivatives && self.models == 'allow')",
            "message": "permits no adapted material, which models are",
            "fieldPath": ".noDerivatives",
        },
        {
            "rule": "!(has(self.thirdParty) && self.thirdParty == 'allow' && self.onward == 'forbid')",
            "message": "is allow, and onward forbids passing anything on",
            "fieldPath": ".thirdParty",
        },
    ),
    "PublicationReview": (
        {
            "rule": "!has(self.noticeDays) || (has(self.required) && self.required)",
            "message": "is given, and required says that no notice is owed",
            "fieldPath": ".noticeDays",
        },
    ),
    "End": (
        {
            "rule": "!(has(self.certificateRequired) && self.certificateRequired) || has(self.destroyWithinDays)",
            "message": "asks to prove a deletion, and destroyWithinDays asks for none",
            "fieldPath": ".certificateRequired",
        },
        {
            "rule": ("!(has(self.archiveAllowed) && self.archiveAllowed == 'allow') || !has(self.destroyWithinDays)"),
            "message": "is allow, and destroyWithinDays asks to delete everything",
            "fieldPath": ".archiveAllowed",
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
