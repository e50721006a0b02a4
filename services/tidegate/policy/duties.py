"""What a licence obliges people to do, and what only a human can see, as tables over its terms. Used by `compiler`.

A duty goes with the answer at its points. A check is a clause that holds only once somebody has looked: it becomes an
`approve` obligation, or denies where nobody here can judge it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from tidegate.model import LicenceTerms, Permission, to_text

APPROVE: Final = "project.approve"
RELEASE: Final = "egress.release"

# What of the terms a row looks at; None or an empty list is no duty.
Said = Callable[[LicenceTerms], "Iterable[str] | str | None"]


@dataclass(frozen=True)
class Duty:
    """`adapted`: owed only where the release holds adapted material, which is all but counts and text."""

    field: str
    kind: str
    point: str
    said: Said
    adapted: bool = False


@dataclass(frozen=True)
class Check:
    """`said` gives the sentence for the human who has to look; None where the licence asks for nothing."""

    field: str
    said: Said
    effect: str = "human"


def _days(number: int | None, sentence: str) -> str | None:
    return None if number is None else sentence.format("at once" if number == 0 else f"within {number} days")


def _notice(terms: LicenceTerms) -> str | None:
    review = terms.outputs.publication_review
    if not review.required:
        return None
    ahead = "before" if review.notice_days is None else f"{review.notice_days} days before"
    return f"Tell the licensor {ahead} anything made from these files is published."


def _incident(terms: LicenceTerms) -> str | None:
    hours = terms.incident.notify_hours
    if hours is None:
        return None
    whom = terms.contacts.incident or "the licensor"
    return f"Tell {whom} of a loss or a breach {'at once' if hours == 0 else f'within {hours} hours'}."


def _ownership(terms: LicenceTerms) -> str | None:
    owner = terms.ip.ownership.value
    return None if owner == "unknown" else f"What is found belongs to: {owner}."


def _renewal(terms: LicenceTerms) -> str | None:
    day = terms.grant.renewal
    return None if day is None else f"Ask for more time by {to_text(day)}."


DUTIES: Final = (
    Duty("outputs.attribution", "attribution", RELEASE, lambda t: t.outputs.attribution),
    Duty("outputs.citations", "citation", RELEASE, lambda t: t.outputs.citations),
    Duty("outputs.acknowledgement", "acknowledgement", RELEASE, lambda t: t.outputs.acknowledgement),
    Duty("outputs.publicationReview", "publication_notice", RELEASE, _notice),
    Duty("outputs.disclosureProfile", "disclosure_profile", RELEASE, lambda t: t.outputs.disclosure_profile),
    Duty(
        "sharing.shareAlike", "share_alike", RELEASE, lambda t: t.spdx if t.sharing.share_alike else None, adapted=True
    ),
    Duty(
        "parties.commercial",
        "non_commercial",
        RELEASE,
        lambda t: "Not for commercial use." if commercial(t) is Permission.FORBID else None,
    ),
    Duty("ip.ownership", "ip_ownership", RELEASE, _ownership),
    Duty(
        "ip.notifyInventionDays",
        "invention_notice",
        RELEASE,
        lambda t: _days(t.ip.notify_invention_days, "Tell the licensor of an invention {}."),
    ),
    Duty(
        "ip.returnResults",
        "return_results",
        RELEASE,
        lambda t: "Give the results back to the licensor." if t.ip.return_results else None,
    ),
    Duty(
        "purpose.permitted",
        "return_results",
        RELEASE,
        lambda t: "Give what was derived back to the database." if "DUO:0000029" in t.purpose.permitted else None,
    ),
    Duty(
        "purpose.permitted",
        "publication",
        RELEASE,
        lambda t: "Publish the results." if "DUO:0000019" in t.purpose.permitted else None,
    ),
    Duty("grant.renewal", "renewal", APPROVE, _renewal),
    Duty(
        "end.destroyWithinDays",
        "destroy",
        APPROVE,
        lambda t: _days(t.end.destroy_within_days, "Delete every copy {} after the end."),
    ),
    Duty(
        "end.certificateRequired",
        "certificate",
        APPROVE,
        lambda t: "Send the licensor a certificate of the deletion." if t.end.certificate_required else None,
    ),
    Duty("incident.notifyHours", "incident_notice", APPROVE, _incident),
    Duty(
        "incident.accidentalIdentification",
        "accidental_identification",
        APPROVE,
        lambda t: t.incident.accidental_identification,
    ),
    Duty(
        "incident.recoverData",
        "recover_data",
        APPROVE,
        lambda t: "Get lost data back, and prove it to the licensor." if t.incident.recover_data else None,
    ),
)


def commercial(terms: LicenceTerms) -> Permission:
    """A code that permits non-commercial use only forbids the rest, whatever stands beside it."""
    if NON_COMMERCIAL & set(terms.purpose.permitted):
        return Permission.FORBID
    return terms.parties.commercial


NON_COMMERCIAL: Final = frozenset({"DUO:0000046", "DUO:0000018"})
# Conditions among the codes that a field of the terms fulfils, and the field without which the code denies.
FULFILLED: Final[dict[str, Callable[[LicenceTerms], bool]]] = {
    "DUO:0000022": lambda t: bool(t.territory.processing),
    "DUO:0000025": lambda t: t.grant.valid_to is not None,
    "DUO:0000027": lambda t: t.purpose.single_project,
    "DUO:0000028": lambda t: bool(t.parties.organisations),
}
# Conditions that hold here whatever the terms say, have a rule or a duty of their own, or are permissions.
KNOWN: Final = NON_COMMERCIAL | {"DUO:0000007", "DUO:0000019", "DUO:0000021", "DUO:0000026", "DUO:0000029"}
FOR_HUMANS: Final = {
    "DUO:0000015": "The project is not general research on methods.",
    "DUO:0000018": "The organisation is not for profit.",
    "DUO:0000020": "The researchers work together with the licensor's own.",
    "DUO:0000044": "The project is not about the origins or the ancestry of populations.",
    "DUO:0000045": "The organisation is not for profit.",
}


def _conditions(terms: LicenceTerms) -> list[str]:
    """Sentences for codes that a human must judge."""
    return [FOR_HUMANS[code] for code in sorted(set(terms.purpose.permitted)) if code in FOR_HUMANS]


def _uncheckable(permitting: frozenset[str]) -> Said:
    def said(terms: LicenceTerms) -> list[str]:
        fulfilled = {code for code, holds in FULFILLED.items() if holds(terms)}
        open_codes = set(terms.purpose.permitted) - permitting - KNOWN - set(FOR_HUMANS) - fulfilled
        return [f"The condition {code} cannot be checked." for code in sorted(open_codes)]

    return said


def checks(permitting: frozenset[str]) -> tuple[Check, ...]:
    """All rows; `permitting` are the codes that purposes are compared with."""
    return (
        Check("purpose.permitted", _conditions),
        Check("purpose.permitted", _uncheckable(permitting), "deny"),
        Check(
            "purpose.approvalRefRequired",
            lambda t: (
                "The licensor's own approval of this project is on file." if t.purpose.approval_ref_required else None
            ),
        ),
        Check(
            "parties.organisationTypes",
            lambda t: _one_of("The organisation is one of these", t.parties.organisation_types),
        ),
        Check(
            "territory.remoteAccess",
            lambda t: _one_of("Everybody works from one of these countries", t.territory.remote_access),
        ),
        Check("data.types", lambda t: _one_of("The data set holds nothing but", t.data.types)),
    )


def _one_of(sentence: str, listed: tuple[str, ...]) -> str | None:
    return f"{sentence}: {', '.join(listed)}." if listed else None


def duties_of(terms: LicenceTerms) -> list[dict[str, Any]]:
    """Every duty as the rules read it, in the order of the table."""
    return [
        {
            "point": row.point,
            "kind": row.kind,
            "detail": text,
            "clause": _clause(terms, row.field),
            "adapted": row.adapted,
        }
        for row in DUTIES
        for text in _texts(row.said(terms))
    ]


def checks_of(terms: LicenceTerms, permitting: frozenset[str]) -> list[dict[str, str]]:
    """Every check in the form of an unmodelled clause."""
    return [
        {"clause": _clause(terms, row.field), "text": text, "effect": row.effect}
        for row in checks(permitting)
        for text in _texts(row.said(terms))
    ]


def _texts(said: Iterable[str] | str | None) -> tuple[str, ...]:
    return () if said is None else (said,) if isinstance(said, str) else tuple(said)


def _clause(terms: LicenceTerms, field: str) -> str:
    return terms.source.clauses.get(field, "")
