"""A PostgreSQL server of one's own for tests: made with initdb in a folder, on loopback, gone afterwards."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.store.postgres import Database, PostgresLedger, create_roles, migrate
from tidegate.store.postgres.migrate import OWNER, SERVICES

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
# PostgreSQL refuses to run as root; this account has no rights anywhere.
ACCOUNT = "nobody" if os.geteuid() == 0 else None
PASSWORDS = {role: f"of-{role}" for role in (OWNER, *SERVICES)}


@dataclass
class Server:
    """`url(role)` is how a service speaks to it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    databases: dict[str, Database] = field(default_factory=dict)

    def start(self) -> None:
        """Returns when it takes connections. What is left of a server that was unplugged can be in its way a moment."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                self.process = self._begin()
            if self._answers():
                return
            time.sleep(0.1)
        raise AssertionError("\n".join((self.folder / "log").read_text().splitlines()[-20:]))

    def _begin(self) -> "subprocess.Popen[bytes]":
        command = [_tool("postgres"), "-D", self.folder / "data", "-p", str(self.port), "-c", "fsync=off"]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command, user=ACCOUNT, stdout=subprocess.DEVNULL, stderr=log, cwd=self.folder, start_new_session=True
            )

    def _answers(self) -> bool:
        asking = [_tool("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asking, check=False).returncode == 0

    def stop(self) -> None:
        """As an unplugged server: at once."""
        if self.process is not None:
            self.process.send_signal(3)
            self.process.wait()
        self.process = None

    def url(self, role: str, database: str = "tidegate") -> str:
        return f"postgresql://{role}:{PASSWORDS.get(role, 'admin')}@127.0.0.1:{self.port}/{database}"

    def database(self, role: str) -> Database:
        """One for all who ask: connections are closed with the server."""
        return self.databases.setdefault(role, Database(lambda: self.url(role)))

    def ledger(self, role: str, chain: str) -> PostgresLedger:
        return PostgresLedger(self.database(role), chain)


@contextmanager
def bare(folder: Path | None = None) -> Iterator[Server]:
    """A running server with nothing in it but its superuser.

    By default in a folder of its own: pytest closes its folders to the server's account whenever a run begins.
    """
    assert BINARIES, "PostgreSQL's server is not installed (Debian's package is postgresql)"
    with tempfile.TemporaryDirectory(prefix="tidegate-postgres-") as own:
        yield from _running(folder or Path(own))


def _running(folder: Path) -> Iterator[Server]:
    if ACCOUNT:
        shutil.chown(folder, ACCOUNT)
    password = folder / "admin"
    password.write_text("admin")
    password.chmod(0o644)
    options = ("-U", "admin", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync", "--locale=C.UTF-8")
    command = [_tool("initdb"), "-D", folder / "data", *options]
    made = subprocess.run(command, check=False, user=ACCOUNT, capture_output=True, cwd=folder)
    assert made.returncode == 0, made.stderr.decode()
    (folder / "data" / "postgresql.auto.conf").write_text(f"unix_socket_directories='{folder}'\n")
    server = Server(folder, _free_port())
    server.start()
    try:
        yield server
    finally:
        for database in server.databases.values():
            database.close()
        server.stop()


@contextmanager
def postgres(folder: Path | None = None) -> Iterator[Server]:
    """A running server with the roles, and a database `tidegate` that is migrated."""
    with bare(folder) as server:
        create_roles(server.url("admin", "postgres"), "tidegate", PASSWORDS)
        migrate(server.url(OWNER))
        yield server


def _tool(name: str) -> Path:
    return BINARIES[0] / name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
