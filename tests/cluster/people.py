"""The installed release as its people use it: accounts, the command line, the pages. For the tests of the whole job.

The pages are reached as a browser outside reaches them; the command line runs where an operator would sit, with the
kubeconfig and governance's own address of the ledger.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cluster.kit import Cluster, eventually
from cluster.places import RUN
from job_kit import PROJECT
from tidegate.demo.stage import PEOPLE, password_of, write_objects

ORIGIN = "http://tidegate.test:30080"
REVIEW = "http://review.tidegate.test:30080"
XNAT = "http://198.51.100.2:8080"
# The forwarder on loopback stands for the way from a browser to the site's address.
RESOLVE = "--host-resolver-rules=MAP *.tidegate.test 127.0.0.1, MAP tidegate.test 127.0.0.1"
DATABASE = ("198.51.100.3:5432", "127.0.0.1:15432")
OBJECTS = ("licence-cc-by-3.0", "dataset-cbis-ddsm", "project")
READY_SECONDS = 240


@dataclass(frozen=True)
class ClusterSite:
    """The release, and a folder for what the command line needs."""

    cluster: Cluster
    folder: Path
    project: str = PROJECT
    hub: str = ORIGIN
    review: str = REVIEW

    def prepare(self) -> None:
        """The operator's secret, the objects to apply, and an account for each person."""
        url = (RUN / "secrets" / "database-url-tidegate_governance").read_text(encoding="ascii")
        _write(self.folder / "database-url", url.replace(*DATABASE))
        for file in write_objects(self.folder, XNAT).glob("*.yaml"):
            _write(file, self._renamed(file.read_text(encoding="utf-8")))
        known = self.cli("account", "list", "--output", "json").stdout
        for name, display in PEOPLE.items():
            _write(self.folder / f"password-{name}", password_of(name))
            # Another test may have made the account, with a password of its own.
            act = ("password", name) if f'"{name}"' in known else ("add", name, "--display-name", display)
            self.done("account", *act, *self._password(name))

    def cli(self, *arguments: str, officer: bool = False) -> "subprocess.CompletedProcess[str]":
        where = ("--kubeconfig", str(self.cluster.kubeconfig), "--secrets", str(self.folder))
        who = ("--as", "gwen", *self._password("gwen")) if officer else ()
        command = [sys.executable, "-m", "tidegate.cli.main", *arguments, *where, *who]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def done(self, *arguments: str, officer: bool = False) -> None:
        answer = self.cli(*arguments, officer=officer)
        assert answer.returncode == 0, answer.stderr

    def register(self) -> None:
        files = [part for name in OBJECTS for part in ("-f", str(self.folder / "objects" / f"{name}.yaml"))]
        first = self.cli("get", "grants", "--output", "json").stdout.strip() == "[]"
        self.done("apply", "-f", str(self.folder / "objects" / "first-grants.yaml"), officer=not first)
        self.done("apply", *files, officer=True)

    def approve(self) -> None:
        self.done("approve", "project", self.project, "--reason", "Within the licence.", officer=True)
        eventually("the project", lambda: self.phase() == "deployed", READY_SECONDS)

    def phase(self) -> str:
        found = self.cluster.get("project", self.project) or {}
        return str(found.get("status", {}).get("phase", ""))

    def _renamed(self, text: str) -> str:
        """Other tests share the cluster, where a licence and a closed project's name stand for ever."""
        for name in ("cc-by-3.0", "cbis-ddsm"):
            text = text.replace(f"name: {name}", f"name: {self.project}-{name}")
        return text.replace(PROJECT, self.project)

    def _password(self, name: str) -> tuple[str, str]:
        return ("--password-file", str(self.folder / f"password-{name}"))


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
