"""`ports.Folders` on a cluster: accounts and claims are applied, and at the end everything goes in its order."""

from dataclasses import dataclass
from datetime import datetime

from provisioner.adapters.kubernetes.addresses import KubernetesAddresses
from provisioner.adapters.kubernetes.apply import Applier
from provisioner.adapters.kubernetes.finalising import Finalising
from provisioner.adapters.kubernetes.render import Stage, render
from provisioner.domain.facts import Facts


@dataclass(frozen=True)
class KubernetesFolders:
    applier: Applier
    addresses: KubernetesAddresses
    finalising: Finalising

    def prepare(self, facts: Facts, now: datetime) -> None:
        """A claim that is not there may be that of a new person, so nothing missing here counts as drift."""
        wanted = render(Stage.STORES, facts, self.addresses.of(facts), self.addresses.settings)
        self.applier.bring(facts.project.name, Stage.STORES, wanted, now, stood=False)

    def erase(self, project: str, now: datetime) -> None:
        self.finalising.run(project, now)
