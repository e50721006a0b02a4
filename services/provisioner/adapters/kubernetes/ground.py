"""`ports.Ground` on a cluster: the namespace and its guards, the hub's rights, and the hold on the project's record.

A look reads memory. The hub's right to start anything rests on what the cluster itself says at that moment.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from provisioner.adapters.kubernetes.addresses import KubernetesAddresses
from provisioner.adapters.kubernetes.apply import Applier
from provisioner.adapters.kubernetes.kinds import PROJECT, QUOTA, ROLE_BINDING, called
from provisioner.adapters.kubernetes.render import Stage, render
from provisioner.adapters.kubernetes.render.rights import HUB_SPAWN
from provisioner.adapters.kubernetes.weeds import Weeds
from provisioner.domain.facts import Facts
from tidegate.cluster.names import namespace_of
from tidegate.cluster.port import ClusterApi, Manifest, Ref
from tidegate.cluster.remembered import fresh
from tidegate.model import TidegateError

FINALISER: Final = "tidegate.dev/project"
FENCE_CHANGED: Final = "FENCE_CHANGED"


@dataclass(frozen=True)
class KubernetesGround:
    applier: Applier
    weeds: Weeds
    addresses: KubernetesAddresses

    @property
    def _api(self) -> ClusterApi:
        return self.applier.api

    def stand(self, facts: Facts, now: datetime, *, stood: bool, approved: bool) -> tuple[str, ...]:
        self._hold(facts.project.name)
        known = facts if approved else replace(facts, datasets=())
        wanted = self._rendered(Stage.FENCE, known)
        if not approved:
            # How much may be used follows from the spec; what stands is that of the one last approved.
            wanted = tuple(each for each in wanted if each["kind"] != QUOTA.kind)
        changed = self.applier.bring(facts.project.name, Stage.FENCE, wanted, now, stood=stood)
        return (*changed, *self.weeds.pull(facts.project.name, now))

    def open(self, facts: Facts, now: datetime, *, stood: bool) -> tuple[str, ...]:
        ran = self._bring(Stage.RUN, facts, now, stood=stood)
        if self._api.get(Ref(ROLE_BINDING, HUB_SPAWN, namespace_of(facts.project.name))) is None:
            self._assure(facts)
        return (*ran, *self._bring(Stage.SPAWN, facts, now, stood=stood))

    def shut(self, project: str, now: datetime) -> None:
        drop_binding(self.applier, project, HUB_SPAWN, now)

    def _assure(self, facts: Facts) -> None:
        """Raises TidegateError ``FENCE_CHANGED`` where the fence is not whole; the next look mends and proves it."""
        name = facts.project.name
        wrong = [*self.applier.differs(self._rendered(Stage.FENCE, facts))]
        wrong += [called(manifest) for _, manifest in self.weeds.standing(name)]
        if wrong:
            raise TidegateError(
                FENCE_CHANGED,
                f"What keeps project {name} apart was changed while it was opened: {', '.join(wrong)}.",
                "It is put back and proved again by itself.",
            )

    def release(self, project: str) -> None:
        """The deleted project's record may now be deleted too; until then its name stays taken."""
        record = self._api.get(Ref(PROJECT, project))
        if record is not None and FINALISER in _finalisers(record):
            record = fresh(self._api).get(Ref(PROJECT, project))
        if record is not None and FINALISER in _finalisers(record):
            kept = [name for name in _finalisers(record) if name != FINALISER]
            self._api.replace(PROJECT, _with_finalisers(record, kept))

    def _hold(self, project: str) -> None:
        """Written before the first object is made, so that the record cannot go while anything of the project stands.

        The whole record and not an apply: as an owner of this field alone we would give up the spec.
        """
        if not _may_be_held(self._api.get(Ref(PROJECT, project))):
            return
        record = fresh(self._api).get(Ref(PROJECT, project))
        if record is None or not _may_be_held(record):
            return
        self._api.replace(PROJECT, _with_finalisers(record, [*_finalisers(record), FINALISER]))

    def _bring(self, stage: Stage, facts: Facts, now: datetime, *, stood: bool) -> tuple[str, ...]:
        return self.applier.bring(facts.project.name, stage, self._rendered(stage, facts), now, stood=stood)

    def _rendered(self, stage: Stage, facts: Facts) -> tuple[Manifest, ...]:
        return render(stage, facts, self.addresses.of(facts), self.addresses.settings)


def drop_binding(applier: Applier, project: str, name: str, now: datetime) -> None:
    """Take a right from the hub. No write and no record where it has none."""
    ref = Ref(ROLE_BINDING, name, namespace_of(project))
    if applier.api.get(ref) is None:
        return
    with applier.journal.group(project, f"end {name}", [f"RoleBinding/{name}"], now):
        applier.api.delete(ref)


def _may_be_held(record: Manifest | None) -> bool:
    if record is None:
        return False
    return FINALISER not in _finalisers(record) and not record["metadata"].get("deletionTimestamp")


def _finalisers(record: Manifest) -> list[str]:
    return list(record["metadata"].get("finalizers") or [])


def _with_finalisers(record: Manifest, names: list[str]) -> Manifest:
    return {**record, "metadata": {**record["metadata"], "finalizers": names}}
