"""The site's PostgreSQL in the world: a server of its own, the roles of the services and a migrated database.

`cluster` starts it; tests stop and start it by the name `postgres`.
"""

import pwd
import shutil
from pathlib import Path
from typing import Final

from cluster.places import POSTGRES_ADDRESS, POSTGRES_DOOR, POSTGRES_PORT, RUN, SOCKETS, WORLD
from cluster.programs import Program, wait_for
from cluster.secret_files import secret, write_secret
from cluster.shell import answers, run
from tidegate.store.postgres import create_roles, migrate
from tidegate.store.postgres.migrate import OWNER, SERVICES

DATABASE: Final = "tidegate"
ADMIN: Final = "admin"
TOOLS: Final = Path("/usr/lib/postgresql/15/bin")
# PostgreSQL refuses to run as root; Debian's package makes this account.
ACCOUNT: Final = "postgres"
ROLES: Final = (OWNER, *SERVICES)
# The account may not look into root's cache, so the folder is bound to where it may.
KEPT: Final = RUN / "postgres"
SEEN: Final = SOCKETS / "postgres"
READY_SECONDS: Final = 30


def postgres() -> Program:
    command = (
        str(TOOLS / "postgres"),
        f"-D{SEEN / 'data'}",
        f"-clisten_addresses={POSTGRES_ADDRESS}",
        f"-cport={POSTGRES_PORT}",
        f"-cunix_socket_directories={SEEN}",
        "-cmax_connections=200",
        "-clog_connections=on",
    )
    return Program("postgres", command, RUN, WORLD, user=ACCOUNT)


def prepare_postgres() -> None:
    """An empty database server whose every login needs a password."""
    owner = pwd.getpwnam(ACCOUNT)
    for folder in (KEPT, SEEN):
        folder.mkdir(parents=True, exist_ok=True)
    if not SEEN.is_mount():
        run("mount", "--bind", str(KEPT), str(SEEN))
    shutil.chown(SEEN, owner.pw_uid, owner.pw_gid)
    if (SEEN / "data" / "PG_VERSION").exists():
        return
    password = SEEN / "password"
    password.write_text(secret("postgres-admin"))
    password.chmod(0o400)
    shutil.chown(password, owner.pw_uid)
    options = ("-U", ADMIN, "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync", "--locale=C.UTF-8")
    run(*_as_account(), str(TOOLS / "initdb"), "-D", str(SEEN / "data"), *options)
    password.unlink()
    with (SEEN / "data" / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 0.0.0.0/0 scram-sha-256\n")


def wait_for_postgres() -> None:
    ready = (str(TOOLS / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(POSTGRES_DOOR))
    wait_for("PostgreSQL", lambda: answers(*ready), READY_SECONDS, postgres())


def fill_postgres() -> None:
    """The roles with random passwords, the tables, and each role's address as services are given it. Safe to repeat."""
    create_roles(door(ADMIN, "postgres"), DATABASE, {role: secret(f"postgres-{role}") for role in ROLES})
    migrate(door(OWNER))
    for role in ROLES:
        write_secret(f"database-url-{role}", _url(role, DATABASE, POSTGRES_ADDRESS, POSTGRES_PORT))


def door(role: str, database: str = DATABASE) -> str:
    """The libpq address for a test on this machine."""
    return _url(role, database, "127.0.0.1", POSTGRES_DOOR)


def _url(role: str, database: str, host: str, port: int) -> str:
    return f"postgresql://{role}:{secret(f'postgres-{role}')}@{host}:{port}/{database}"


def _as_account() -> tuple[str, ...]:
    return ("setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups")
