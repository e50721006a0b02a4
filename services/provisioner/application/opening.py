"""Takes an approved project to ready workspaces, a step after the other. A step that fails is written down and ends it.

Called by `reconcile` after everything that is over was cut. Each step is safe to repeat: a kill at any point only means
that the next look does it again and finds it done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from provisioner.application.case import PROVISIONER, Case, Change, Locks
from provisioner.application.cutting import give
from provisioner.application.observe import cohorts_of
from provisioner.application.versions import wanted_cohort
from provisioner.domain.conditions import Finding, Kind, Reason, is_true, with_condition
from provisioner.domain.ends import ended
from provisioner.domain.progress import Name, done, failed, going_on, is_waiting, running, with_step
from provisioner.domain.spawn import rights_due
from provisioner.ports import ApprovalPolicy, Cohorts, Folders, Ground, Isolation, UnderWay
from tidegate.ledger import Event, Record
from tidegate.model import Decision, Outcome, ProjectStatus, Step, StepState, TidegateError
from tidegate.model.status import CohortStatus

log = structlog.get_logger("provisioner")

PROOF_HOLDS = timedelta(hours=1)
HASH_HOLDS = timedelta(days=1)
DRIFT_SHOWS = timedelta(hours=1)
TAMPERED = "COHORT_TAMPERED"
# What was proved is no longer what stands.
FENCE_CHANGED = "FENCE_CHANGED"
SHARES = 20
UNANSWERED = frozenset({"policy_unavailable", "policy_stale", "policy_error"})
# Which condition a failed step makes false, and with which reason unless its code has one of its own.
SPOILS: dict[Name, tuple[Kind, Reason]] = {
    Name.FENCE: (Kind.NETWORK_ISOLATED, Reason.FENCE_FAILED),
    Name.ISOLATION: (Kind.NETWORK_ISOLATED, Reason.PROBE_FAILED),
    Name.COHORT: (Kind.COHORT_READY, Reason.COHORT_FAILED),
}
REASON_OF_CODE = {"ISOLATION_REACHED": Reason.REACHED, TAMPERED: Reason.COHORT_TAMPERED}


class Went(StrEnum):
    """How a step went: on to the next, or wrong, or so long that all must be read again first, or on in a job."""

    ON = "on"
    WRONG = "wrong"
    LONG = "long"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Opening:
    """`ground` is None where each sandbox brings its own isolation, so that there is nothing to mend.

    `cutting` is held by whoever gives or ends rights: the hub's own right and the rows for people are two writes.
    """

    policy: ApprovalPolicy
    folders: Folders
    isolation: Isolation
    cohorts: Cohorts
    jitter: Callable[[], float]
    ground: Ground | None = None
    cutting: Locks = field(default_factory=Locks)
    proved: dict[str, datetime] = field(default_factory=dict)
    hashed: dict[str, datetime] = field(default_factory=dict)

    def ask(self, case: Case) -> bool:
        """Whether policy allows the project now. Its answer becomes a condition; silence becomes a failed step too."""
        before = case.status.step(Name.POLICY)
        if is_waiting(before, case.now):
            return False
        decision = self.policy.decide(case.facts.project, case.now)
        finding = finding_of(decision)
        if finding.reason is Reason.POLICY_UNAVAILABLE:
            code = next(d.code for d in decision.deny if d.code in UNANSWERED)
            error = TidegateError(code, "The policy engine did not answer, so nothing new is opened.")
            step = failed(before, Name.POLICY, error, case.now, self.jitter())
        else:
            step = done(Name.POLICY, "Policy has answered.", case.now)
        case.write(lambda s: with_step(with_condition(s, Kind.POLICY_ALLOWED, finding, case.now), step))
        return decision.allowed

    def mend(self, case: Case) -> None:
        """Whatever policy says, and beside a pull of hours: what was made to keep a project apart must stand."""
        if self.ground is not None and case.status.step(Name.FENCE) is not None:
            self._run(case, Name.FENCE, self._fence)

    def halt(self, case: Case) -> None:
        """What may not be opened may not be copied either: a copy under way elsewhere ends. Silence ends none."""
        step, policy = case.status.step(Name.COHORT), case.status.condition(Kind.POLICY_ALLOWED)
        unanswered = policy is not None and policy.reason == Reason.POLICY_UNAVAILABLE
        stands = is_true(case.status, Kind.APPROVED) and ended(case.facts, case.now) is None
        if step is None or step.state not in {StepState.RUNNING, StepState.FAILED} or (unanswered and stands):
            return
        if self.cohorts.halt(case.name):
            message = "The copy of the data was stopped: it is not allowed now."
            stopped = Step(name=Name.COHORT, state=StepState.WAITING, message=message, since=case.now)
            case.write(lambda s: with_step(s, stopped))

    def build(self, case: Case) -> bool:
        """The steps in order; each that holds lets the next one run. True where it took long: look again."""
        if not self._is_fenced(case):
            return False
        steps = ((Name.ISOLATION, self._isolation), (Name.FOLDERS, self._folders), (Name.COHORT, self._cohort))
        for name, act in steps:
            went = self._run(case, name, act)
            if went is not Went.ON:
                return went is Went.LONG
        return self._run(case, Name.ACCESS, self._access) is Went.LONG

    def _run(self, case: Case, name: Name, act: Callable[[Case], Went]) -> Went:
        if is_waiting(case.status.step(name), case.now):
            return Went.WRONG
        try:
            return act(case)
        except UnderWay:
            _elsewhere(case, name)
            return Went.ELSEWHERE
        except TidegateError as error:
            self._fail(case.afresh(), name, error)
        except Exception as error:
            log.exception("step failed", project=case.name, step=name)
            sentence = f"The step {name} failed in a way nobody foresaw ({type(error).__name__})."
            unforeseen = TidegateError("internal_error", sentence, "The operator's log has the details.")
            self._fail(case.afresh(), name, unforeseen)
        return Went.WRONG

    def _fail(self, case: Case, name: Name, error: TidegateError) -> None:
        if error.code == FENCE_CHANGED:
            self.proved.pop(case.facts.project.digest(), None)

        def spoil(status: ProjectStatus) -> ProjectStatus:
            if name not in SPOILS:
                return status
            kind, reason = SPOILS[name]
            found = Finding(holds=False, reason=REASON_OF_CODE.get(error.code, reason), message=str(error))
            return with_condition(status, kind, found, case.now)

        case.fail(name, error, self.jitter(), spoil)

    def _is_fenced(self, case: Case) -> bool:
        """A fence that was made before was mended in this look already."""
        if self.ground is not None and case.status.step(Name.FENCE) is None:
            self._run(case, Name.FENCE, self._fence)
        step = case.status.step(Name.FENCE)
        return self.ground is None or (step is not None and step.state is StepState.DONE)

    def _fence(self, case: Case) -> Went:
        """What others changed is put back before anything else, and the isolation is then proved anew."""
        if self.ground is None:
            return Went.ON
        status = case.status
        step = status.step(Name.FENCE)
        stood = status.deployed_digest is not None or (step is not None and step.state is StepState.DONE)
        approved = is_true(status, Kind.APPROVED)
        mended = self.ground.stand(case.facts, case.now, stood=stood, approved=approved)
        if status.spawn_rights:
            mended += self.ground.open(case.facts, case.now, stood=True)
        if mended:
            self.proved.pop(case.facts.project.digest(), None)
        case.write(_done(case, Name.FENCE, "Namespace, quota and network policies stand.", *drift_of(case, mended)))
        return Went.ON

    def _folders(self, case: Case) -> Went:
        self.folders.prepare(case.facts, case.now)
        case.write(_done(case, Name.FOLDERS, f"{len(case.facts.people)} people have a home."))
        return Went.ON

    def _isolation(self, case: Case) -> Went:
        """Proved anew by each process and each hour; what was proved before a restart is not taken on trust."""
        spec = case.facts.project.digest()
        last = self.proved.get(spec)
        if last is None or not last <= case.now < last + PROOF_HOLDS:
            self.proved.pop(spec, None)
            self.isolation.prove(case.facts.project)
            self.proved[spec] = case.now
        finding = Finding(holds=True, reason=Reason.PROVED)
        change = _done(case, Name.ISOLATION, "A probe in a sandbox reached nothing.", (Kind.NETWORK_ISOLATED, finding))
        case.write(change, Event.ISOLATION_PROVED)
        return Went.ON

    def _cohort(self, case: Case) -> Went:
        version = self._version(case)
        sealed = case.status.cohort
        if sealed is None or sealed.version != version or not self.cohorts.stands(sealed):
            return self._pull(case, version)
        if self._hash_again(case, sealed):
            return Went.LONG
        text = f"{sealed.files} files, {sealed.refused} refused by the gate."
        found = (Kind.COHORT_READY, Finding(holds=True, reason=Reason.SEALED))
        case.write(_done(case, Name.COHORT, text, found))
        return Went.ON

    def _hash_again(self, case: Case, sealed: CohortStatus) -> bool:
        """True where the copy was hashed: by each process, each day, and whenever it no longer looks as it did.

        A copy that is not what was sealed is taken away at once and made again at the next try. Rights and running
        workspaces end with the condition, which has no grace for it.
        """
        last = self.hashed.get(sealed.path)
        if last is not None and last <= case.now < last + HASH_HOLDS and self.cohorts.looks_whole(sealed):
            return False
        self.hashed.pop(sealed.path, None)
        try:
            self.cohorts.verify_view(sealed)
        except TidegateError as error:
            if error.code == TAMPERED:
                self.cohorts.discard_view(sealed)
            raise
        self.hashed[sealed.path] = case.now
        return True

    def _version(self, case: Case) -> int:
        known = cohorts_of(case.store, case.name)
        cohort = wanted_cohort(case.facts, known)
        if cohort in known:
            return cohort.spec.version
        record = Record(
            event=Event.RESOURCE_CREATED,
            actor=PROVISIONER,
            subject=f"Cohort/{cohort.name}",
            detail={"digest": cohort.digest()},
        )
        case.store.put(cohort, record, case.now)
        return cohort.spec.version

    def _pull(self, case: Case, version: int) -> Went:
        """May take hours. What it gave is noted and nothing concluded from it: the next look does that."""
        pulling = Finding(holds=False, reason=Reason.PULLING)
        started = Event.COHORT_PULL_STARTED
        case.write(lambda s: with_condition(s, Kind.COHORT_READY, pulling, case.now), started, version=version)
        sealed = self.cohorts.ensure(
            case.facts.project, case.facts.datasets, version, case.now, lambda step: _show(case, step)
        )
        case.note(
            lambda s: s.model_copy(update={"cohort": sealed}),
            Event.COHORT_SEALED,
            version=version,
            manifest=sealed.manifest_sha256,
            files=sealed.files,
            refused=sealed.refused,
        )
        return Went.LONG

    def _access(self, case: Case) -> Went:
        """On what holds now, not at the start of this look: a cut beside it may have ended what it would give again.

        That cut would also take the hub's right away, for which no row stands yet.
        """
        digest, begun = case.facts.project.digest(), case.facts
        with self.cutting.of(case.name):
            case = case.afresh()
            if case.facts != begun:
                return Went.LONG
            change = _done(case, Name.ACCESS, "Workspaces can be started.")
            if self.ground is not None and rights_due(case.facts, case.now):
                self.ground.open(case.facts, case.now, stood=bool(case.status.spawn_rights))
            case.write(lambda s: change(s.model_copy(update={"deployed_digest": digest})))
            give(case)
        return Went.ON


def _elsewhere(case: Case, name: Name) -> None:
    """A step that goes on in a job is under way for all to see, and the loop looks in on it."""
    step = case.status.step(name)
    if step is None or step.state is not StepState.RUNNING:
        case.note(lambda s: with_step(s, going_on(step, running(name, "It goes on in a job.", case.now))))


def finding_of(decision: Decision) -> Finding:
    """What a decision says as a condition: codes in a fixed order, with what each is about."""
    codes = [" ".join(part for part in (d.code, d.dataset, d.detail) if part) for d in decision.deny]
    text = "; ".join(sorted(codes))
    if decision.allowed:
        return Finding(holds=True, reason=Reason.ALLOWED)
    if any(d.code in UNANSWERED for d in decision.deny):
        return Finding(holds=False, reason=Reason.POLICY_UNAVAILABLE)
    if decision.outcome is Outcome.NEEDS_HUMAN:
        return Finding(holds=False, reason=Reason.NEEDS_HUMAN, message=text)
    return Finding(holds=False, reason=Reason.DENIED, message=text)


def drift_of(case: Case, mended: Sequence[str]) -> tuple[tuple[Kind, Finding], ...]:
    """What was put back is shown for an hour; the ledger keeps it for good."""
    if mended:
        return ((Kind.DRIFTED, Finding(True, Reason.DRIFT_MENDED, f"Put back: {', '.join(sorted(set(mended)))}.")),)
    before = case.status.condition(Kind.DRIFTED)
    if before is not None and before.status and before.since <= case.now < before.since + DRIFT_SHOWS:
        return ()
    return ((Kind.DRIFTED, Finding(holds=False, reason=Reason.AS_RENDERED)),)


def _done(case: Case, name: Name, message: str, *conditions: tuple[Kind, Finding]) -> Change:
    def change(status: ProjectStatus) -> ProjectStatus:
        for kind, finding in conditions:
            status = with_condition(status, kind, finding, case.now)
        return with_step(status, done(name, message, case.now))

    return change


def _show(case: Case, step: Step) -> None:
    """Progress of the pull for the person who waits: a write each time another twentieth is done."""
    before = case.status.step(Name.COHORT)
    shown = going_on(before, step.model_copy(update={"name": str(Name.COHORT), "since": case.now}))
    if before is None or _share(before) != _share(shown):
        case.note(lambda s: with_step(s, shown))


def _share(step: Step) -> tuple[StepState, str, int]:
    return step.state, step.code, step.done * SHARES // step.total if step.total else 0
