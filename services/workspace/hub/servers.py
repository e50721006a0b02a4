"""Which sandboxes belong to which workspace, in one file each, so that none is ever lost.

Written by the spawner as each sandbox starts; read by the spawner when the hub comes back, and by `tidegate up` when it
stops everything or finds what an earlier run left behind.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from tidegate.model.names import Frozen, Line, ProjectId, ResourceName
from tidegate.sandbox import Running


class Server(Frozen):
    """One person's workspace of one project. `session` is missing while it starts; `port` is the session server's."""

    project: ProjectId
    person: ResourceName
    port: int
    kernel: Running | None = None
    session: Running | None = None

    @property
    def name(self) -> Line:
        return f"{self.person}/{self.project}"


class ServerFiles:
    """The files below `STATE/run/servers`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, project: str, person: str) -> Server | None:
        return _read(self._path(project, person))

    def write(self, server: Server) -> None:
        """Whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(server.project, server.person)
        fresh = path.with_suffix(".new")
        fresh.write_text(server.model_dump_json(), encoding="utf-8")
        fresh.replace(path)

    def remove(self, project: str, person: str) -> None:
        self._path(project, person).unlink(missing_ok=True)

    def all(self) -> Iterator[Server]:
        for path in sorted(self._folder.glob("*.json")):
            server = _read(path)
            if server is not None:
                yield server

    def _path(self, project: str, person: str) -> Path:
        # Neither name has a double hyphen, so no two workspaces share a file.
        return self._folder / f"{project}--{person}.json"


def _read(path: Path) -> Server | None:
    with contextlib.suppress(FileNotFoundError, ValidationError):
        return Server.model_validate_json(path.read_text(encoding="utf-8"))
    return None
