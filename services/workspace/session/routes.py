"""What the browser may ask of the session server: one table of handler classes and methods, everything else refused.

Jupyter has no setting for this: extensions and stock services bring routes of their own that ask no authorizer, so
the lock sits where Tornado turns a request into a handler. `app` installs it before any extension is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.auth.logout import LogoutHandler
from jupyter_server.base import handlers as base
from jupyter_server.kernelspecs.handlers import KernelSpecResourceHandler
from jupyter_server.nbconvert.handlers import NbconvertFileHandler, NbconvertPostHandler
from jupyter_server.services.api.handlers import APISpecHandler, APIStatusHandler, IdentityHandler, PathResolverHandler
from jupyter_server.services.config.handlers import ConfigHandler
from jupyter_server.services.contents import handlers as contents
from jupyter_server.services.events.handlers import EventHandler, SubscribeWebsocket
from jupyter_server.services.kernels.handlers import KernelActionHandler, KernelHandler, MainKernelHandler
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from jupyter_server.services.kernelspecs.handlers import KernelSpecHandler, MainKernelSpecHandler
from jupyter_server.services.nbconvert.handlers import NbconvertRootHandler
from jupyter_server.services.security.handlers import CSPReportHandler
from jupyter_server.services.sessions.handlers import SessionHandler, SessionRootHandler
from jupyter_server.services.shutdown import ShutdownHandler
from jupyter_server.view.handlers import ViewHandler
from jupyterhub.singleuser.extension import JupyterHubLogoutHandler, JupyterHubOAuthCallbackHandler
from jupyterlab.handlers import announcements, build_handler, extension_manager_handler, plugin_manager_handler
from jupyterlab_server import handlers as lab
from jupyterlab_server.licenses_handler import LicensesHandler
from jupyterlab_server.listings_handler import ListingsHandler
from jupyterlab_server.settings_handler import SettingsHandler
from jupyterlab_server.themes_handler import ThemesHandler
from jupyterlab_server.translations_handler import TranslationsHandler
from jupyterlab_server.workspaces_handler import WorkspacesHandler
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler

from workspace.session.budget import Kind
from workspace.session.release_handler import ReleaseHandler, UsageHandler
from workspace.session.silent_events import SilentEvents


@dataclass(frozen=True)
class Route:
    """The methods a handler answers, and what its answers are counted as (None: nothing a kernel can influence)."""

    methods: frozenset[str]
    meter: Kind | None = None


def _only(*methods: str, meter: Kind | None = None) -> Route:
    return Route(frozenset(methods), meter)


ALLOWED: Final[Mapping[type, Route]] = {
    # The Lab page, its code and the state it keeps in private files.
    lab.LabHandler: _only("GET"),
    base.FileFindHandler: _only("GET", "HEAD"),
    SettingsHandler: _only("GET", "PUT"),
    WorkspacesHandler: _only("GET", "PUT", "DELETE"),
    TranslationsHandler: _only("GET"),
    ThemesHandler: _only("GET"),
    # Who is asking, and what this server is.
    IdentityHandler: _only("GET"),
    base.APIVersionHandler: _only("GET"),
    APIStatusHandler: _only("GET"),
    JupyterHubOAuthCallbackHandler: _only("GET"),
    JupyterHubLogoutHandler: _only("GET"),
    base.RedirectWithParams: _only("GET"),
    # Notebooks and text, through our own contents manager.
    contents.ContentsHandler: _only("GET", "PUT", "POST", "PATCH", "DELETE", meter=Kind.CONTENTS),
    contents.CheckpointsHandler: _only("GET", "POST", meter=Kind.CONTENTS),
    # Kernels, through our own manager and guard.
    MainKernelSpecHandler: _only("GET"),
    KernelSpecHandler: _only("GET"),
    KernelSpecResourceHandler: _only("GET", "HEAD"),
    MainKernelHandler: _only("GET", "POST", meter=Kind.KERNELS),
    KernelHandler: _only("GET", "DELETE", meter=Kind.KERNELS),
    KernelActionHandler: _only("POST", meter=Kind.KERNELS),
    SessionRootHandler: _only("GET", "POST", meter=Kind.KERNELS),
    SessionHandler: _only("GET", "PATCH", "DELETE", meter=Kind.KERNELS),
    KernelWebsocketHandler: _only("GET"),
    # Ours.
    ReleaseHandler: _only("POST", meter=Kind.CONTENTS),
    UsageHandler: _only("GET"),
    SilentEvents: _only("GET"),
}

REFUSED: Final[Mapping[type, str]] = {
    base.AuthenticatedFileHandler: "serves any file as it is",
    ViewHandler: "frames any file",
    NbconvertFileHandler: "turns a notebook into a download",
    NbconvertPostHandler: "runs converters over what the browser sends",
    NbconvertRootHandler: "lists converters nobody may use",
    PathResolverHandler: "tells which paths exist",
    ConfigHandler: "reads and writes server configuration",
    APISpecHandler: "documents an interface that is not all here",
    contents.TrustNotebooksHandler: "signs outputs a kernel may have written",
    contents.ModifyCheckpointsHandler: "there are no checkpoints",
    contents.NotebooksRedirectHandler: "an old address",
    EventHandler: "writes events in the server's name",
    SubscribeWebsocket: "streams error texts past the guard",
    CSPReportHandler: "our policy reports nowhere",
    ShutdownHandler: "stopping belongs to the hub",
    base.PrometheusMetricsHandler: "tells what others do",
    base.TrailingSlashHandler: "redirects anywhere",
    base.PublicStaticFileHandler: "breaks off: Jupyter registers it without its folder",
    base.MainHandler: "no page of ours",
    base.Template404: "echoes the address asked for",
    lab.NotFoundHandler: "echoes the address asked for",
    ListingsHandler: "no extensions are installed from here",
    LicensesHandler: "walks the server's packages",
    build_handler.BuildHandler: "builds front-end code",
    extension_manager_handler.ExtensionHandler: "installs extensions",
    plugin_manager_handler.PluginHandler: "switches plugins",
    announcements.CheckForUpdateHandler: "asks the internet",
    announcements.NewsHandler: "asks the internet",
    LoginFormHandler: "logging in belongs to the hub",
    LogoutHandler: "logging in belongs to the hub",
}


class RefusedHandler(RequestHandler):
    """A plain answer for what is not in the table: no template, no echo, no login redirect."""

    def prepare(self) -> None:
        self._refuse()

    def write_error(self, status_code: int, **_: object) -> None:  # noqa: ARG002 - whatever it was, the answer is the same
        """Tornado comes here before `prepare` for a method it does not know."""
        self._refuse()

    def _refuse(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "application/json")
        self.finish('{"code": "route_refused", "message": "Tidegate workspaces do not answer this address."}')


def route_of(handler: object, method: str | None) -> Route | None:
    """The table's row for a handler and method; exact classes only, so that a subclass must be listed itself."""
    route = ALLOWED.get(handler) if isinstance(handler, type) else None
    return route if route is not None and method in route.methods else None


class RouteLock:
    """Stands in for `Application.find_handler`, the one place all requests pass."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._find = application.find_handler

    def __call__(self, request: HTTPServerRequest, **kwargs: Any) -> Any:  # noqa: ANN401 - Tornado's delegate
        delegate = self._find(request, **kwargs)
        route = route_of(getattr(delegate, "handler_class", None), request.method)
        if route is None:
            return self._application.get_handler_delegate(request, RefusedHandler)
        request.tidegate_meter = route.meter  # type: ignore[attr-defined]
        return delegate


def lock_routes(application: Application) -> None:
    """Refuse from now on every request that the table does not list."""
    application.find_handler = RouteLock(application)  # type: ignore[method-assign]
