"""`render`: all manifests of one stage of a project. The adapters apply stage after stage and take down in reverse."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from provisioner.adapters.kubernetes.render.addresses import Addresses
from provisioner.adapters.kubernetes.render.bounds import gpus, limit_range, namespace, quota
from provisioner.adapters.kubernetes.render.policies import network_policies
from provisioner.adapters.kubernetes.render.probes import probe_tables
from provisioner.adapters.kubernetes.render.rights import hub_run, hub_spawn
from provisioner.adapters.kubernetes.render.stores import accounts, claims
from provisioner.adapters.kubernetes.settings import ClusterSettings
from provisioner.domain.facts import Facts
from tidegate.cluster.port import Manifest

Manifests = tuple[Manifest, ...]


class Stage(StrEnum):
    """In the order of creation. Between FENCE and STORES the isolation is proved, before RUN the cohort is sealed."""

    FENCE = "fence"
    STORES = "stores"
    RUN = "run"
    SPAWN = "spawn"


def _fence(facts: Facts, addresses: Addresses, settings: ClusterSettings) -> Manifests:
    name = facts.project.name
    bounds = (namespace(name), quota(facts, settings), limit_range(name, gpus(facts, settings)))
    return (*bounds, *network_policies(name, addresses, settings), probe_tables(name, addresses))


def _stores(facts: Facts, _: Addresses, settings: ClusterSettings) -> Manifests:
    return (*accounts(facts.project.name), *claims(facts, settings))


def _run(facts: Facts, _: Addresses, settings: ClusterSettings) -> Manifests:
    return hub_run(facts.project.name, settings)


def _spawn(facts: Facts, _: Addresses, settings: ClusterSettings) -> Manifests:
    return hub_spawn(facts.project.name, settings)


OF_STAGE: Final[dict[Stage, Callable[[Facts, Addresses, ClusterSettings], Manifests]]] = {
    Stage.FENCE: _fence,
    Stage.STORES: _stores,
    Stage.RUN: _run,
    Stage.SPAWN: _spawn,
}


def render(stage: Stage, facts: Facts, addresses: Addresses, settings: ClusterSettings) -> Manifests:
    """The manifests of a stage, in the order in which they are written."""
    return OF_STAGE[stage](facts, addresses, settings)
