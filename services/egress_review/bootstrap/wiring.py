"""The real world for the use cases: one `Ports` for this state folder."""

from pathlib import Path

from egress_review.adapters.db.requests import DjangoRequests
from egress_review.adapters.hub import HubIdentities
from egress_review.adapters.people import StorePeople
from egress_review.adapters.policy import StorePolicy
from egress_review.adapters.scan import FileScanner, FolderPacks, sandbox_user, sandboxed
from egress_review.adapters.views import StoreViews
from egress_review.bootstrap.environment import Environment
from egress_review.ports import Ports
from tidegate.objects import FolderObjects
from tidegate.policy import open_policy
from tidegate.store import SqliteStore

CHAIN = "egress-reader"


def build_ports(environment: Environment) -> Ports:
    """Raises the `TidegateError` of whatever cannot be opened: at the start, when a person reads it."""
    state = environment.state
    store = SqliteStore(state / "tidegate.db", CHAIN)
    quarantine = FolderObjects(_folder(state, "quarantine"))
    return Ports(
        requests=DjangoRequests(),
        people=StorePeople(store),
        policy=StorePolicy(open_policy(store), store),
        scanner=FileScanner(quarantine, FolderPacks(state / "packs"), *sandboxed(sandbox_user(store))),
        views=StoreViews(quarantine),
        hub=HubIdentities(environment.hub_api),
        quarantine=quarantine,
        released=FolderObjects(_folder(state, "released")),
    )


def _folder(state: Path, name: str) -> Path:
    folder = state / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
