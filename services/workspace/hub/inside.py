"""What a workspace looks like from inside, the same in both modes: its paths, its commands, its environment. Pure.

Used by `sandboxes` for one machine and by `kubernetes.pod`; the images are built to these paths.
"""

from typing import Final

from workspace.hub.admission import Admission
from workspace.hub.public import PublicSettings

HOME: Final = "/home/researcher"
SHARED: Final = f"{HOME}/shared"
COHORT: Final = "/cohort"
SOCKETS: Final = "/run/tidegate/sock"
PRIVATE: Final = "/run/tidegate/private"
LAUNCHER: Final = "/opt/tidegate/launcher"
LIBRARY: Final = "/opt/tidegate/lib"
KERNEL_PYTHON: Final = "/opt/tidegate/env/bin/python"
SESSION_MIB: Final = 1024
SESSION_CPUS: Final = 1.0
SESSION_TMP_MIB: Final = 64
KERNEL_TMP_MIB: Final = 256
# Deprecated doubles of the token, and what only an administrator's server would get.
NOT_PASSED_ON: Final = frozenset({"JPY_API_TOKEN", "JUPYTERHUB_ADMIN_ACCESS"})


def launcher_command(admission: Admission) -> tuple[str, ...]:
    """Process 1 of the kernel's side; only an approved project's own setting opens loopback."""
    loopback = admission.project.spec.policy.network == "loopback"
    return (
        KERNEL_PYTHON,
        f"{LAUNCHER}/main.py",
        "--sockets",
        SOCKETS,
        *(("--network", "loopback") if loopback else ()),
    )


def kernel_environment() -> dict[str, str]:
    """Nothing of the hub's, and no secret."""
    return {"HOME": HOME, "PATH": "/opt/tidegate/env/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": LIBRARY}


def session_environment(settings: PublicSettings, intake_url: str, admission: Admission) -> dict[str, str]:
    return {
        "HOME": PRIVATE,
        "LANG": "C.UTF-8",
        "TIDEGATE_HOME": HOME,
        "TIDEGATE_SOCKETS": SOCKETS,
        "TIDEGATE_PRIVATE": PRIVATE,
        "TIDEGATE_INTAKE": intake_url,
        "TIDEGATE_REVIEW_URL": settings.review_url,
        "TIDEGATE_DRAWN_CAP": str(admission.project.spec.policy.drawn_bytes),
        "TIDEGATE_PROJECT": admission.project.name,
        "TIDEGATE_PUBLIC_ORIGIN": settings.origin_of(admission.person.subject),
    }
