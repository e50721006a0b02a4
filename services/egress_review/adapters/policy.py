"""`ports.ReleasePolicy` on `tidegate.policy`: the licence's word on a release. No answer is a denial."""

from dataclasses import dataclass
from datetime import datetime

from egress_review.domain.request import Request
from egress_review.domain.votes import approvers
from tidegate.model import Decision, Denial, Outcome, PersonRef, Project, TidegateError
from tidegate.policy import Policy, ReleasedFile, ReleaseFacts, egress_release
from tidegate.policy.envelope import Person
from tidegate.store import Store


@dataclass(frozen=True)
class StorePolicy:
    policy: Policy
    store: Store

    def release(self, request: Request, project: Project, now: datetime) -> Decision:
        try:
            question = egress_release(self.store, project.name, facts_of(request), now)
        except (TidegateError, ValueError) as error:
            code = error.code if isinstance(error, TidegateError) else "input_invalid"
            return Decision(outcome=Outcome.DENY, deny=(Denial(code=code),))
        return self.policy.decide("egress.release", question, now)


def facts_of(request: Request) -> ReleaseFacts:
    return ReleaseFacts(
        request=request.id,
        person=_person(request.author),
        destination=request.destination,
        voters=tuple(_person(person) for person in approvers(request)),
        files=tuple(ReleasedFile(kind=file.kind, sha256=file.sanitised) for file in request.outputs),
    )


def _person(person: PersonRef) -> Person:
    return Person(issuer=person.issuer, subject=person.subject)
