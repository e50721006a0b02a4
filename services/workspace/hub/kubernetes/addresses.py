"""Where the release's Services answer, as numbers: a workspace's network has no DNS, so names would lead nowhere.

Read from the environment that the kubelet gives a pod for each Service of its namespace; asked of DNS where it is not.
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
    host = environ.get(f"{name.upper().replace('-', '_')}_SERVICE_HOST", "") or _resolved(name, port)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
