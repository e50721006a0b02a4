"""Django's settings as code: everything off that a page of ours does not need."""

import fcntl
import logging
from typing import Any, Final

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from egress_review.bootstrap.environment import Environment
from egress_review.web.desk import Desk

LOCK_SECONDS: Final = 15
SESSION_HOURS: Final = 8
FORM_BYTES: Final = 256 * 1024
ON_CONNECT: Final = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"


def start_django(environment: Environment) -> None:
    """Configure Django for this process; once, and before any module with models is imported."""
    settings.configure(**settings_of(environment))
    django.setup()


def set_desk(desk: Desk) -> None:
    """Hand the views what they work with."""
    settings.EGRESS_DESK = desk


def migrate(environment: Environment) -> None:
    """Bring the database up to date. Safe to repeat; `serve` and `work` start together, so one waits for the other."""
    with (environment.state / "run" / "egress-migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        call_command("migrate", verbosity=0, interactive=False)
        connections.close_all()


def settings_of(environment: Environment) -> dict[str, Any]:
    return {
        "DEBUG": False,
        "SECRET_KEY": environment.secret_key(),
        "ALLOWED_HOSTS": [environment.host, "127.0.0.1", "localhost"],
        "ROOT_URLCONF": "egress_review.web.urls",
        "INSTALLED_APPS": [
            "django.contrib.sessions",
            "tidegate.web",
            "egress_review.adapters.db.apps.EgressConfig",
            "egress_review.web",
        ],
        "MIDDLEWARE": [
            "tidegate.web.security.SecurityHeaders",
            "tidegate.web.cookies.RefuseTossedCookies",
            "tidegate.web.origin.SameOriginForms",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "egress_review.web.errors.ErrorPages",
            "django.middleware.csrf.CsrfViewMiddleware",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["egress_review.web.person.about_reader"]},
            }
        ],
        "DATABASES": {"default": _database(environment)},
        "SESSION_COOKIE_NAME": "tg_review",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": environment.public_url.startswith("https://"),
        "SESSION_COOKIE_AGE": SESSION_HOURS * 3600,
        "SESSION_SERIALIZER": "django.contrib.sessions.serializers.JSONSerializer",
        "CSRF_USE_SESSIONS": True,
        "CSRF_FAILURE_VIEW": "egress_review.web.errors.csrf_failed",
        "CSRF_TRUSTED_ORIGINS": [environment.public_url],
        "DATA_UPLOAD_MAX_MEMORY_SIZE": FORM_BYTES,
        "USE_TZ": True,
        "USE_I18N": False,
        "TIME_ZONE": "UTC",
        "LOGGING_CONFIG": None,
        "TIDEGATE_PUBLIC_ORIGIN": environment.public_url,
        "TIDEGATE_SESSION_COOKIE": "tg_review",
        "TIDEGATE_LOGIN": environment.login,
        "TIDEGATE_HUB_URL": environment.hub_public_url,
    }


def _database(environment: Environment) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(environment.database),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"timeout": LOCK_SECONDS, "transaction_mode": "IMMEDIATE", "init_command": ON_CONNECT},
    }


def start_logging() -> None:
    """Lines to standard error, which the supervisor keeps. Requests are not logged: their paths name requests."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
