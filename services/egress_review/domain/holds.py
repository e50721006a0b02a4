"""Why a request stands still: computed at each read and act from dated facts, never stored as a state.

When the cause goes (an extension, a renewed grant) work goes on where it stood.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Hold:
    code: str
    sentence: str


@dataclass(frozen=True)
class DatedFacts:
    """What a hold is computed from. An `until` of None has no end; `*_known` False means we could not find out."""

    project_known: bool = True
    project_ends: datetime | None = None
    project_closing: bool = False
    licence_known: bool = True
    licence_until: datetime | None = None
    grant_until: datetime | None = None
    grant_known: bool = True
    training_until: datetime | None = None
    files_intact: bool = True


def holds_of(facts: DatedFacts, now: datetime) -> tuple[Hold, ...]:
    """Every reason for which the request is held now; empty when it is not."""
    rows = (
        (not facts.project_known, "project_unknown", "The project is no longer registered."),
        (facts.project_closing, "project_closing", "The project is being closed."),
        (_ended(facts.project_ends, now), "project_ended", "The project's end date has passed."),
        (not facts.licence_known, "licence_unknown", "A licence of the project's data is not registered."),
        (_ended(facts.licence_until, now), "licence_ended", "A licence of the project's data has ended."),
        (
            not facts.grant_known or _ended(facts.grant_until, now),
            "grant_ended",
            "The author's grant in the project has ended.",
        ),
        (_ended(facts.training_until, now), "training_ended", "The author's training has ended."),
        (not facts.files_intact, "hash_mismatch", "A stored file is not the one that arrived."),
    )
    return tuple(Hold(code, sentence) for applies, code, sentence in rows if applies)


def _ended(until: datetime | None, now: datetime) -> bool:
    return until is not None and until <= now
