"""Every reason the policy gives, and what a person reads. Sentences are data: `policies/data/codes.json`."""

import functools
import json
from enum import StrEnum

from tidegate.model import Decision
from tidegate.model.decision import Denial as Denial  # noqa: PLC0414
from tidegate.model.names import Frozen
from tidegate.policy.rules import policies_folder


class Code(StrEnum):
    UNDECIDED = "undecided"
    INPUT_INVALID = "input_invalid"
    POLICY_UNAVAILABLE = "policy_unavailable"
    POLICY_STALE = "policy_stale"
    POLICY_ERROR = "policy_error"

    DATASET_UNKNOWN = "dataset_unknown"
    DATASET_CHANGED = "dataset_changed"
    LICENCE_UNKNOWN = "licence_unknown"
    LICENCE_DIGEST = "licence_digest"
    LICENCE_NAME_UNKNOWN = "licence_name_unknown"
    LICENCE_NOT_YET = "licence_not_yet"
    LICENCE_EXPIRED = "licence_expired"
    LICENCE_SINGLE_PROJECT = "licence_single_project"
    PURPOSE_NOT_PERMITTED = "purpose_not_permitted"
    PURPOSE_PROHIBITED = "purpose_prohibited"
    DISEASE_NOT_PERMITTED = "disease_not_permitted"
    ETHICS_MISSING = "ethics_missing"
    COMMERCIAL_FORBIDDEN = "commercial_forbidden"
    ORGANISATION_NOT_PERMITTED = "organisation_not_permitted"
    TERRITORY_NOT_PERMITTED = "territory_not_permitted"
    LINKAGE_FORBIDDEN = "linkage_forbidden"
    TERM_UNKNOWN = "term_unknown"
    CLAUSE_UNMODELLED = "clause_unmodelled"
    TIER_TOO_LOW = "tier_too_low"

    PROJECT_ENDED = "project_ended"
    PROJECT_NOT_SUBMITTED = "project_not_submitted"
    PROJECT_CLOSING = "project_closing"

    APPROVAL_MISSING = "approval_missing"
    APPROVAL_ENDED = "approval_ended"
    APPROVAL_STALE = "approval_stale"
    SAME_PERSON = "same_person"

    NOT_NAMED = "not_named"
    ROLE_NOT_PERMITTED = "role_not_permitted"
    GRANT_NOT_YET = "grant_not_yet"
    GRANT_ENDED = "grant_ended"
    TRAINING_ENDED = "training_ended"
    NETWORK_FORBIDDEN = "network_forbidden"

    SHARING_FORBIDDEN = "sharing_forbidden"
    ADAPTED_FORBIDDEN = "adapted_forbidden"
    MODELS_FORBIDDEN = "models_forbidden"
    SHARE_ALIKE_CONFLICT = "share_alike_conflict"
    KIND_NOT_PERMITTED = "kind_not_permitted"
    VOTER_IS_MEMBER = "voter_is_member"
    TOO_FEW_REVIEWERS = "too_few_reviewers"
    DESTINATION_FORBIDDEN = "destination_forbidden"
    TYPE_NOT_PERMITTED = "type_not_permitted"


# Given by the wrapper around the engine; all others come from Rego.
WRAPPER_CODES = frozenset(
    {Code.INPUT_INVALID, Code.POLICY_UNAVAILABLE, Code.POLICY_STALE, Code.POLICY_ERROR, Code.UNDECIDED}
)


class Meaning(Frozen):
    """A row of codes.json. `lifted_by` is a role, or nobody; `next` is what the person can do.

    `fields` are those of a licence whose clause the code may name; none where the rule is ours.
    """

    sentence: str
    lifted_by: str
    next: str
    fields: tuple[str, ...]


@functools.cache
def meanings() -> dict[Code, Meaning]:
    """All rows. A code without a row, or a row without a code, is an error at once."""
    rows = json.loads((policies_folder() / "data" / "codes.json").read_text(encoding="utf-8"))
    return {Code(code): Meaning.model_validate(row) for code, row in rows.items()}


def explain(denial: Denial) -> Meaning:
    """What to tell the person about one reason, with its data set, detail and clause filled in."""
    row = meanings()[Code(denial.code)]
    places = {"dataset": denial.dataset or "a data set", "detail": _detail(denial)}
    clause = f" Clause {denial.clause} of the licence says so." if denial.clause else ""
    return row.model_copy(update={"sentence": row.sentence.format(**places) + clause})


def sentences(decision: Decision) -> tuple[str, ...]:
    """Every reason of a refusal as a line: what is the matter, and what to do next."""
    told = [explain(denial) for denial in decision.deny]
    return tuple(f"{meaning.sentence} {meaning.next}" for meaning in told)


def _detail(denial: Denial) -> str:
    if denial.code == Code.INPUT_INVALID:
        return f" ({denial.detail})" if denial.detail else ""
    return denial.detail or "not recorded"
