"""One idempotent look at one project: bring what is to what governance decided. Called by the controller's loop.

Level-triggered: it reads everything anew and remembers nothing that matters. A second look writes nothing. Every exit
leaves a condition with its reason, since `Ready` follows from each write.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from provisioner.application.case import Case, Locks
from provisioner.application.closing import Closing
from provisioner.application.cutting import cut
from provisioner.application.observe import observe
from provisioner.application.opening import Opening
from provisioner.domain.conditions import Kind, is_true
from provisioner.domain.ends import ended
from provisioner.domain.facts import Facts, missing_parts
from provisioner.domain.spawn import to_stop
from provisioner.domain.summary import is_closing
from provisioner.domain.verdicts import Standing, project_verdict
from provisioner.ports import Servers
from tidegate.model import ONE_MACHINE, Profile, ProjectPhase, ProjectStatus
from tidegate.store import ResourceStore


@dataclass(frozen=True)
class Reconciler:
    store: ResourceStore
    servers: Servers
    opening: Opening
    closing: Closing
    clock: Callable[[], datetime]
    profiles: tuple[Profile, ...] = ONE_MACHINE
    locks: Locks = field(default_factory=Locks)

    def reconcile(self, key: str, now: datetime) -> ProjectStatus | None:
        """Cut what is over, then close or open. None where there is no such project."""
        case = self._case(key, now)
        if case is None:
            return None
        if case.status.phase is ProjectPhase.DELETED:
            self.closing.release(key)
            return case.status
        while self._advance(case):
            case = case.afresh()
        return case.status

    def enforce(self, key: str, now: datetime) -> ProjectStatus | None:
        """Only the cut, and what others changed of the fence. Runs beside a look that takes long."""
        case = self._case(key, now)
        if case is None or case.status.phase is ProjectPhase.DELETED:
            return None
        self._cut(case)
        return case.status

    def overstayed(self, key: str, now: datetime) -> bool:
        """Whether a workspace runs that may not, for example one that was being started when its right ended."""
        up = self.servers.running(key)
        case = self._case(key, now) if up else None
        return case is not None and bool(to_stop(case.facts, case.status, up, now))

    def _advance(self, case: Case) -> bool:
        """One look; True where it took so long that it must be looked at again before anything is opened."""
        self._cut(case)
        if is_closing(case.facts, case.now):
            # What a copy under way was given for it is taken back, which nobody could do once it is deleted.
            self.opening.halt(case)
            self.closing.run(case)
            return False
        if not self._may_open(case):
            self.opening.halt(case)
            return False
        return self.opening.build(case)

    def _may_open(self, case: Case) -> bool:
        if not is_true(case.status, Kind.COMPLETE) or ended(case.facts, case.now) is not None:
            return False
        allowed = self.opening.ask(case)
        return is_true(case.status, Kind.APPROVED) and allowed

    def _cut(self, case: Case) -> None:
        # Two threads may come to cut at once; the second waits and finds it done.
        with self.opening.cutting.of(case.name):
            cut(case, self.servers, self.opening.jitter(), self.opening.ground)
            if not is_closing(case.facts, case.now):
                self.opening.mend(case)

    def _case(self, key: str, now: datetime) -> Case | None:
        facts = observe(self.store, key, self.profiles)
        return None if facts is None else Case(facts, now, self.store, self.locks.of(key), self.clock)


def may_pull(store: ResourceStore, key: str, now: datetime) -> bool:
    """Whether the project's data may still be copied, from the specs and dates as they stand now."""
    facts = observe(store, key)
    return facts is not None and not missing_parts(facts) and ended(facts, now) is None and _is_approved(facts, now)


def _is_approved(facts: Facts, now: datetime) -> bool:
    return project_verdict(facts.project, facts.approvals, now).standing is Standing.GIVEN
