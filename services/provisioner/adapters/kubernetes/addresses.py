"""Finds the numbers behind names: our own Services, the object store, and the archives that a project pulls from.

Called before every rendering. Pods of a project have no DNS, so what they may reach is settled here. An archive's name
is somebody else's to answer for: an address that no archive can have is left out, and then nothing is opened for it.
"""

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final
from urllib.parse import urlsplit

import structlog

from provisioner.adapters.kubernetes.kinds import SERVICE
from provisioner.adapters.kubernetes.render import Address, Addresses
from provisioner.adapters.kubernetes.settings import ClusterSettings
from provisioner.domain.facts import Facts
from tidegate.cluster.names import HUB_PORT
from tidegate.cluster.port import ClusterApi, Ref
from tidegate.model import TidegateError

log = structlog.get_logger("provisioner")

BEACON_PORT: Final = 9000
DNS_PORT: Final = 53
# A Service keeps its address while it lives; one made anew is met after this long.
HOLDS_SECONDS: Final = 30.0
PORTS: Final = {"http": 80, "https": 443}


def look_up(host: str) -> tuple[str, ...]:
    """Every IPv4 address of a name.

    Raises:
        OSError: where there is none, or nobody answers.
    """
    return tuple({str(found[4][0]) for found in socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)})


@dataclass
class KubernetesAddresses:
    """`api_server` is where this pod itself was told to find it. What was found holds for half a minute."""

    api: ClusterApi
    settings: ClusterSettings
    api_server: Address
    resolve: Callable[[str], tuple[str, ...]] = look_up
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)
    told: set[Address] = field(default_factory=set)
    clock: Callable[[], float] = time.monotonic
    services: dict[str, tuple[float, Address]] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)

    def of(self, facts: Facts) -> Addresses:
        """Raises TidegateError ``SERVICE_MISSING`` where the release is not whole."""
        return Addresses(
            hub=self._service("hub", HUB_PORT),
            beacon=self._service("beacon", BEACON_PORT),
            api_server=self.api_server,
            dns=Address(self.settings.cluster_dns, DNS_PORT),
            store=self._all([_endpoint(self.settings.s3_endpoint)]),
            xnat=self.archives(facts),
        )

    def archives(self, facts: Facts) -> tuple[Address, ...]:
        """Of the project's data sets, without those no archive can have."""
        found = self._all([archive_of(dataset.spec.xnat.server) for dataset in facts.datasets])
        refused = frozenset(at for at in found if not self._may_be_archive(at))
        if refused - self.told:
            log.warning("an archive's name leads where none can be", addresses=[at.host for at in sorted(refused)])
        self.told |= refused
        return tuple(at for at in found if at not in refused)

    def _service(self, component: str, port: int) -> Address:
        until, address = self.services.get(component, (0.0, None))
        if address is None or self.clock() >= until:
            address = self._found(component, port)
            self.services[component] = (self.clock() + HOLDS_SECONDS, address)
        return address

    def _found(self, component: str, port: int) -> Address:
        name = f"{self.settings.release}-{component}"
        service = self.api.get(Ref(SERVICE, name, self.settings.namespace))
        host = (service or {}).get("spec", {}).get("clusterIP", "")
        if not host or host == "None":
            raise TidegateError(
                "SERVICE_MISSING",
                f"The Service {name} has no address, so nothing can be said of what a project may reach.",
                "The operator should look at the Helm release.",
            )
        return Address(host, port)

    def _all(self, places: Iterable[tuple[str, int]]) -> tuple[Address, ...]:
        return tuple(sorted({Address(number, port) for host, port in places for number in self._numbers(host)}))

    def _numbers(self, host: str) -> tuple[str, ...]:
        """While nobody answers, the last answer holds: a pull under way is not cut by a name server that is away."""
        if self.clock() < self.asked.get(host, 0.0):
            return self.known.get(host, ())
        self.asked[host] = self.clock() + HOLDS_SECONDS
        try:
            self.known[host] = self.resolve(host)
        except OSError as error:
            log.warning("a name has no address", host=host, error=type(error).__name__)
        return self.known.get(host, ())

    def _may_be_archive(self, at: Address) -> bool:
        number = IPv4Address(at.host)
        special = number.is_loopback or number.is_link_local or number.is_multicast or number.is_unspecified
        ours = any(number in network for network in self.settings.never)
        return not special and not ours and at.host != self.api_server.host


def archive_of(server: str) -> tuple[str, int]:
    """Host and port of an XNAT's URL."""
    parts = urlsplit(server)
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 443)


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)
