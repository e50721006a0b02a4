"""What each of a workspace's two sandboxes sees and may use. Pure, but for asking where this installation lies.

The kernel's holds the researcher's code: cohort, home, shared folder, sockets, and no network. The session server's is
ours: home, sockets, its private state and the network, and not the cohort.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import workspace
from tidegate.sandbox import Bind, Limits, SandboxSpec, python_binds
from workspace.hub.admission import Admission
from workspace.hub.inside import (
    COHORT,
    HOME,
    KERNEL_TMP_MIB,
    LAUNCHER,
    LIBRARY,
    PRIVATE,
    SESSION_CPUS,
    SESSION_MIB,
    SESSION_TMP_MIB,
    SHARED,
    SOCKETS,
    kernel_environment,
    launcher_command,
    session_environment,
)
from workspace.hub.settings import HubSettings

MEBIBYTE: Final = 1024 * 1024
SESSION_LIMITS: Final = Limits(
    memory_bytes=SESSION_MIB * MEBIBYTE, pids=256, cpus=SESSION_CPUS, tmp_bytes=SESSION_TMP_MIB * MEBIBYTE
)
PACKAGE: Final = Path(workspace.__file__).parent


@dataclass(frozen=True)
class Folders:
    """One workspace's folders below the state folder."""

    home: Path
    shared: Path
    sockets: Path
    private: Path

    @classmethod
    def of(cls, state: Path, project: str, person: str) -> "Folders":
        return cls(
            home=state / "homes" / project / person,
            shared=state / "shared" / project,
            sockets=state / "sockets" / project / person,
            private=state / "private" / project / person,
        )


@dataclass(frozen=True)
class Ids:
    """The host's numbers for the two sandboxes and the project's group; None for a plain user, who has only one."""

    kernel: int | None
    session: int | None
    group: int | None


def kernel_spec(settings: HubSettings, admission: Admission, folders: Folders, ids: Ids) -> SandboxSpec:
    """The sandbox researchers' code runs in."""
    spec = admission.project.spec
    return SandboxSpec(
        name=f"kernel-{_name(admission)}",
        argv=launcher_command(admission),
        binds=(
            *python_binds(settings.workspace_venv),
            Bind(PACKAGE / "launcher", LAUNCHER),
            Bind(PACKAGE / "notebook", LIBRARY),
            Bind(folders.home, HOME, writable=True),
            Bind(folders.shared, SHARED, writable=True),
            Bind(Path(admission.cohort.path), COHORT),
            Bind(folders.sockets, SOCKETS, writable=True),
        ),
        env=kernel_environment(),
        limits=Limits(
            memory_bytes=spec.resources.memory_mib * MEBIBYTE,
            pids=spec.resources.pids,
            cpus=spec.resources.cpus,
            tmp_bytes=KERNEL_TMP_MIB * MEBIBYTE,
        ),
        uid=ids.kernel,
        gid=ids.group,
        cwd=HOME,
    )


def session_spec(
    settings: HubSettings, admission: Admission, folders: Folders, ids: Ids, hub_env: Mapping[str, str]
) -> SandboxSpec:
    """The sandbox of the trusted server between the browser and the kernel. Only this one is given the hub's token."""
    return SandboxSpec(
        name=f"session-{_name(admission)}",
        argv=(sys.executable, "-m", "workspace.session"),
        binds=(
            *_installation(),
            Bind(folders.home, HOME, writable=True),
            Bind(folders.shared, SHARED, writable=True),
            Bind(folders.sockets, SOCKETS, writable=True),
            Bind(folders.private, PRIVATE, writable=True),
        ),
        env={
            **hub_env,
            **session_environment(settings, settings.intake_url, admission),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        },
        limits=SESSION_LIMITS,
        uid=ids.session,
        gid=ids.group,
        network=True,
        # As process 1 it hears the order to end; bubblewrap's own would swallow it.
        pid_1=True,
        cwd=PRIVATE,
    )


def _installation() -> tuple[Bind, ...]:
    """This interpreter's environment where it lies, and our own packages when they are installed from a work tree."""
    venv = Path(sys.prefix)
    shown = python_binds(venv, str(venv)) if (venv / "pyvenv.cfg").exists() else ()
    services = PACKAGE.parent
    if services.is_relative_to(venv) or services.is_relative_to("/usr"):
        return shown
    return (*shown, Bind(services, str(services)))


def _name(admission: Admission) -> str:
    return f"{admission.project.name}--{admission.person.subject}"
