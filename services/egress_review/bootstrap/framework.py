"""Django's settings as code: everything off that a page of ours does not need."""

import logging
from typing import Any, Final

import django
from django.conf import settings

from egress_review.bootstrap.place import Place
from egress_review.web.desk import Desk

APPS: Final = (
    "django.contrib.sessions",
    "tidegate.web",
    "egress_review.adapters.db.apps.EgressConfig",
    "egress_review.web",
)
SESSION_HOURS: Final = 8
FORM_BYTES: Final = 256 * 1024


def start_django(place: Place) -> None:
    """Configure Django for this process; once, and before any module with models is imported."""
    settings.configure(**settings_of(place))
    django.setup()


def set_desk(desk: Desk) -> None:
    """Hand the views what they work with."""
    settings.EGRESS_DESK = desk


def settings_of(place: Place) -> dict[str, Any]:
    return {
        "DEBUG": False,
        "SECRET_KEY": place.secret_key(),
        "ALLOWED_HOSTS": list(place.hosts),
        "ROOT_URLCONF": "egress_review.web.urls",
        "INSTALLED_APPS": APPS,
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
        "DATABASES": {"default": place.database()},
        "SESSION_COOKIE_NAME": "tg_review",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": place.public_url.startswith("https://"),
        "SESSION_COOKIE_AGE": SESSION_HOURS * 3600,
        "SESSION_SERIALIZER": "django.contrib.sessions.serializers.JSONSerializer",
        "CSRF_USE_SESSIONS": True,
        "CSRF_FAILURE_VIEW": "egress_review.web.errors.csrf_failed",
        "CSRF_TRUSTED_ORIGINS": [place.public_url],
        "DATA_UPLOAD_MAX_MEMORY_SIZE": FORM_BYTES,
        "USE_TZ": True,
        "USE_I18N": False,
        "TIME_ZONE": "UTC",
        "LOGGING_CONFIG": None,
        "TIDEGATE_PUBLIC_ORIGIN": place.public_url,
        "TIDEGATE_SESSION_COOKIE": "tg_review",
        "TIDEGATE_LOGIN": place.login,
        "TIDEGATE_HUB_URL": place.hub_public_url,
    }


def start_logging() -> None:
    """Lines to standard error, which the supervisor keeps. Requests are not logged: their paths name requests."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
