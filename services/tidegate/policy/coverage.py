"""What a licence says, clause by clause in plain English, and what holds it. Officers read it before they sign.

Asked by `python -m tidegate.cli.licences`, which writes a page for each template. Every field of the terms is a row: a
test compares, so that no field and no clause is ever left out of what an officer sees.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from tidegate.model import Licence, LicenceTerms, to_text
from tidegate.policy.codes import meanings
from tidegate.policy.compiler import CARRIED_ELSEWHERE, PERMITTING
from tidegate.policy.duties import DUTIES, checks, checks_of
from tidegate.policy.rules import policies_folder

UNSAID: Final = "Not said."
ANYONE: Final = "Anyone."
ANYWHERE: Final = "Anywhere."

# Each field in the order of the page: its name for people, and what it means where nothing is listed or given.
ROWS: Final[Mapping[str, tuple[str, str]]] = {
    "contacts.governance": ("Whom to ask at the licensor's", UNSAID),
    "contacts.incident": ("Whom to tell when something went wrong", UNSAID),
    "grant.validFrom": ("Begins", UNSAID),
    "grant.validTo": ("Ends", "It has no end."),
    "grant.renewal": ("Ask for more time by", UNSAID),
    "grant.exclusive": ("Exclusive", UNSAID),
    "purpose.permitted": ("Permitted purposes", "None: nothing is permitted until one is typed in."),
    "purpose.diseases": ("Diseases", "No purpose is bound to a disease."),
    "purpose.prohibited": ("Prohibited purposes", "None beyond what is not permitted."),
    "purpose.singleProject": ("For one project only", UNSAID),
    "purpose.approvalRequired": ("Each project needs an approval", UNSAID),
    "purpose.approvalRefRequired": ("The licensor approves each project", UNSAID),
    "purpose.ethicsRequired": ("Each project needs an ethics approval", UNSAID),
    "parties.organisations": ("Organisations", ANYONE),
    "parties.organisationTypes": ("Kinds of organisation", ANYONE),
    "parties.namedUsersOnly": ("Named people only", UNSAID),
    "parties.commercial": ("Commercial use", UNSAID),
    "territory.processing": ("Countries where it may be processed", ANYWHERE),
    "territory.remoteAccess": ("Countries from which people may work", ANYWHERE),
    "data.types": ("What the data are", UNSAID),
    "data.deidentification": ("How they were de-identified", UNSAID),
    "data.reidentification": ("Trying to identify a person", UNSAID),
    "data.linkage": ("Using it beside other data sets", UNSAID),
    "sharing.onward": ("Passing the data on", UNSAID),
    "sharing.thirdParty": ("Giving a third party access", UNSAID),
    "sharing.derivedData": ("Sharing what is derived", UNSAID),
    "sharing.models": ("Sharing models", UNSAID),
    "sharing.shareAlike": ("Adapted material only under the same licence", UNSAID),
    "sharing.noDerivatives": ("No adapted material may leave", UNSAID),
    "outputs.attribution": ("Attribution", "None is owed."),
    "outputs.citations": ("Citations", "None is owed."),
    "outputs.acknowledgement": ("Acknowledgement", "None is owed."),
    "outputs.publicationReview.required": ("The licensor is told before publication", UNSAID),
    "outputs.publicationReview.noticeDays": ("Days ahead of publication", UNSAID),
    "outputs.minReviewers": ("Reviewers of each release, at least", UNSAID),
    "outputs.disclosureProfile": ("Profile of disclosure control", "The environment's own."),
    "outputs.permittedKinds": ("Kinds of file that may leave", "Those the project was approved for."),
    "ip.ownership": ("Whose results are", UNSAID),
    "ip.notifyInventionDays": ("Days within which an invention is told", UNSAID),
    "ip.returnResults": ("Results are given back", UNSAID),
    "end.destroyWithinDays": ("Days after the end within which all is deleted", UNSAID),
    "end.certificateRequired": ("A certificate of the deletion is owed", UNSAID),
    "end.archiveAllowed": ("Keeping an archive", UNSAID),
    "incident.notifyHours": ("Hours within which a loss is told", UNSAID),
    "incident.accidentalIdentification": ("When somebody is recognised", UNSAID),
    "incident.recoverData": ("Lost data are recovered", UNSAID),
}
# Told in the head of the page, or in the list of clauses at its end.
ELSEWHERE: Final = frozenset({"title", "spdx", "licensor", "source.documentSha256", "source.clauses", "unmodelled"})

WORDS: Final = {
    "allow": "Allowed.",
    "ask": "The licensor is asked first; a person decides.",
    "forbid": "Forbidden.",
    "unknown": "**Unknown: nobody has typed it in.**",
}
EFFECTS: Final = {"deny": "Denies.", "human": "A person must have looked."}
CHECKED: Final = {"deny": "Denies what nothing can check.", "human": "A person looks."}


class Row(NamedTuple):
    """One line of the table; all text for people."""

    clause: str
    subject: str
    says: str
    held: str


def rows(licence: Licence) -> tuple[Row, ...]:
    """Every field of the terms."""
    return tuple(_row(licence.spec, path, *names) for path, names in ROWS.items())


def loose_clauses(terms: LicenceTerms) -> tuple[tuple[str, str, str], ...]:
    """Clause, text and effect of what no field holds, and of what only a person can see."""
    own = [(each.clause, each.text, each.effect) for each in terms.unmodelled]
    made = [(each["clause"], each["text"], each["effect"]) for each in checks_of(terms, PERMITTING)]
    return tuple((clause or "not given", text, EFFECTS[effect]) for clause, text, effect in (*own, *made))


def stray_clauses(terms: LicenceTerms) -> tuple[str, ...]:
    """Clauses given for fields that there are not: a misspelt name, for one."""
    sections = {path.rpartition(".")[0] for path in ROWS}
    return tuple(sorted(set(terms.source.clauses) - set(ROWS) - sections - ELSEWHERE))


def held(path: str) -> str:
    """What holds a field: a rule with its code, a duty, a person, or something outside the policy."""
    if path in CARRIED_ELSEWHERE:
        return f"{CARRIED_ELSEWHERE[path][0].upper()}{CARRIED_ELSEWHERE[path][1:]}."
    names = {path, path.rpartition(".")[0]}
    said = [f"Rule `{code.value}`." for code, row in meanings().items() if names & set(row.fields)]
    said += [f"Duty `{duty.kind}` at `{duty.point}`." for duty in DUTIES if duty.field in names]
    said += sorted({CHECKED[check.effect] for check in checks(PERMITTING) if check.field in names})
    return " ".join(said)


def _row(terms: LicenceTerms, path: str, subject: str, unsaid: str) -> Row:
    clauses = terms.source.clauses
    clause = clauses.get(path) or clauses.get(path.rpartition(".")[0], "")
    return Row(clause, subject, _says(_at(terms, path), unsaid), held(path))


def _at(terms: LicenceTerms, path: str) -> Any:  # noqa: ANN401 - fields have many types
    value: Any = terms
    for alias in path.split("."):
        (name,) = (name for name, field in type(value).model_fields.items() if field.alias == alias)
        value = getattr(value, name)
    return value


def _says(value: Any, unsaid: str) -> str:  # noqa: ANN401 - fields have many types
    if value is None or value == ():
        return unsaid
    if isinstance(value, bool):
        return "Yes." if value else "No."
    if isinstance(value, StrEnum):
        return WORDS.get(value.value, f"{value.value.capitalize()}.")
    if isinstance(value, tuple):
        return ", ".join(_titled(str(each)) for each in value) + "."
    return to_text(value) if hasattr(value, "tzinfo") else str(value)


def _titled(code: str) -> str:
    """A code of an ontology with its title, where it is one."""
    title = _titles().get(code)
    return f"{title} ({code})" if title else code


def _titles() -> dict[str, str]:
    folder = policies_folder() / "data"
    files = (json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("duo", "mondo"))
    return {code: title for file in files for code, title in file["titles"].items()}
