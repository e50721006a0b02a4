"""How the hub is set up on Kubernetes beside what `shared` says. `config.py` applies it; tests read it.

The proxy is a Deployment of its own, and so are the services; the hub only knows them. The culler alone runs in the
hub's pod, as the hub's own process. Secrets are read from files and stay in this process.
"""

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from tidegate.cluster.client import connect
from tidegate.cluster.mounted import read_secret, secrets_folder
from tidegate.cluster.names import EGRESS_PORT, HUB_PORT
from tidegate.cluster.services import service_url
from tidegate.model import ExitCode, Kind, TidegateError
from tidegate.policy import open_server_policy
from tidegate.store.kubernetes import KubernetesStore
from tidegate.store.postgres import Database, PostgresLedger
from tidegate.store.watched import WatchedReads
from workspace.hub.kubernetes.claims import sealed_claim
from workspace.hub.kubernetes.settings import SERVICES, KubernetesSettings
from workspace.hub.kubernetes.spawner import WorkspaceSpawner
from workspace.hub.shared import (
    Traits,
    Values,
    account_traits,
    culler_limits,
    egress_client,
    hub_traits,
    spawner_traits,
)
from workspace.hub.site import CHAIN, Site

PROXY_API_PORT: Final = 8001
ROUTES_SECONDS: Final = 5
FIRST_LOOK_SECONDS: Final = 10.0
SCHEMA: Final = "jupyterhub"
# What admission, the policy's questions and the start page read; the hub has no right to the rest.
READ: Final = (Kind.LICENCE, Kind.DATASET, Kind.PROJECT, Kind.GRANT, Kind.APPROVAL)
OWN_ADDRESS: Final = f"http://127.0.0.1:{HUB_PORT}"
COOKIE_BYTES: Final = 32
# The hub serves everybody from one thread: a database's machine that is gone must not hold it for minutes.
PATIENCE: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


@dataclass(frozen=True)
class Addresses:
    """Of the release's Services, as URLs with numbers."""

    hub: str
    proxy_api: str
    egress: str

    @classmethod
    def of(cls, settings: KubernetesSettings, environ: Mapping[str, str]) -> "Addresses":
        names = settings.service_names
        return cls(
            hub=service_url(names.hub, HUB_PORT, environ),
            proxy_api=service_url(names.proxy_api, PROXY_API_PORT, environ),
            egress=service_url(names.egress, EGRESS_PORT, environ),
        )


def open_site(settings: KubernetesSettings, environ: Mapping[str, str] = os.environ) -> Site:
    """The hub's use cases on this cluster: its resources, its database, the policy server beside it."""
    secrets = secrets_folder(environ)
    api = connect()
    reads = WatchedReads(api, READ)
    # A hub that comes up while the API server is away still says whose login is whose, so that what runs goes on.
    # Nobody is admitted until the watches know more.
    with contextlib.suppress(TidegateError):
        reads.start(FIRST_LOOK_SECONDS)
    store = KubernetesStore(api, PostgresLedger(Database.of_file(secrets / "database-url"), CHAIN), reads)
    policy = open_server_policy(store, settings.opa_url, secrets / "opa-token")
    return Site(settings, store, policy, sealed_claim(api))


def traits(
    settings: KubernetesSettings, site: Site, addresses: Addresses, environ: Mapping[str, str] = os.environ
) -> Traits:
    """JupyterHub's settings on Kubernetes, by class and trait."""
    WorkspaceSpawner.site, WorkspaceSpawner.settings = site, settings
    WorkspaceSpawner.intake_url = f"{addresses.egress}/intake/v1"
    address, password = database_address(read_secret(secrets_folder(environ), "database-url"))
    # Where libpq looks for it: an address with a password in it would find its way into a log.
    os.environ["PGPASSWORD"] = password
    return {
        "JupyterHub": {
            **hub_traits(site, SERVICES),
            "bind_url": settings.public_url,
            "hub_bind_url": f"http://0.0.0.0:{HUB_PORT}",
            "hub_connect_url": addresses.hub,
            "db_url": address,
            "db_kwargs": {"connect_args": PATIENCE},
            "upgrade_db": True,
            # A proxy that was started anew has no routes; only here does the hub look and put them back.
            "last_activity_interval": ROUTES_SECONDS,
            "cookie_secret": cookie_secret(read_secret(secrets_folder(environ), "cookie-secret")),
            "spawner_class": WorkspaceSpawner,
            "services": _services(settings, environ),
        },
        "Proxy": {
            "should_start": False,
            "extra_routes": {f"{settings.review_host}/": addresses.egress},
        },
        "ConfigurableHTTPProxy": {
            "should_start": False,
            "api_url": addresses.proxy_api,
            "auth_token": read_secret(secrets_folder(environ), "proxy-token"),
        },
        "LocalAccounts": account_traits(),
        "WorkspaceSpawner": {
            **spawner_traits(),
            "start_timeout": settings.start_seconds,
            "hub_connect_url": addresses.hub,
            "events_enabled": True,
            # The provisioner alone makes namespaces and volumes.
            "enable_user_namespaces": False,
            "storage_pvc_ensure": False,
            "delete_pvc": False,
        },
    }


def database_address(url: str) -> tuple[str, str]:
    """SQLAlchemy's address of the hub's own schema, without the password, and the password.

    Args:
        url: a libpq URL, ``postgresql://role:password@host[:port]/database[?options]``.

    Raises:
        TidegateError: ``database_url_invalid``, which repeats nothing of it.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"} or not (parts.username and parts.password and parts.hostname):
        raise TidegateError(
            "database_url_invalid",
            "The secret database-url is no address of the form postgresql://role:password@host/database.",
            "Correct the Secret that the chart's values name.",
            ExitCode.USAGE,
        )
    host = parts.netloc.rpartition("@")[2]
    options = f"options={quote(f'-csearch_path={SCHEMA}')}"
    query = f"{parts.query}&{options}" if parts.query else options
    address = urlunsplit(("postgresql+psycopg", f"{parts.username}@{host}", parts.path, query, ""))
    return address, unquote(parts.password)


def cookie_secret(text: str) -> bytes:
    """What signs the hub's cookies.

    Raises:
        TidegateError: ``cookie_secret_invalid``.
    """
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) < COOKIE_BYTES:
        raise TidegateError(
            "cookie_secret_invalid",
            f"The secret cookie-secret is not {2 * COOKIE_BYTES} hexadecimal digits.",
            "Make one with: openssl rand -hex 32",
            ExitCode.USAGE,
        )
    return secret


def _services(settings: KubernetesSettings, environ: Mapping[str, str]) -> list[Values]:
    return [
        _elsewhere("provisioner", environ),
        _elsewhere("egress", environ, **egress_client(settings)),
        _culler(settings),
    ]


def _elsewhere(name: str, environ: Mapping[str, str], **more: Any) -> Values:  # noqa: ANN401 - the hub's values
    """A service in a pod of its own, known by the token it was given."""
    return {
        "name": name,
        "api_token": read_secret(secrets_folder(environ), f"hub-token-{name}"),
        "display": False,
        **more,
    }


def _culler(settings: KubernetesSettings) -> Values:
    command = [sys.executable, "-m", "jupyterhub_idle_culler", f"--url={OWN_ADDRESS}/hub/api", *culler_limits(settings)]
    return {"name": "culler", "command": command, "display": False}
