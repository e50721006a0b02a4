"""The review office of `egress_kit` on what a cluster gives it: PostgreSQL, S3, the spool with its worker as a process.

People, licences and policy stay those of the kit.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import ConnectionHandler, connection, connections

# isort: off
from egress_django import ORIGIN  # first: it sets Django up, which the models need

# isort: on
from egress_kit import EVERYBODY, PROJECT, RESEARCHER, Tokens, World, ref, resources
from egress_review.adapters.db.postgres import database_of
from egress_review.adapters.db.requests import DjangoRequests
from egress_review.adapters.packs import BucketPacks
from egress_review.adapters.people import StorePeople
from egress_review.adapters.policy import StorePolicy
from egress_review.adapters.scan import FileScanner
from egress_review.adapters.spool import Spool, spooled
from egress_review.adapters.views import StoreViews
from egress_review.bootstrap.framework import set_desk
from egress_review.ports import Ports, WorkspaceIdentity
from egress_review.web.desk import Desk
from postgres_kit import Server
from seaweed_kit import Seaweed
from tidegate.model import utc_now
from tidegate.objects.named import S3Named
from tidegate.objects.purposes import PACKS, QUARANTINE, RELEASED
from tidegate.policy import open_policy
from tidegate.store import SqliteStore
from tidegate.store.postgres.migrate import OWNER

ROLE = "tidegate_egress"
PACK = b'{"project": "breast-density", "version": 1, "manifest_sha256": "", "salt": "00", "ids": [], "file_sha256": []}'


def as_role(server: Server, role: str) -> None:
    """From now on this process's Django speaks to PostgreSQL as this role."""
    _speak_to(ConnectionHandler({"default": database_of(server.url(role))}).settings["default"])


def _speak_to(database: dict[str, Any]) -> None:
    connections.close_all()
    connections.settings["default"] = database
    if hasattr(connections._connections, "default"):
        del connections["default"]


def migrated(server: Server) -> None:
    """As the chart's Job: a process of its own, with the owner's secret and nothing else."""
    folder = server.folder / "owner-secret"
    folder.mkdir(exist_ok=True)
    (folder / "database-url").write_text(server.url(OWNER))
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TIDEGATE_MODE": "kubernetes",
        "TIDEGATE_SECRETS": str(folder),
    }
    subprocess.run([sys.executable, "-m", "egress_review", "migrate"], env=variables, check=True, timeout=60)


@contextmanager
def office_on(folder: Path, server: Server, s3: Seaweed) -> Iterator[World]:
    """A fresh office; its tables are emptied by the owner."""
    before = connections.settings["default"]
    as_role(server, OWNER)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE egress.egress_requestrow, egress.egress_keyrow, egress.egress_drawnrow CASCADE")
    as_role(server, ROLE)
    store = SqliteStore(folder / "tidegate.db", "test")
    hub = Tokens({"rosa-token": WorkspaceIdentity(ref(RESEARCHER), PROJECT)})
    S3Named(s3.client("loader"), PACKS).write(f"{PROJECT}.json", PACK)
    made = World(folder, store, ports_of(folder, store, hub, s3), hub, utc_now())
    made.put(*resources())
    for name in EVERYBODY:
        made.account(name)
    set_desk(Desk(made.ports, made.clock, ORIGIN))
    try:
        yield made
    finally:
        _speak_to(before)


def ports_of(folder: Path, store: SqliteStore, hub: Tokens, s3: Seaweed, wait_seconds: float = 30.0) -> Ports:
    worker = s3.client("egress-worker")
    quarantine = s3.objects("egress-worker", QUARANTINE)
    spool = Spool(folder / "spool", wait_seconds=wait_seconds)
    spool.folder.mkdir(exist_ok=True)
    spool.prepare(0.0)
    return Ports(
        requests=DjangoRequests(),
        people=StorePeople(store),
        policy=StorePolicy(open_policy(store), store),
        scanner=FileScanner(quarantine, BucketPacks(S3Named(worker, PACKS)), *spooled(spool)),
        views=StoreViews(quarantine),
        hub=hub,
        quarantine=quarantine,
        released=s3.objects("egress-worker", RELEASED),
    )


@contextmanager
def scan_worker(office: World) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m egress_review scan`, as its pod runs it."""
    spool = office.state / "spool"
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "TIDEGATE_SPOOL": str(spool)}
    with (office.state / "scan.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "egress_review", "scan"], env=variables, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
