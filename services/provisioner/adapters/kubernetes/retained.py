"""`ports.Retention` on a cluster: asks review, on the port it opens for the provisioner alone, before a certificate.

Whatever is not a clear answer about this very project is none, and then the project is kept.
"""

from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import httpx2
from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from tidegate.model import TidegateError

SECONDS: Final = 5.0
# What an author still has in hand is frozen with the project and needs nobody's decision.
WITH_ITS_AUTHOR: Final = frozenset({"draft", "returned"})


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    project: str
    closing: bool
    awaiting: NonNegativeInt
    states: dict[str, NonNegativeInt]


@dataclass(frozen=True)
class ReviewAsked:
    """`url` is review's, on the port of this question."""

    url: str
    token: str = field(repr=False)

    def awaiting(self, project: str) -> dict[str, int]:
        """As the port says.

        Raises:
            TidegateError: ``review_unavailable``, ``review_not_informed``.
        """
        found = self._asked(project)
        if not found.closing:
            raise TidegateError(
                "review_not_informed",
                f"Review does not know yet that project {project} is being closed, and may still take requests.",
                "It is asked again within minutes; if this stays, look at review's watch of projects.",
            )
        waiting = {state: many for state, many in found.states.items() if state not in WITH_ITS_AUTHOR}
        return waiting if found.awaiting == sum(waiting.values()) else _refuse(project, "its numbers do not add up")

    def _asked(self, project: str) -> _Answer:
        try:
            headers = {"Authorization": f"token {self.token}"}
            said = httpx2.get(f"{self.url}/retained/v1/{project}", headers=headers, timeout=SECONDS, trust_env=False)
        except httpx2.HTTPError as error:
            _refuse(project, type(error).__name__)
        if said.status_code != httpx2.codes.OK:
            _refuse(project, _told(said))
        try:
            found = _Answer.model_validate_json(said.content)
        except ValidationError:
            _refuse(project, "its answer is not understood")
        return found if found.project == project else _refuse(project, "it answered about another project")


def _told(said: httpx2.Response) -> str:
    """The code of a refusal, or its number."""
    try:
        body: Any = said.json()
    except ValueError:
        body = {}
    code = body.get("code") if isinstance(body, dict) else None
    return f"it says {code or said.status_code}"


def _refuse(project: str, why: str) -> NoReturn:
    raise TidegateError(
        "review_unavailable",
        f"Review could not be asked what of project {project} still waits there: {why}.",
        "Nothing is certified before it answers; it is asked again by itself.",
    )
