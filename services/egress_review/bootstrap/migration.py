"""`python -m egress_review migrate` on a cluster: the owner's role makes the tables and says what the service may do.

Needs the owner's ``database-url`` and nothing else.
"""

import os
from collections.abc import Mapping

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from egress_review.adapters.db.postgres import database_of, give_rights
from egress_review.bootstrap.cluster import DATABASE
from egress_review.bootstrap.framework import APPS
from tidegate.cluster.mounted import read_secret, secrets_folder


def migrate(environ: Mapping[str, str] = os.environ) -> None:
    """Safe to repeat. Raises ``secret_missing``."""
    database = database_of(read_secret(secrets_folder(environ), DATABASE))
    settings.configure(INSTALLED_APPS=APPS, DATABASES={"default": database}, USE_TZ=True, TIME_ZONE="UTC")
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    give_rights(connection)
    connection.close()
