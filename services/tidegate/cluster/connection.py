"""Finds the API server and the credentials for it: a kubeconfig, or the pod's own service account. Used by `client`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.utils.keepalive import tcp_keepalive_socket_options

from tidegate import __version__
from tidegate.model import ExitCode, TidegateError

IN_CLUSTER: Final = "KUBERNETES_SERVICE_HOST"
KUBECONFIG: Final = "KUBECONFIG"
# As many as look and cut at once.
POOL: Final = 32


def open_api(kubeconfig: Path | None, context: str | None, env: Mapping[str, str] = os.environ) -> ApiClient:
    """A client for the named kubeconfig; else for ``KUBECONFIG``, else for the pod's own account, else ~/.kube/config.

    Raises:
        TidegateError: ``cluster_unconfigured``.
    """
    settings = Configuration()
    chosen = str(kubeconfig) if kubeconfig else env.get(KUBECONFIG, "")
    try:
        if not chosen and context is None and IN_CLUSTER in env:
            config.load_incluster_config(settings)
        else:
            config.load_kube_config(
                chosen or "~/.kube/config", context, client_configuration=settings, persist_config=False
            )
    except (config.ConfigException, OSError) as error:
        raise _unconfigured(str(error)) from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        # Their words may hold a piece of the file.
        raise _unconfigured(f"{chosen} is no kubeconfig") from error
    return client_of(settings)


def _unconfigured(why: str) -> TidegateError:
    return TidegateError(
        "cluster_unconfigured",
        f"No way to the Kubernetes API was found: {why.rstrip('.')}.",
        "Name a kubeconfig with --kubeconfig or KUBECONFIG.",
        ExitCode.USAGE,
    )


def client_of(settings: Configuration) -> ApiClient:
    """The library's own retries are off: they would send a write twice. A dead peer shows within some 20 seconds."""
    settings.retries = False
    settings.socket_options = tcp_keepalive_socket_options(idle=10, interval=3, count=3)
    settings.connection_pool_maxsize = POOL
    client = ApiClient(settings)
    client.user_agent = f"tidegate/{__version__}"
    return client
