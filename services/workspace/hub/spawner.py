"""The hub's spawner for one machine: asks whether the person may, then starts or stops the two sandboxes.

JupyterHub makes one of these a person and project. The work is done by `MachineSite` in a thread; what stands here is
the translation into the hub's terms.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from jupyterhub.spawner import Spawner

from tidegate.model import TidegateError, utc_now
from workspace.hub.inside import NOT_PASSED_ON
from workspace.hub.machine import MachineSite
from workspace.hub.refusals import refusal
from workspace.hub.workspaces import Start, free_port

LOOPBACK: Final = "127.0.0.1"


class EmbeddedSpawner(Spawner):  # type: ignore[misc]  # JupyterHub carries no types
    """`site` is set by the hub's configuration before the first instance is made."""

    site: ClassVar[MachineSite]

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the hub's traits
        super().__init__(**options)
        self._events: list[dict[str, Any]] = []

    async def start(self) -> tuple[str, int]:
        self._events = []
        self._say(10, "Checking your grant")
        try:
            admission = await asyncio.to_thread(self.site.admit, self.name, self.user.name, utc_now())
            self.ip, self.port = LOOPBACK, free_port()
            request = Start(admission, self.port, self._hub_env(), self._say)
            return LOOPBACK, await self._start(request)
        except TidegateError as error:
            raise refusal(error) from error

    async def _start(self, request: Start) -> int:
        work = asyncio.create_task(asyncio.to_thread(self.site.start, request, utc_now()))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The hub gave up waiting. The thread must end, and clean up, before anybody starts again.
            request.cancelled.set()
            await asyncio.wait([work])
            raise

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the hub's signature
        await asyncio.to_thread(self.site.stop, self.name, self.user.name, "asked", utc_now())

    async def poll(self) -> int | None:
        """None while both sandboxes run. With one gone the other is ended too: half a workspace is none."""
        if self._start_pending:
            return None
        if await asyncio.to_thread(self.site.workspaces.living, self.name, self.user.name):
            return None
        await asyncio.to_thread(self.site.stop, self.name, self.user.name, "ended by itself", utc_now())
        return 1

    async def get_url(self) -> str:
        """Where a workspace listens that was started before the hub was."""
        server = await asyncio.to_thread(self.site.workspaces.living, self.name, self.user.name)
        url = urlsplit(str(self.server.url))
        return url._replace(netloc=f"{LOOPBACK}:{server.port}").geturl() if server else url.geturl()

    def get_state(self) -> dict[str, Any]:
        """A copy for whoever reads the hub's database; the files below `run/servers` are what counts."""
        state: dict[str, Any] = super().get_state()
        server = self.site.workspaces.files.read(self.name, self.user.name)
        return {**state, "server": server.model_dump(mode="json")} if server else state

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        sent = 0
        while True:
            for event in self._events[sent:]:
                yield event
            sent = len(self._events)
            await asyncio.sleep(0.1)

    def _say(self, progress: int, message: str) -> None:
        self._events.append({"progress": progress, "message": message})

    def _hub_env(self) -> dict[str, str]:
        env: dict[str, str] = self.get_env()
        return {name: value for name, value in env.items() if name not in NOT_PASSED_ON}
