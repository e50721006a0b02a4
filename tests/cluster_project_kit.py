"""A project's ground, stores and end on a real API server, with the ledger as a list and the clock as an argument."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from model_kit import dataset, grant, project
from provisioner.adapters.kubernetes.addresses import KubernetesAddresses
from provisioner.adapters.kubernetes.apply import Applier
from provisioner.adapters.kubernetes.finalising import Finalising
from provisioner.adapters.kubernetes.folders import KubernetesFolders
from provisioner.adapters.kubernetes.ground import KubernetesGround
from provisioner.adapters.kubernetes.journal import Journal
from provisioner.adapters.kubernetes.kinds import NAMESPACE, SERVICE
from provisioner.adapters.kubernetes.render import Address
from provisioner.adapters.kubernetes.settings import ClusterSettings
from provisioner.adapters.kubernetes.weeds import Weeds
from provisioner.domain.facts import Facts
from reconcile_kit import facts
from render_kit import cluster_settings
from tidegate.cluster.port import ClusterApi
from tidegate.ledger import Record
from tidegate.model import TidegateError

API_SERVER: Final = Address("10.96.0.1", 443)
CHANGING: Final = frozenset({"apply", "create", "replace", "delete"})


@dataclass
class Site:
    """One installation on a cluster."""

    api: ClusterApi
    records: list[Record] = field(default_factory=list)
    settings: ClusterSettings = field(default_factory=cluster_settings)

    def __post_init__(self) -> None:
        self.journal = Journal(self._append)
        applier = Applier(self.api, self.journal)
        self.addresses = KubernetesAddresses(self.api, self.settings, API_SERVER)
        self.ground = KubernetesGround(applier, Weeds(self.api, self.journal, self.settings), self.addresses)
        self.folders = KubernetesFolders(applier, self.addresses, Finalising(applier))

    def build(self, own: Facts, now: datetime) -> None:
        """Everything in the order of creation, without what lies between."""
        self.ground.stand(own, now, stood=False, approved=True)
        self.folders.prepare(own, now)
        self.ground.open(own, now, stood=False)

    def mend(self, own: Facts, now: datetime) -> tuple[str, ...]:
        return (*self.ground.stand(own, now, stood=True, approved=True), *self.ground.open(own, now, stood=True))

    def events(self) -> list[str]:
        return [str(record.event) for record in self.records]

    def _append(self, record: Record, _now: datetime) -> None:
        self.records.append(record)


def release_of(api: ClusterApi, name: str = "tidegate") -> None:
    """The namespace and the Services that a chart would have made."""
    api.apply(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for component, port in {"hub": 8081, "egress": 8003, "beacon": 9000}.items():
        metadata = {"name": f"{name}-{component}", "namespace": name}
        spec = {"ports": [{"port": port, "protocol": "TCP"}], "selector": {"app.kubernetes.io/component": component}}
        api.apply(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


def facts_of(name: str, *people: str, **spec: Any) -> Facts:
    """A project of these people; its archive is a number, so nobody has to be asked for a name."""
    own = project(name, **spec)
    archive = dataset(xnat={"server": "http://198.51.100.2:8080", "project": "CBIS-DDSM"})
    return facts(
        own, archive, *(grant(f"{name}-{person}", person=person, project=name) for person in people or ("rosa",))
    )


@dataclass
class Breaking:
    """Stands before the API and fails at the nth write, before it lands or after: a kill or a broken line."""

    api: Any
    at: int
    after: bool
    seen: int = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real: Callable[..., Any] = getattr(self.api, name)
        if name not in CHANGING:
            return real

        def call(*args: Any, **named: Any) -> Any:
            self.seen += 1
            if self.seen != self.at:
                return real(*args, **named)
            if self.after:
                real(*args, **named)
            raise TidegateError("cluster_unavailable", "Cut off.")

        return call


def breaks() -> Iterator[tuple[int, bool]]:
    """The first write before it lands, the first after, the second before, and so on; the caller says when to end."""
    for number in range(1, 60):
        yield number, False
        yield number, True
