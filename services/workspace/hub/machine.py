"""The hub's use cases on one machine: what `Site` has, and starting and ending the two sandboxes of a workspace."""

from datetime import datetime

from tidegate.model import TidegateError
from tidegate.policy import open_policy
from tidegate.store import SqliteStore
from workspace.hub.admission import sealed_folder
from workspace.hub.settings import HubSettings
from workspace.hub.site import CHAIN, Site
from workspace.hub.workspaces import Start, Workspaces


class MachineSite(Site):
    """One SQLite file, the policy engine in this process, sandboxes beside it."""

    def __init__(self, settings: HubSettings) -> None:
        store = SqliteStore(settings.database, CHAIN)
        super().__init__(settings, store, open_policy(store), sealed_folder)
        self.workspaces = Workspaces(settings, store)

    def start(self, request: Start, now: datetime) -> int:
        """Start an admitted workspace; the port its session server listens on."""
        try:
            server = self.workspaces.start(request)
        except TidegateError as error:
            self.refused(request.admission.project.name, request.admission.person.subject, error, now)
            raise
        self.started(request.admission, now)
        return server.port

    def stop(self, project: str, name: str, why: str, now: datetime) -> None:
        """Stop a workspace; recorded once, whoever asks."""
        if self.workspaces.stop(project, name):
            self.stopped(project, name, why, now)
