"""Wires the provisioner for one machine: the only place that names adapters. Called by `__main__` and by tests."""

import contextlib
import fcntl
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from provisioner.adapters.dicom import DicomReader
from provisioner.adapters.embedded.canary import EmbeddedIsolation
from provisioner.adapters.embedded.folders import EmbeddedFolders
from provisioner.adapters.embedded.heads import EmbeddedHeads
from provisioner.adapters.embedded.policy import EmbeddedPolicy
from provisioner.adapters.embedded.retained import ReviewsRegister
from provisioner.adapters.embedded.servers import EmbeddedServers, Hub
from provisioner.adapters.embedded.xnat_secrets import XnatSecrets
from provisioner.adapters.vault import FolderVault
from provisioner.adapters.view import FolderShelf
from provisioner.adapters.xnat.source import XnatSource
from provisioner.application.closing import Closing
from provisioner.application.cohort import CohortPipeline
from provisioner.application.cohort_run import Parts
from provisioner.application.opening import Opening
from provisioner.application.reconcile import Reconciler, may_pull
from provisioner.controller.clock import SteadyClock
from provisioner.controller.loop import Loop
from provisioner.ports import ApprovalPolicy, Cohorts
from tidegate.model import ExitCode, Kind, Licence, TidegateError, utc_now
from tidegate.policy import open_policy
from tidegate.store import SqliteStore

CHAIN = "provisioner"


@dataclass(frozen=True)
class Settings:
    """What the service is told by its environment.

    Attributes:
        state: the state folder of this installation.
        environment: the Python environment that workspaces use; the probe runs with it.
        hub: where to have servers stopped; None ends them by process alone.
    """

    state: Path
    environment: Path
    hub: Hub | None

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        state = env.get("TIDEGATE_STATE", "")
        if not state:
            raise TidegateError(
                "state_missing",
                "TIDEGATE_STATE does not say where the state folder is.",
                "Start the service with `tidegate up`, which sets it.",
                ExitCode.USAGE,
            )
        url, token = env.get("JUPYTERHUB_API_URL", ""), env.get("JUPYTERHUB_API_TOKEN", "")
        return cls(
            state=Path(state).resolve(),
            environment=Path(env.get("TIDEGATE_WORKSPACE_ENV", "") or sys.prefix),
            hub=Hub(url.rstrip("/"), token) if url and token else None,
        )


@dataclass(frozen=True)
class Given:
    """What a test puts in the place of a part: an engine taken away, data that comes from nowhere."""

    policy: ApprovalPolicy | None = None
    cohorts: Cohorts | None = None


def build(settings: Settings, stopping: Callable[[], bool], given: Given = Given()) -> Loop:
    """The loop with all that it needs."""
    clock = SteadyClock(utc_now)
    store = SqliteStore(settings.state / "tidegate.db", CHAIN)
    cohorts = given.cohorts or cohort_pipeline(settings, store, clock, stopping)
    folders = EmbeddedFolders(settings.state, store.host_id)
    opening = Opening(
        policy=given.policy or EmbeddedPolicy(open_policy, store),
        folders=folders,
        isolation=EmbeddedIsolation(settings.environment, store.host_id),
        cohorts=cohorts,
        jitter=random.random,
    )
    register = ReviewsRegister(settings.state / "egress.sqlite")
    servers = EmbeddedServers(settings.state / "run" / "servers", settings.hub)
    reconciler = Reconciler(store, servers, opening, Closing(folders, random.random, register), clock)
    databases = (settings.state / "tidegate.db", register.path)
    return Loop(store, reconciler, EmbeddedHeads(databases, CHAIN), clock)


def cohort_pipeline(
    settings: Settings, store: SqliteStore, clock: Callable[[], datetime], stopping: Callable[[], bool]
) -> Cohorts:
    """Data from XNAT by way of the vault. A pull ends early when the service stops or the data may no longer be had."""
    vault = FolderVault(settings.state / "vault")
    parts = Parts(
        source=XnatSource(XnatSecrets(settings.state / "secrets").credentials),
        reader=DicomReader(),
        vault=vault,
        shelf=FolderShelf(settings.state, vault),
        licence_of=lambda name: _licence(store, name),
        may_continue=lambda project, now: not stopping() and may_pull(store, project.name, now),
        clock=clock,
        record=store.append,
    )
    return CohortPipeline(parts)


def _licence(store: SqliteStore, name: str) -> Licence | None:
    found = store.get(Kind.LICENCE, name)
    return found if isinstance(found, Licence) else None


@contextlib.contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Hold the lock of this state folder; the system gives it back however the process ends.

    Raises:
        TidegateError: ``already_running``.
    """
    path = state / "run" / "provisioner.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TidegateError(
                "already_running",
                f"Another provisioner works on {state}.",
                "Stop it first; two would undo each other's work.",
            ) from error
        yield
