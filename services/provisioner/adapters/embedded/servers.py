"""Running workspaces: asks the hub to stop one, and ends its sandboxes by recorded process where the hub does not.

Called by the cut. The records are the spawner's, one file a workspace below ``STATE/run/servers``; only processes named
there by number and start time are ever ended.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import structlog

from tidegate.model import TidegateError
from tidegate.sandbox import Running, alive, stop

log = structlog.get_logger("provisioner")

HUB_SECONDS = 1.0
GRACE_SECONDS = 0.5
# A hub that accepted the order gets this long to carry it out.
PATIENCE_SECONDS = 1.0
POLL_SECONDS = 0.05
PENDING = 400
SANDBOXES = ("session", "kernel")


@dataclass(frozen=True)
class Hub:
    """Where the hub's API is, and the token of this service."""

    api_url: str
    token: str = field(repr=False)


class EmbeddedServers:
    def __init__(self, folder: Path, hub: Hub | None) -> None:
        self._folder = folder
        self._hub = hub

    def running(self, project: str) -> tuple[str, ...]:
        paths = sorted(self._folder.glob(f"{project}--*.json"))
        people = [path.stem.removeprefix(f"{project}--") for path in paths]
        return tuple(person for person in people if self._alive(project, person))

    def stop(self, project: str, person: str) -> None:
        answer = self._ask_hub(project, person)
        if answer is not None and answer < PENDING:
            _wait(lambda: not self._alive(project, person), PATIENCE_SECONDS)
        for sandbox in self._alive(project, person):
            log.warning("ended without the hub", project=project, answer=answer)
            stop(sandbox, grace=GRACE_SECONDS)
        if self._alive(project, person) or answer == PENDING:
            raise TidegateError(
                "SERVER_NOT_STOPPED",
                f"The workspace of {person} in {project} could not be stopped yet.",
                "It is tried again within seconds.",
            )

    def _ask_hub(self, project: str, person: str) -> int | None:
        """The hub's answer as a number, or None where it gave none in time."""
        if self._hub is None:
            return None
        url = f"{self._hub.api_url}/users/{person}/servers/{project}"
        headers = {"Authorization": f"token {self._hub.token}"}
        try:
            return httpx2.delete(url, headers=headers, timeout=HUB_SECONDS, trust_env=False).status_code
        except httpx2.HTTPError as error:
            log.warning("hub did not answer", project=project, error=type(error).__name__)
            return None

    def _alive(self, project: str, person: str) -> list[Running]:
        return [sandbox for sandbox in _recorded(self._folder / f"{project}--{person}.json") if alive(sandbox)]


def _recorded(path: Path) -> Iterator[Running]:
    """The sandboxes a record names. One being written, or none, names nothing."""
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        record = json.loads(path.read_text(encoding="utf-8"))
        for part in SANDBOXES:
            if record.get(part) is not None:
                yield Running.from_json(json.dumps(record[part]))


def _wait(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
