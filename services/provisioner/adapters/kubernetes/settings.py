"""What rendering needs to know of this installation; part of the provisioner's settings file. Holds no secret."""

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from tidegate.cluster.port import Resource
from tidegate.model import ONE_MACHINE, Profile
from tidegate.model.names import Frozen

Cores = Annotated[float, Field(gt=0, le=1024)]
Mebibytes = Annotated[int, Field(ge=16, le=1_073_741_824)]


class Share(Frozen):
    """Limits of one container. Memory in MiB, `cpus` in cores."""

    cpus: Cores
    memory_mib: Mebibytes


class ForeignKind(Frozen):
    """A kind of policy that this cluster's network knows besides NetworkPolicy; none belongs into a project."""

    api_version: str
    kind: str
    plural: str

    def resource(self) -> Resource:
        return Resource(self.api_version, self.kind, self.plural)


class ClusterSettings(Frozen):
    """What the chart says of this installation.

    namespace, release: where the chart is installed and under which name; its Services are `<release>-hub` and so on.
    services_image: the image of our services, by digest; the probe and the beacon run from it.
    session: limits of a workspace's trusted container, which come on top of the project's own.
    loader: limits of one loader container.
    cohorts_mib: how much all volumes of a project's cohorts may take together.
    storage_class: of every claim; empty takes the cluster's default.
    shared_access: how a project's shared folder is mounted; one node does with ReadWriteOnce.
    s3_endpoint: ``host:port`` of the object store.
    cluster_dns: the address that the cluster's pods would ask for names; they must not reach it.
    never: networks in which no XNAT can lie: those of pods and Services, and what else must not be reached.
    profiles: what workspaces may run on here.
    foreign_kinds: see `ForeignKind`.
    """

    namespace: str = "tidegate"
    release: str = "tidegate"
    services_image: str
    session: Share = Share(cpus=1, memory_mib=1024)
    loader: Share = Share(cpus=2, memory_mib=2048)
    cohorts_mib: Mebibytes = 1_048_576
    storage_class: str = ""
    shared_access: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    s3_endpoint: str
    cluster_dns: str = "10.96.0.10"
    never: tuple[IPv4Network, ...] = ()
    profiles: Annotated[tuple[Profile, ...], Field(min_length=1)] = ONE_MACHINE
    foreign_kinds: tuple[ForeignKind, ...] = (
        ForeignKind(api_version="cilium.io/v2", kind="CiliumNetworkPolicy", plural="ciliumnetworkpolicies"),
    )
