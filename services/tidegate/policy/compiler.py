"""A licence's terms as the data Rego decides from. Called when a bundle is made; same terms, same bytes.

Every field of the terms has a row here or stands in `CARRIED_ELSEWHERE` with its reason; a test compares.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from license_expression import get_spdx_licensing  # type: ignore[import-untyped]

from tidegate.model import Licence, LicenceTerms, Permission, digest_of, to_text

# Permissions that a purpose can lie under. A named disease would need the disease, which the terms cannot hold, so
# DUO:0000007 in a licence permits nothing.
PERMITTING: Final = frozenset({"DUO:0000004", "DUO:0000006", "DUO:0000042"})
NAMED_DISEASE: Final = "DUO:0000007"
NON_COMMERCIAL: Final = "DUO:0000046"

# Open Policy Agent counts nanoseconds in 64 bits; beyond, its clock fails. Clamping an end makes it earlier at most.
FIRST: Final = datetime(1700, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2262, 1, 1, tzinfo=UTC)

LICENCE_REF: Final = re.compile(r"LicenseRef-[A-Za-z0-9][A-Za-z0-9.-]*")

CARRIED_ELSEWHERE: Final = {
    "licensor": "shown to people; no rule depends on it",
    "source.documentSha256": "identifies the paper; the licence's digest covers it",
    "purpose.approvalRequired": "every project needs an approval, whatever the licence says",
    "parties.namedUsersOnly": "only people with a grant may start, whatever the licence says",
    "sharing.onward": "nothing is passed on but through a release, which sharing.derivedData rules",
    "sharing.models": "no release may hold a model: no permitted file type is one",
}


def moment(instant: datetime) -> str:
    """A time as Rego reads it, within what its clock can hold."""
    return to_text(min(max(instant, FIRST), LAST))


def compile_licences(licences: Iterable[Licence]) -> tuple[dict[str, Any], str]:
    """All licences by name, and the digest of the whole: the bundle's revision."""
    compiled = {licence.name: compile_licence(licence) for licence in licences}
    return compiled, digest_of(compiled)


def compile_licence(licence: Licence) -> dict[str, Any]:
    terms = licence.spec
    return {
        "digest": licence.digest(),
        "title": terms.title,
        "name_known": name_is_known(terms.spdx),
        "clauses": dict(sorted(terms.source.clauses.items())),
        "valid_from": moment(terms.grant.valid_from),
        "valid_to": moment(terms.grant.valid_to) if terms.grant.valid_to else None,
        "permitted": sorted(set(terms.purpose.permitted) & PERMITTING),
        "single_project": terms.purpose.single_project,
        "organisations": sorted(set(terms.parties.organisations)),
        "commercial": _commercial(terms),
        "derived_data": terms.sharing.derived_data.value,
        "attribution": terms.outputs.attribution,
        "citations": list(terms.outputs.citations),
        "min_reviewers": terms.outputs.min_reviewers,
        "unmodelled": [*(clause.model_dump() for clause in terms.unmodelled), *_conditions(terms)],
    }


def name_is_known(name: str) -> bool:
    """True for a whole SPDX expression, or one whole `LicenseRef-` of our own. Never by prefix."""
    return LICENCE_REF.fullmatch(name) is not None or not get_spdx_licensing().validate(name).errors


def _commercial(terms: LicenceTerms) -> str:
    if NON_COMMERCIAL in terms.purpose.permitted:
        return Permission.FORBID.value
    return terms.parties.commercial.value


def _conditions(terms: LicenceTerms) -> list[dict[str, str]]:
    """DUO codes that set a condition nothing here can check: each denies."""
    handled = PERMITTING | {NON_COMMERCIAL, NAMED_DISEASE}
    return [
        {
            "clause": terms.source.clauses.get("purpose.permitted", "purpose"),
            "text": f"The condition {code} cannot be checked.",
            "effect": "deny",
        }
        for code in sorted(set(terms.purpose.permitted) - handled)
    ]
