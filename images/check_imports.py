# ruff: noqa: INP001 - a program, not a package
"""Imports every module below the packages named: what an image lacks shows when it is built, not in front of a person.

Run in the last step of a build, with the image's own Python: `python check_imports.py PACKAGE...`. A module that wants
settings of Django or JupyterHub first has by then imported what it needs, so only a failed import counts.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator

# Programs that start when they are imported.
STARTS = "__main__"


def modules(package: str) -> Iterator[str]:
    yield package
    path = getattr(importlib.import_module(package), "__path__", ())
    for found in pkgutil.walk_packages(path, f"{package}.", onerror=lambda _name: None):
        if found.name.rpartition(".")[2] != STARTS:
            yield found.name


def lacks(name: str) -> str:
    """Why a module cannot be imported for want of another, or nothing."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        return f"{name}: {error}"
    except Exception:  # noqa: BLE001, S110 - it wants to be set up first, which is none of our business here
        pass
    return ""


if __name__ == "__main__":
    found = (lacks(name) for package in sys.argv[1:] for name in modules(package))
    sys.exit("\n".join(line for line in found if line) or 0)
