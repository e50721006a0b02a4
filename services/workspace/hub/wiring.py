"""How the hub of one machine is set up beside what `shared` says. `config.py` applies it; tests read it.

Secrets are read from files below `STATE/secrets`; none is in an argument list, and none reaches a kernel.
"""

import shutil
import sys
from typing import Any, Final

from workspace.hub.machine import MachineSite
from workspace.hub.settings import HubSettings
from workspace.hub.shared import Traits, account_traits, culler_limits, egress_client, hub_traits, spawner_traits
from workspace.hub.spawner import EmbeddedSpawner


def traits(settings: HubSettings, site: MachineSite) -> Traits:
    """JupyterHub's settings for one machine, by class and trait."""
    EmbeddedSpawner.site = site
    return {
        "JupyterHub": {
            **hub_traits(site, settings.services),
            "bind_url": f"http://{settings.address}:{settings.port}",
            "hub_bind_url": f"http://127.0.0.1:{settings.hub_port}",
            "db_url": f"sqlite:///{settings.state / 'hub.sqlite'}",
            "cookie_secret_file": str(settings.state / "secrets" / "hub-cookies"),
            # `tidegate up` stops the workspaces when it ends.
            "spawner_class": EmbeddedSpawner,
            "services": [_SERVICES[name](settings) for name in settings.services],
        },
        "Proxy": {"extra_routes": {f"{settings.review_host}/": f"http://127.0.0.1:{settings.egress_port}"}},
        "ConfigurableHTTPProxy": {
            "command": [*_dies_with_parent(), settings.node, str(settings.chp)],
            "api_url": f"http://127.0.0.1:{settings.proxy_api_port}",
            "auth_token": settings.secret("proxy-token"),
            "pid_file": str(settings.state / "run" / "proxy.pid"),
        },
        "LocalAccounts": account_traits(),
        "EmbeddedSpawner": {**spawner_traits(), "hub_connect_url": f"http://127.0.0.1:{settings.hub_port}"},
    }


def _service(settings: HubSettings, name: str, *command: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "name": name,
        "command": [*_dies_with_parent(), sys.executable, *command],
        "display": False,
        "environment": {
            "TIDEGATE_STATE": str(settings.state),
            "TIDEGATE_WORKSPACE_ENV": str(settings.workspace_venv),
            "TIDEGATE_EGRESS_PORT": str(settings.egress_port),
            "TIDEGATE_PUBLIC_URL": settings.review_url,
            "TIDEGATE_HUB_PUBLIC_URL": settings.hub_url,
            "JUPYTERHUB_OAUTH_CALLBACK_URL": settings.review_callback,
        },
        **more,
    }


def _egress(settings: HubSettings) -> dict[str, Any]:
    return _service(settings, "egress", "-m", "egress_review", "serve", **egress_client(settings))


def _culler(settings: HubSettings) -> dict[str, Any]:
    return _service(settings, "culler", "-m", "jupyterhub_idle_culler", *culler_limits(settings))


_SERVICES: Final = {
    "provisioner": lambda settings: _service(settings, "provisioner", "-m", "provisioner"),
    "egress": _egress,
    "egress-worker": lambda settings: _service(settings, "egress-worker", "-m", "egress_review", "work"),
    "culler": _culler,
}


def _dies_with_parent() -> list[str]:
    """So that a killed hub leaves neither a proxy nor a service on the ports the next one needs."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
