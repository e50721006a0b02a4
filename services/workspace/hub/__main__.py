"""`python -m workspace.hub`: what the hub's pod runs. It becomes JupyterHub with our configuration for Kubernetes."""

import os
import sys
from importlib.util import find_spec

from tidegate.model import TidegateError
from workspace.hub.kubernetes.settings import load_settings

CONFIG = "workspace.hub.kubernetes.config"


def main() -> None:
    """Settings that cannot be used are told as one line, before JupyterHub would print where it met them."""
    try:
        load_settings()
    except TidegateError as error:
        sys.stderr.write(f"tidegate: {error}\n")
        sys.exit(error.exit_code)
    spec = find_spec(CONFIG)
    config = spec.origin if spec and spec.origin else CONFIG
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub", "-f", config])  # noqa: S606 - no shell, fixed words


if __name__ == "__main__":
    main()
