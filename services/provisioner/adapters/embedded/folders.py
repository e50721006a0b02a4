"""Homes, shared folders and the folders in which sandboxes meet, with a user and a group of the machine for each.

Called by the opening and the closing. As root every person's kernel, every session and every project has a number of
its own, so the machine keeps them apart even outside their sandboxes; a plain user has one number for all and the
sandboxes alone keep them apart. Nothing below a home is ever touched until the project closes.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from provisioner.adapters.embedded.erase import erase_tree, forget_cohort
from provisioner.domain.facts import Facts
from tidegate.model import TidegateError

# The group may enter and its number is inherited: session and kernel, or the people of a project, work side by side.
SHARED_MODE = 0o2770
PRIVATE_MODE = 0o700
ROOTS = ("homes", "shared", "sockets", "private")


@dataclass(frozen=True)
class Owner:
    """Whom a folder belongs to, as names of `host_id`; the numbers are given once and never again."""

    user: str
    group: str
    mode: int


class EmbeddedFolders:
    def __init__(self, state: Path, host_id: Callable[[str], int]) -> None:
        self._state = state
        self._host_id = host_id

    def prepare(self, facts: Facts, _now: datetime) -> None:
        self.make(facts.project.name, facts.people)

    def make(self, project: str, people: Sequence[str]) -> None:
        """The folders of these people, and the shared one.

        Raises:
            TidegateError: ``FOLDER_FAILED``.
        """
        try:
            for path, owner in self._wanted(project, people):
                self._ensure(path, owner)
        except OSError as error:
            raise TidegateError(
                "FOLDER_FAILED",
                f"The folders of project {project} could not be made: {error.strerror or type(error).__name__}.",
                "The operator should look at space and rights of the state folder.",
            ) from error

    def erase(self, project: str, _now: datetime) -> None:
        try:
            forget_cohort(self._state, project)
            for root in ROOTS:
                erase_tree(self._state / root / project)
        except OSError as error:
            raise TidegateError(
                "ERASE_FAILED",
                f"Not everything of project {project} could be deleted: {error.strerror or type(error).__name__}.",
                "The operator should look at the state folder; it is tried again.",
            ) from error

    def _wanted(self, project: str, people: Sequence[str]) -> list[tuple[Path, Owner]]:
        group = f"project/{project}"
        wanted = [(self._state / "shared" / project, Owner("root", group, SHARED_MODE))]
        for person in people:
            kernel = Owner(f"kernel/{person}/{project}", group, SHARED_MODE)
            session = Owner(f"session/{person}/{project}", group, PRIVATE_MODE)
            wanted += [
                (self._state / "homes" / project / person, kernel),
                (self._state / "sockets" / project / person, kernel),
                (self._state / "private" / project / person, session),
            ]
        return wanted

    def _ensure(self, path: Path, owner: Owner) -> None:
        path.parent.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
        path.mkdir(mode=PRIVATE_MODE, exist_ok=True)
        # By descriptor and never through a link: what stands there must be the folder itself.
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            self._own(folder, owner)
        finally:
            os.close(folder)

    def _own(self, folder: int, owner: Owner) -> None:
        found = os.fstat(folder)
        if os.geteuid() == 0:
            wanted = (self._number(owner.user), self._number(owner.group))
            if (found.st_uid, found.st_gid) != wanted:
                os.fchown(folder, *wanted)
                found = os.fstat(folder)
        if found.st_mode & 0o7777 != owner.mode:
            os.fchmod(folder, owner.mode)

    def _number(self, owner: str) -> int:
        return 0 if owner == "root" else self._host_id(owner)
