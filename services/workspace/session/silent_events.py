"""Answers the Lab's request for server events with a connection on which nothing is ever said; listed in `routes`.

Jupyter's own handler streams error texts past the guard, so it stays refused. The Lab has no setting that stops it from
asking, and a refusal makes it ask again for as long as the page is open, which hides from operators what matters.
"""

from typing import Any, Final

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.websocket import WebSocketHandler

MOST_OPEN: Final = 32
TRY_LATER: Final = 1013


class SilentEvents(WebSocketMixin, WebSocketHandler, JupyterHandler):  # type: ignore[misc] # Jupyter carries no types
    """For the workspace's owner, from the workspace's own pages; what they send is not read."""

    auth_resource = "events"
    _track_activity = False
    # No pings: they would look like work to whoever ends idle workspaces.
    ping_interval = 0

    def set_default_headers(self) -> None:
        """Jupyter's are for pages."""

    @ws_authenticated  # type: ignore[untyped-decorator] # as above
    async def get(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - Tornado's signature
        await super().get(*arguments, **options)

    def open(self, *_: str, **__: str) -> None:
        listeners: set[SilentEvents] = self.settings.setdefault("tidegate_listeners", set())
        if len(listeners) >= MOST_OPEN:
            self.close(TRY_LATER)
        else:
            listeners.add(self)

    def on_message(self, message: str | bytes) -> None:
        """Nothing is expected, so nothing is done."""

    def on_close(self) -> None:
        self.settings.get("tidegate_listeners", set()).discard(self)


HANDLERS: Final[list[tuple[str, Any]]] = [("/api/events/subscribe", SilentEvents)]
