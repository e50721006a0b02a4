"""Where the release's Services answer, as numbers: our pods may have no DNS, and a name would then lead nowhere.

Read from the environment that the kubelet gives a pod for each Service of its namespace; asked of DNS where it is not.
Called by each service as it starts.
"""

import os
import socket
from collections.abc import Mapping

from tidegate.model import ExitCode, TidegateError


def service_url(name: str, port: int, environ: Mapping[str, str] = os.environ) -> str:
    """``http://NUMBER:port`` of a Service of this namespace.

    Raises:
        TidegateError: ``service_unknown``.
    """
    host = told_host(name, environ) or _resolved(name, port)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def told_host(name: str, environ: Mapping[str, str]) -> str:
    """The number this pod was told when it started; empty where the Service did not stand then."""
    return environ.get(f"{name.upper().replace('-', '_')}_SERVICE_HOST", "")


def _resolved(name: str, port: int) -> str:
    try:
        return str(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise TidegateError(
            "service_unknown",
            f"No address of the Service {name} is known to this pod.",
            "Create the Service before the pod, or give the cluster DNS.",
            ExitCode.USAGE,
        ) from error
