"""`tidegate approve`."""

from datetime import datetime
from typing import Annotated

import typer

from governance.application.approve import Given, Ruling, approve
from tidegate.cli.console import say
from tidegate.cli.placed import placed
from tidegate.cli.session import AsOption, PasswordFileOption, Place, open_store, who_acts
from tidegate.cluster.names import username_of
from tidegate.model import Decision, ExitCode, PersonRef, Project, TidegateError, Verdict, utc_now
from tidegate.policy import Policy, open_policy, project_approve
from tidegate.store import Store


class StorePolicy:
    """Asks `project.approve` with facts from the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._policy: Policy = open_policy(store)

    def project_approve(self, project: Project, actor: PersonRef, now: datetime) -> Decision:
        question = project_approve(self._store, project, now, actor=actor)
        return self._policy.decide("project.approve", question, now)


@placed
def approve_command(
    place: Place,
    kind: Annotated[str, typer.Argument(help="What to decide on: project.")],
    name: Annotated[str, typer.Argument()],
    reason: Annotated[str, typer.Option("--reason", help="Why; stands in the ledger.")],
    officer: AsOption = None,
    password_file: PasswordFileOption = None,
    verdict: Annotated[Verdict, typer.Option("--verdict")] = Verdict.APPROVE,
    until: Annotated[str | None, typer.Option("--until", help="First instant at which it no longer counts.")] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="The deletion that comes with a closing is meant.")] = False,
) -> None:
    """Give an officer's verdict, bound to the SHA-256 of what is decided on.

    While a project's stage is `closing`, the verdict is on its closing and on nothing else.
    """
    if kind.lower() != "project":
        raise TidegateError(
            "kind_unknown", f"Approvals of {kind!r} are not given here.", "Use: project.", ExitCode.USAGE
        )
    actor = who_acts(open_store(place), officer, password_file)
    if actor is None:
        raise TidegateError("officer_needed", "An approval has a person behind it.", "Use --as.", ExitCode.USAGE)
    store = open_store(place, writes_as=username_of(actor))
    ruling = Ruling(verdict=verdict, reason=reason, until=_instant(until), deletion_meant=yes)
    _tell(approve(store, StorePolicy(store), name, actor, ruling, utc_now()))


def _tell(given: Given) -> None:
    """What was decided on, in words: the work, or the closing that ends it."""
    spec = given.approval.spec
    subject = f"project {spec.subject.name}, digest {spec.subject.digest[:12]}"
    if given.decision is None:
        say(f"Approval {given.approval.name}: {spec.verdict} the closing of {subject}.")
        if spec.verdict is Verdict.APPROVE:
            say("Its workspaces are stopped, then the copy of its data, all homes and the shared folder are deleted.")
        return
    duties = ", ".join(duty.kind for duty in given.decision.obligations) or "no duties"
    say(f"Approval {given.approval.name}: {spec.verdict} the work of {subject}.")
    say(f"The policy said {given.decision.outcome} ({duties}).")


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TidegateError("date_invalid", f"--until {text!r} is no date.", _DATE_HINT, ExitCode.USAGE) from error
    if moment.tzinfo is None:
        raise TidegateError("date_invalid", f"--until {text!r} has no time zone.", _DATE_HINT, ExitCode.USAGE)
    return moment


_DATE_HINT = "Write it like 2027-01-31T00:00:00Z."
