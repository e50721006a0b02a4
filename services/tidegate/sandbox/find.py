"""Finds the system's tools and the folders a Python environment needs; used by `plan`, `doctor` and the spawner."""

import shutil
from pathlib import Path

from tidegate.model import TidegateError
from tidegate.sandbox.spec import Bind

KERNEL_ENVIRONMENT = "/opt/tidegate/env"
PACKAGES = {"bwrap": "bubblewrap", "setpriv": "util-linux", "prlimit": "util-linux"}


def tool(name: str) -> str:
    """The full path of a program the sandbox is built with."""
    path = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    if path is None:
        raise TidegateError(
            "sandbox_impossible",
            f"The program {name} is not installed, so no sandbox can be made.",
            f"Install the package {PACKAGES[name]}.",
        )
    return path


def python_binds(venv: Path, target: str = KERNEL_ENVIRONMENT) -> tuple[Bind, ...]:
    """What a Python environment needs to work in a sandbox.

    Args:
        venv: the environment's folder on this machine.
        target: where the sandbox sees it; pass `str(venv)` to show it where it is.
    """
    elsewhere = (*_base_interpreters(venv), *_editable_packages(venv))
    return (Bind(venv, target), *(Bind(path, str(path)) for path in elsewhere))


def _base_interpreters(venv: Path) -> tuple[Path, ...]:
    """Where the environment's interpreter comes from, when that is not /usr, which every sandbox sees."""
    homes = [_home_of(venv), (venv / "bin" / "python").resolve().parent]
    prefixes = {home.parent for home in homes if home is not None}
    return tuple(sorted(prefix for prefix in prefixes if not prefix.is_relative_to("/usr")))


def _home_of(venv: Path) -> Path | None:
    settings = (line.partition("=") for line in (venv / "pyvenv.cfg").read_text().splitlines())
    return next((Path(value.strip()) for key, _, value in settings if key.strip() == "home"), None)


def _editable_packages(venv: Path) -> tuple[Path, ...]:
    """Folders outside the environment that an editable installation made part of it."""
    lines = (line for pth in venv.glob("lib/python3*/site-packages/*.pth") for line in pth.read_text().splitlines())
    folders = {Path(line) for line in lines if line.startswith("/")}
    return tuple(sorted(folder for folder in folders if folder.is_dir()))
