"""Two small addresses for the Lab: ask for a release by relative paths, and see how much has been drawn.

Both need the person's login and, for the request, Jupyter's cross-site check; the route table lists them.
"""

import json
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

if TYPE_CHECKING:
    from workspace.session.budget import Budget
    from workspace.session.release import Releaser


class ReleaseHandler(APIHandler):  # type: ignore[misc] # Jupyter carries no types
    auth_resource = "contents"

    @web.authenticated
    @authorized  # type: ignore[untyped-decorator] # as above
    async def post(self) -> None:
        releaser: Releaser = self.settings["tidegate_releaser"]
        answer = await releaser.answer(self.get_json_body())
        self.set_status(201 if answer["ok"] else 422)
        self.finish(json.dumps(answer))


class UsageHandler(APIHandler):  # type: ignore[misc] # Jupyter carries no types
    auth_resource = "contents"
    _track_activity = False

    @web.authenticated
    @authorized  # type: ignore[untyped-decorator] # as above
    async def get(self) -> None:
        budget: Budget = self.settings["tidegate_budget"]
        usage = budget.usage()
        self.finish(json.dumps({"drawn": usage.drawn, "cap": usage.cap}))


HANDLERS: list[tuple[str, Any]] = [("/tidegate/release", ReleaseHandler), ("/tidegate/usage", UsageHandler)]
