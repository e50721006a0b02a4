"""Every setting of JupyterHub and why, by class and trait. `config.py` applies it; tests read it.

What is not set here keeps JupyterHub's default. Secrets are read from files below `STATE/secrets`; none is in an
argument list, and none reaches a kernel.
"""

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import tidegate.web
from workspace.hub.authenticator import LocalAccounts
from workspace.hub.settings import HubSettings
from workspace.hub.site import Site
from workspace.hub.spawner import EmbeddedSpawner
from workspace.hub.startpage import start_page

TEMPLATES: Final = Path(__file__).parent / "templates"
STATIC: Final = Path(tidegate.web.__file__).parent / "static"
EGRESS_SCOPE: Final = "custom:egress:use"
REFRESH_SECONDS: Final = 5
LOGIN_DAYS: Final = 0.5
Traits = dict[str, dict[str, Any]]


def traits(settings: HubSettings, site: Site) -> Traits:
    """JupyterHub's settings for one machine."""
    EmbeddedSpawner.site = site
    LocalAccounts.site = site
    return {
        "JupyterHub": {
            **_addresses(settings),
            **_rights(settings),
            **_pages(settings, site),
            "db_url": f"sqlite:///{settings.state / 'hub.sqlite'}",
            "cookie_secret_file": str(settings.state / "secrets" / "hub-cookies"),
            "authenticator_class": LocalAccounts,
            "spawner_class": EmbeddedSpawner,
            "services": [_SERVICES[name](settings) for name in settings.services],
            # A hub that restarts finds the workspaces running; `tidegate up` stops them when it ends.
            "cleanup_servers": False,
            "log_level": "INFO",
        },
        "Proxy": {"extra_routes": {f"{settings.review_host}/": f"http://127.0.0.1:{settings.egress_port}"}},
        "ConfigurableHTTPProxy": {
            "command": [*_dies_with_parent(), settings.node, str(settings.chp)],
            "api_url": f"http://127.0.0.1:{settings.proxy_api_port}",
            "auth_token": settings.secret("proxy-token"),
            "pid_file": str(settings.state / "run" / "proxy.pid"),
        },
        "LocalAccounts": {
            # Every account may log in; whether it is open is asked again every few seconds, tokens included.
            "allow_all": True,
            "auth_refresh_age": REFRESH_SECONDS,
            "auth_refresh_strict": True,
            "refresh_pre_spawn": True,
        },
        "EmbeddedSpawner": {
            # Nothing of the hub's own environment goes to a session.
            "env_keep": [],
            "disable_user_config": True,
            "hub_connect_url": f"http://127.0.0.1:{settings.hub_port}",
            "poll_interval": 5,
            "start_timeout": 120,
            "http_timeout": 60,
        },
    }


def _addresses(settings: HubSettings) -> dict[str, Any]:
    return {
        "bind_url": f"http://{settings.address}:{settings.port}",
        "hub_bind_url": f"http://127.0.0.1:{settings.hub_port}",
        # Each person's workspaces are an origin of their own.
        "subdomain_host": settings.public_url,
    }


def _rights(settings: HubSettings) -> dict[str, Any]:
    return {
        "admin_access": False,
        "allow_named_servers": True,
        "oauth_require_pkce": True,
        "cookie_max_age_days": LOGIN_DAYS,
        "custom_scopes": {EGRESS_SCOPE: {"description": "Use the review pages"}},
        "load_roles": [
            {"name": "user", "scopes": list(USER_SCOPES)},
            *(
                {"name": f"tidegate-{name}", "scopes": list(ROLES[name]), "services": [name]}
                for name in settings.services
            ),
        ],
    }


def _pages(settings: HubSettings, site: Site) -> dict[str, Any]:
    return {
        "template_paths": [str(TEMPLATES)],
        "template_vars": {
            # The hub calls what it finds here for every page; only the start page calls the function it is given.
            "start_page": lambda _user: partial(start_page, site.store, settings),
            # Whole, since an error page is also shown on the hosts of review and of workspaces.
            "home_url": f"{settings.hub_url}home",
        },
        "default_url": "/hub/home",
        "redirect_to_server": False,
        "tornado_settings": {
            # Only our own style sheet and script are served, none of JupyterHub's.
            "static_path": str(STATIC),
            "headers": {
                "Content-Security-Policy": content_policy(settings),
                "Referrer-Policy": "same-origin",
                "X-Content-Type-Options": "nosniff",
            },
        },
    }


def content_policy(settings: HubSettings) -> str:
    """A login ends with redirects to review or to a person's workspace; browsers count those as the form's target."""
    hosts = f"http://*.{settings.domain}:{settings.port}"
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": f"'self' {hosts}",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


# What a person may do at the hub: see themselves, start and open their own workspaces, use the review pages. No tokens,
# no sharing, nothing of anybody else.
USER_SCOPES: Final = (
    "read:users!user",
    "users:activity!user",
    "servers!user",
    "access:servers!user",
    "access:services!service=egress",
    EGRESS_SCOPE,
)
ROLES: Final[dict[str, tuple[str, ...]]] = {
    "provisioner": ("list:users", "read:users:name", "read:servers", "delete:servers"),
    # It asks the hub who a token belongs to, with that token; it needs no right of its own.
    "egress": ("read:users:name",),
    "egress-worker": ("read:users:name",),
    "culler": ("list:users", "read:users:activity", "read:servers", "delete:servers"),
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
    return _service(
        settings,
        "egress",
        "-m",
        "egress_review",
        "serve",
        oauth_client_id="service-egress",
        oauth_redirect_uri=settings.review_callback,
        oauth_client_allowed_scopes=[EGRESS_SCOPE],
        # It is part of Tidegate: nobody is asked whether it may know who they are.
        oauth_no_confirm=True,
    )


def _culler(settings: HubSettings) -> dict[str, Any]:
    limits = (f"--timeout={settings.idle_seconds}", f"--max-age={settings.longest_seconds}", "--cull-every=60")
    return _service(settings, "culler", "-m", "jupyterhub_idle_culler", *limits)


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
