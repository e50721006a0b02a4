"""What the launcher may start. A request names a row; nothing of a command or an environment comes from outside."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

HOME = "/home/researcher"
ENVIRONMENT = "/opt/tidegate/env"
LIBRARY = "/opt/tidegate/lib"

BASE_ENV: Mapping[str, str] = {
    "HOME": HOME,
    "USER": "researcher",
    "LANG": "C.UTF-8",
    "PATH": f"{ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin",
    "VIRTUAL_ENV": ENVIRONMENT,
    "PYTHONPATH": LIBRARY,
    "PYTHONDONTWRITEBYTECODE": "1",
}

# The spawner knows how many CPUs the sandbox may use; libraries would otherwise count the machine's.
PASSED_ON = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "TZ")


@dataclass(frozen=True)
class Kernel:
    """One kind of kernel; the connection file's path is added to its command."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {**BASE_ENV, **passed, **self.env}


KERNELS: Mapping[str, Kernel] = {
    "python3": Kernel(
        argv=(f"{ENVIRONMENT}/bin/python", "-Xfrozen_modules=off", f"{LIBRARY}/tidegate_kernel.py", "-f"),
        env={"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    ),
}
