"""Review on Kubernetes: its place, from the settings the chart renders and the files of its Secret."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import connection

from egress_review.adapters.db.postgres import check_migrated, database_of
from egress_review.bootstrap.settings import KubernetesSettings, load_settings
from egress_review.ports import Ports
from egress_review.web.retained import serve_retained
from tidegate.cluster.mounted import read_secret, secrets_folder
from tidegate.cluster.names import HUB_PORT, RETENTION_PORT
from tidegate.cluster.services import told_host
from tidegate.identity import HubOAuthSettings

CLIENT: Final = "service-egress"
DATABASE: Final = "database-url"
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - a pod of its own, behind its NetworkPolicy


@dataclass(frozen=True)
class Cluster:
    """A `Place`.

    `own_hosts` are numbers and names of this pod and its Service, for probes and for session servers; `hub_host` is the
    number of the hub's Service where the pod was told it, so that no name has to be looked up.
    """

    settings: KubernetesSettings
    secrets: Path
    own_hosts: tuple[str, ...] = field(default=())
    hub_host: str = ""

    @property
    def address(self) -> str:
        return EVERYWHERE

    @property
    def port(self) -> int:
        return self.settings.port

    @property
    def public_url(self) -> str:
        return self.settings.public_url

    @property
    def hub_public_url(self) -> str:
        return self.settings.hub_public_url

    @property
    def hub_api(self) -> str:
        host = self.hub_host or self.settings.hub_service
        return f"http://[{host}]:{HUB_PORT}/hub/api" if ":" in host else f"http://{host}:{HUB_PORT}/hub/api"

    @property
    def hosts(self) -> tuple[str, ...]:
        return (urlsplit(self.public_url).hostname or "", "127.0.0.1", "localhost", *self.own_hosts)

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    @cached_property
    def login(self) -> HubOAuthSettings:
        return HubOAuthSettings(
            public_url=self.hub_public_url,
            api_url=self.hub_api,
            client_id=CLIENT,
            client_secret=read_secret(self.secrets, "hub-token-egress"),
            redirect_url=f"{self.public_url}/oauth/callback",
        )

    def secret_key(self) -> str:
        return read_secret(self.secrets, "egress-key")

    def database(self) -> dict[str, Any]:
        return database_of(read_secret(self.secrets, DATABASE))

    def prepare(self) -> None:
        """A service may not change its tables: they must be as this version needs them."""
        check_migrated(connection)

    def ports(self) -> Ports:
        from egress_review.bootstrap.cluster_wiring import build_ports  # noqa: PLC0415 - models need Django set up

        return build_ports(self)

    def serve_beside(self, ports: Ports) -> None:
        """What the provisioner asks when a project closes."""
        serve_retained(ports, read_secret(self.secrets, "retention-token"), EVERYWHERE, RETENTION_PORT)


def read_cluster(environ: Mapping[str, str] = os.environ) -> Cluster:
    """Raises ``settings_invalid``."""
    settings = load_settings(environ)
    names = [told_host(settings.own_service, environ), settings.own_service, *_own_addresses()]
    own = tuple(name for name in names if name)
    return Cluster(settings, secrets_folder(environ), own, told_host(settings.hub_service, environ))


def _own_addresses() -> tuple[str, ...]:
    """Probes call a pod by its number."""
    try:
        return tuple(socket.gethostbyname_ex(socket.gethostname())[2])
    except OSError:
        return ()
