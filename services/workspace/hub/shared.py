"""The settings of JupyterHub that are the same on one machine and on Kubernetes: who may what, and how pages are made.

`wiring` and `kubernetes.wiring` add addresses, services and the spawner of their mode. What is set in none of these
keeps JupyterHub's default.
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any, Final

from tornado.web import HTTPError

import tidegate.web
from tidegate.model import TidegateError, utc_now
from workspace.hub.authenticator import LocalAccounts
from workspace.hub.public import PublicSettings
from workspace.hub.site import HubStore, Site
from workspace.hub.startpage import StartPage, StartPages

TEMPLATES: Final = Path(__file__).parent / "templates"
STATIC: Final = Path(tidegate.web.__file__).parent / "static"
EGRESS_SCOPE: Final = "custom:egress:use"
REFRESH_SECONDS: Final = 5
LOGIN_DAYS: Final = 0.5
SLOW_STOP_SECONDS: Final = 0.3
UNAVAILABLE: Final = 503
Values = dict[str, Any]
Traits = dict[str, Values]


def hub_traits(site: Site, services: tuple[str, ...]) -> Values:
    """Of class JupyterHub. `services` are those that have a role here."""
    LocalAccounts.site = site
    return {
        **_rights(services),
        **_pages(site),
        # Each person's workspaces are an origin of their own.
        "subdomain_host": site.settings.public_url,
        "authenticator_class": LocalAccounts,
        # A hub that restarts finds the workspaces running.
        "cleanup_servers": False,
        "log_level": "INFO",
    }


def account_traits() -> Values:
    return {
        # Every account may log in; whether it is open is asked again every few seconds, tokens included.
        "allow_all": True,
        "auth_refresh_age": REFRESH_SECONDS,
        "auth_refresh_strict": True,
        "refresh_pre_spawn": True,
    }


def spawner_traits() -> Values:
    return {
        # Nothing of the hub's own environment goes to a session.
        "env_keep": [],
        "disable_user_config": True,
        "poll_interval": 5,
        "start_timeout": 120,
        "http_timeout": 60,
    }


def egress_client(settings: PublicSettings) -> Values:
    """The review pages as a service people log in to through the hub."""
    return {
        "oauth_client_id": "service-egress",
        "oauth_redirect_uri": settings.review_callback,
        "oauth_client_allowed_scopes": [EGRESS_SCOPE],
        # It is part of Tidegate: nobody is asked whether it may know who they are.
        "oauth_no_confirm": True,
    }


def culler_limits(settings: PublicSettings) -> tuple[str, ...]:
    return (f"--timeout={settings.idle_seconds}", f"--max-age={settings.longest_seconds}", "--cull-every=60")


def _rights(services: tuple[str, ...]) -> Values:
    return {
        "admin_access": False,
        "allow_named_servers": True,
        "oauth_require_pkce": True,
        "cookie_max_age_days": LOGIN_DAYS,
        "custom_scopes": {EGRESS_SCOPE: {"description": "Use the review pages"}},
        "load_roles": [
            {"name": "user", "scopes": list(USER_SCOPES)},
            *({"name": f"tidegate-{name}", "scopes": list(ROLES[name]), "services": [name]} for name in services),
        ],
    }


def _pages(site: Site) -> Values:
    return {
        "template_paths": [str(TEMPLATES)],
        "template_vars": {
            # The hub calls what it finds here for every page; only the start page calls the function it is given.
            "start_page": lambda _user: partial(_start_page, site.store, site.settings),
            # Whole, since an error page is also shown on the hosts of review and of workspaces.
            "home_url": f"{site.settings.hub_url}home",
        },
        "default_url": "/hub/home",
        "redirect_to_server": False,
        "tornado_settings": {
            # Who has a workspace stopped hears at once that it is being done: the provisioner waits but a second.
            "slow_stop_timeout": SLOW_STOP_SECONDS,
            # Only our own style sheet and script are served, none of JupyterHub's.
            "static_path": str(STATIC),
            "headers": {
                "Content-Security-Policy": content_policy(site.settings),
                "Referrer-Policy": "same-origin",
                "X-Content-Type-Options": "nosniff",
            },
        },
    }


async def _start_page(store: HubStore, settings: PublicSettings, name: str) -> StartPage:
    """In a thread: templates wait for it, and the hub goes on serving others meanwhile."""
    try:
        return await asyncio.to_thread(lambda: StartPages(store, settings, utc_now()).of(name))
    except TidegateError as error:
        # The store does not answer; whose workspace runs can go on with it.
        raise HTTPError(UNAVAILABLE, str(error), reason=error.code) from error


def content_policy(settings: PublicSettings) -> str:
    """A login ends with redirects to review or to a person's workspace; browsers count those as the form's target."""
    hosts = settings.origin_of("*")
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
