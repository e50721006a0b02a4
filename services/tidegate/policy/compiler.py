"""A licence's terms as the data Rego decides from. Called when a bundle is made; same terms, same bytes.

Every field of the terms has a row here or stands in `CARRIED_ELSEWHERE` with its reason; a test compares.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from license_expression import get_spdx_licensing  # type: ignore[import-untyped]

from tidegate.model import Licence, digest_of, to_text
from tidegate.policy.duties import checks_of, commercial, duties_of

# Permissions that a purpose can lie under. DUO:0000007, a named disease, permits through `purpose.diseases` alone.
PERMITTING: Final = frozenset({"DUO:0000004", "DUO:0000006", "DUO:0000042"})
ETHICS: Final = "DUO:0000021"

# Open Policy Agent counts nanoseconds in 64 bits; beyond, its clock fails. Clamping an end makes it earlier at most.
FIRST: Final = datetime(1700, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2262, 1, 1, tzinfo=UTC)

LICENCE_REF: Final = re.compile(r"LicenseRef-[A-Za-z0-9][A-Za-z0-9.-]*")

CARRIED_ELSEWHERE: Final = {
    "licensor": "shown to people; no rule depends on it",
    "source.documentSha256": "identifies the paper; the licence's digest covers it",
    "contacts.governance": "shown to people; no rule depends on it",
    "contacts.incident": "named in the duty that incident.notifyHours is",
    "grant.exclusive": "binds the licensor, not those who use the data",
    "purpose.approvalRequired": "every project needs an approval, whatever the licence says",
    "parties.namedUsersOnly": "only people with a grant may start, whatever the licence says",
    "data.deidentification": "the gate before a cohort decides what is let in, whatever the licence says",
    "data.reidentification": "nothing here serves to identify anyone, and no rule can permit it",
    "sharing.onward": "nothing is passed on but through a release, which sharing.derivedData rules",
    "sharing.thirdParty": "nothing is passed on but through a release, which sharing.derivedData rules",
    "end.archiveAllowed": "closing a project deletes its copies, whatever the licence says",
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
    permitted = set(terms.purpose.permitted)
    unmodelled = [clause.model_dump() for clause in terms.unmodelled]
    return {
        "digest": licence.digest(),
        "title": terms.title,
        "spdx": terms.spdx,
        "name_known": name_is_known(terms.spdx),
        "clauses": dict(sorted(terms.source.clauses.items())),
        "valid_from": moment(terms.grant.valid_from),
        "valid_to": moment(terms.grant.valid_to) if terms.grant.valid_to else None,
        "permitted": sorted(permitted & PERMITTING),
        "diseases": sorted(set(terms.purpose.diseases)),
        "prohibited": sorted(set(terms.purpose.prohibited)),
        "ethics_required": terms.purpose.ethics_required or ETHICS in permitted,
        "single_project": terms.purpose.single_project,
        "organisations": sorted(set(terms.parties.organisations)),
        "commercial": commercial(terms).value,
        "countries": sorted(set(terms.territory.processing)),
        "linkage": terms.data.linkage.value,
        "derived_data": terms.sharing.derived_data.value,
        "models": terms.sharing.models.value,
        "share_alike": terms.sharing.share_alike,
        "no_derivatives": terms.sharing.no_derivatives,
        "permitted_kinds": sorted(set(terms.outputs.permitted_kinds)),
        "min_reviewers": terms.outputs.min_reviewers,
        "duties": duties_of(terms),
        "unmodelled": [*unmodelled, *checks_of(terms, PERMITTING)],
    }


def name_is_known(name: str) -> bool:
    """True for a whole SPDX expression, or one whole `LicenseRef-` of our own. Never by prefix."""
    return LICENCE_REF.fullmatch(name) is not None or not get_spdx_licensing().validate(name).errors
