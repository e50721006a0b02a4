"""Makes a workspace's folders with the owners and modes its two sandboxes need. Safe to repeat.

Everything is done through descriptors opened without following links: the kernel's user owns some of these folders.
"""

import os
import shutil
from typing import Final, Protocol

from workspace.hub.sandboxes import Folders, Ids

GROUP_SHARED: Final = 0o2770
OWNER_ONLY: Final = 0o700


class HostIds(Protocol):
    def host_id(self, owner: str) -> int: ...


def ids_of(store: HostIds, project: str, person: str) -> Ids:
    """Root gives each sandbox a user of its own; a plain user has none to give."""
    if os.geteuid() != 0:
        return Ids(None, None, None)
    return Ids(
        kernel=store.host_id(f"kernel/{person}/{project}"),
        session=store.host_id(f"session/{person}/{project}"),
        group=store.host_id(f"project/{project}"),
    )


def prepare(folders: Folders, ids: Ids) -> None:
    """The folders, with an empty socket folder: what an earlier kernel left there is nobody's business now."""
    if folders.sockets.exists():
        shutil.rmtree(folders.sockets)
    for folder in (folders.home, folders.shared, folders.sockets, folders.private):
        folder.mkdir(parents=True, exist_ok=True)
    _own(str(folders.home), ids.kernel, ids.group, GROUP_SHARED)
    _own(str(folders.shared), 0 if ids.group else None, ids.group, GROUP_SHARED)
    _own(str(folders.sockets), ids.kernel, ids.group, GROUP_SHARED)
    _own(str(folders.private), ids.session, ids.group, OWNER_ONLY)
    # Where the shared folder is shown; the sandbox refuses to start should the researcher make it a link.
    (folders.home / "shared").mkdir(exist_ok=True)
    _own(str(folders.home / "shared"), ids.kernel, ids.group, GROUP_SHARED)


def _own(path: str, uid: int | None, gid: int | None, mode: int) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if uid is not None and gid is not None:
            os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)
