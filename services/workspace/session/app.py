"""The session server: Jupyter Server with the hub's login, and with every way out locked.

`python -m workspace.session` calls `launch`, in the sandbox the spawner made for it. `SessionServer` holds the
locks and is the class the tests start too.
"""

import asyncio
import os
from typing import Any, ClassVar

from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from jupyterhub.singleuser.extension import JupyterHubSingleUser
from traitlets import Instance

from workspace.session import silent_events
from workspace.session.budget import Budget
from workspace.session.configuration import EXTENSIONS, configure, prepare_environment
from workspace.session.csp import answer_headers
from workspace.session.drawn import report, report_for_ever
from workspace.session.hub_login import HubLogin
from workspace.session.intake import Intake
from workspace.session.journal import FileJournal
from workspace.session.outbox import watch_for_ever
from workspace.session.release import Releaser
from workspace.session.release_handler import HANDLERS
from workspace.session.routes import lock_routes
from workspace.session.settings import SessionSettings
from workspace.session.transform import outgoing


class SessionServer(ServerApp):  # type: ignore[misc] # Jupyter carries no types
    """Jupyter Server that reads no configuration files and puts the locks on before any extension is loaded."""

    tidegate = Instance(SessionSettings)
    no_browser_open_file = True

    def load_config_file(self, suppress_errors: bool = True) -> None:  # noqa: FBT001, FBT002 - Jupyter's signature
        """The configuration is code; a file somewhere on Jupyter's paths changes nothing."""

    def init_webapp(self) -> None:
        super().init_webapp()
        settings = self.tidegate
        self.budget = Budget(settings.drawn_cap, FileJournal(settings.private / "drawn.json"))
        self.intake = Intake(settings.intake, settings.token)
        self.releaser = Releaser(self.contents_manager.tree, self.intake)
        self.web_app.settings.update(tidegate_budget=self.budget, tidegate_releaser=self.releaser)
        self.web_app.add_handlers(
            ".*",
            [(url_path_join(self.base_url, path), handler) for path, handler in (*HANDLERS, *silent_events.HANDLERS)],
        )
        self.web_app.transforms.insert(0, outgoing(self.budget, answer_headers(settings.public_origin)))
        lock_routes(self.web_app)

    async def _post_start(self) -> None:
        self.start_background()
        await super()._post_start()

    def start_background(self) -> None:
        """The ledger's reporter and the outbox watcher, for as long as the server lives."""
        self._tasks = [
            asyncio.create_task(report_for_ever(self.budget, self.intake)),
            asyncio.create_task(watch_for_ever(self.contents_manager.tree, self.releaser)),
        ]

    async def _cleanup(self) -> None:
        for task in getattr(self, "_tasks", []):
            task.cancel()
        await super()._cleanup()
        await report(self.budget, self.intake)
        await self.intake.close()


class HubSession(JupyterHubSingleUser):  # type: ignore[misc] # Jupyter carries no types
    """The hub's single-user extension on top of our server, with the extensions we name and no others."""

    serverapp_class = SessionServer
    load_other_extensions = False
    settings: ClassVar[SessionSettings]

    @classmethod
    def get_extension_package(cls) -> str:
        return "jupyterhub"

    def load_config_file(self) -> None:
        super().load_config_file()
        self.serverapp.update_config({"ServerApp": {"identity_provider_class": HubLogin}})

    @classmethod
    def make_serverapp(cls, **kwargs: Any) -> SessionServer:  # noqa: ANN401 - traits
        extensions = {**EXTENSIONS, **kwargs.pop("jpserver_extensions", {})}
        server: SessionServer = super().make_serverapp(jpserver_extensions=extensions, tidegate=cls.settings, **kwargs)
        server.update_config(configure(cls.settings))
        return server


def launch() -> None:
    # Home and sockets are shared with the kernel's user through the project's group, and with nobody else.
    os.umask(0o007)
    HubSession.settings = SessionSettings.from_environment(os.environ)
    prepare_environment(HubSession.settings.private)
    HubSession.launch_instance([])
