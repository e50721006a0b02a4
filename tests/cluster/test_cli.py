"""`tidegate account, apply, approve, get, ledger` on a cluster: the way of a project as people type it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml

from cluster.kit import Cluster, eventually
from cluster.store_kit import prepare
from postgres_kit import Server, postgres
from tidegate.demo.stage import SAMPLES
from tidegate.store.heads import ClusterWitness

PASSWORD = "a few unrelated words"


@dataclass(frozen=True)
class Terminal:
    """One who works on a cluster with the command line."""

    cluster: Cluster
    server: Server
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        place = ("--kubeconfig", str(self.cluster.kubeconfig), "--secrets", str(self.folder))
        return subprocess.run(
            [sys.executable, "-m", "tidegate.cli.main", *arguments, *place],
            input=PASSWORD,
            text=True,
            capture_output=True,
            check=False,
        )

    def done(self, *arguments: str) -> str:
        answer = self.run(*arguments)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def terminal(api_server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A cluster on which a project was applied and approved, each step by the command for it."""
    prepare(api_server)
    api_server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tidegate"}})
    folder = tmp_path_factory.mktemp("terminal")
    with postgres() as server:
        (folder / "database-url").write_text(server.url("tidegate_governance"))
        one = Terminal(api_server, server, folder)
        for name in ("gwen", "rosa"):
            one.done("account", "add", name, "--display-name", name.title(), "--password-file", "-")
        one.done("apply", "-f", str(SAMPLES / "first-grants.yaml"))
        files = [f"-f{SAMPLES / name}.yaml" for name in ("licence-cc-by-3.0", "dataset-cbis-ddsm", "project")]
        one.done("apply", *files, "--as", "gwen", "--password-file", "-")
        yield one
        for kind in ("approvals", "grants", "projects", "datasets", "licences"):
            api_server.kubectl("delete", kind, "--all")


def test_what_an_officer_applied_was_written_in_their_name(terminal: Terminal) -> None:
    """The API server's own audit log says so, and says who typed it."""

    def writers() -> set[str]:
        return {
            event.get("impersonatedUser", {}).get("username", "")
            for event in terminal.cluster.audit()
            if event["objectRef"].get("resource") in {"licences", "datasets", "projects"}
        }

    eventually("the audit records", lambda: "tidegate:local:gwen" in writers(), 10)
    names = {item["metadata"]["name"] for item in json.loads(terminal.done("get", "licences", "-o", "json"))}
    assert "cc-by-3.0" in names


def test_applying_again_changes_nothing(terminal: Terminal) -> None:
    said = terminal.done("apply", "-f", str(SAMPLES / "project.yaml"), "--as", "gwen", "--password-file", "-")
    assert "unchanged" in said


def test_an_officer_approves_in_their_own_name(terminal: Terminal) -> None:
    documents = yaml.safe_load_all((SAMPLES / "project.yaml").read_text(encoding="utf-8"))
    name = next(item["metadata"]["name"] for item in documents if item["kind"] == "Project")
    terminal.done("approve", "project", name, "--reason", "Within the aims.", "--as", "gwen", "--password-file", "-")
    (project,) = json.loads(terminal.done("get", "projects", name, "-o", "json"))
    (approval,) = json.loads(terminal.done("get", "approvals", f"{name}-1", "-o", "json"))
    assert approval["spec"]["by"] == {"issuer": "local", "subject": "gwen"}
    assert approval["spec"]["subject"]["digest"] == project["status"]["digest"]


def test_who_is_no_officer_writes_nothing(terminal: Terminal) -> None:
    refused = terminal.run("apply", "-f", str(SAMPLES / "project.yaml"), "--as", "rosa", "--password-file", "-")
    assert refused.returncode == 3
    assert "not_an_officer" in refused.stderr


def test_a_wrong_password_is_refused_and_counted(terminal: Terminal) -> None:
    (terminal.folder / "wrong").write_text("not the one of gwen")
    arguments = ("apply", "-f", str(SAMPLES / "project.yaml"), "--as", "gwen")
    refused = terminal.run(*arguments, "--password-file", str(terminal.folder / "wrong"))
    assert refused.returncode != 0
    assert "identity:login:failed" in terminal.done("ledger", "show", "--last", "3", "-o", "json")


def test_a_field_that_is_wrong_is_named_before_anything_is_sent(terminal: Terminal, tmp_path: Path) -> None:
    text = (SAMPLES / "project.yaml").read_text(encoding="utf-8").replace("tier:", "teir:")
    (tmp_path / "project.yaml").write_text(text)
    refused = terminal.run("apply", "-f", str(tmp_path / "project.yaml"), "--as", "gwen", "--password-file", "-")
    assert refused.returncode == 2
    assert "spec.teir" in refused.stderr


@pytest.mark.parametrize(
    ("missing", "code"), [("--kubeconfig", "cluster_unconfigured"), ("--secrets", "database_url_missing")]
)
def test_a_place_that_is_not_there_is_said(terminal: Terminal, tmp_path: Path, missing: str, code: str) -> None:
    """The last option given counts, so this one takes the place of the terminal's own."""
    places = {"--kubeconfig": str(terminal.cluster.kubeconfig), "--secrets": str(terminal.folder)}
    options = [
        part for name, path in places.items() for part in (name, str(tmp_path / "no") if name == missing else path)
    ]
    command = [sys.executable, "-m", "tidegate.cli.main", "ledger", "verify", *options]
    refused = subprocess.run(command, text=True, capture_output=True, check=False)
    assert refused.returncode != 0
    assert code in refused.stderr


def test_the_ledger_is_verified_against_its_witness(terminal: Terminal) -> None:
    """Untouched it holds. Whoever owns the database can cut its end off; the witness in the cluster saw it."""
    assert "The ledger holds" in terminal.done("ledger", "verify")
    ledger = terminal.server.ledger("tidegate_governance", "governance")
    heads = ledger.heads()
    witness = ClusterWitness(prepare(terminal.cluster), "tidegate")
    witness.note(heads)
    witness.note({"governance": (1, "0" * 64)})  # an older one is not noted
    assert witness.heads() == heads
    assert "The ledger holds" in terminal.done("ledger", "verify")

    last = ledger.entries("governance")[-1]
    with psycopg.connect(terminal.server.url("admin")) as owner:
        owner.execute("ALTER TABLE tidegate.ledger DISABLE TRIGGER USER")
        owner.execute("DELETE FROM tidegate.ledger WHERE chain = 'governance' AND seq = %s", (last.seq,))
    cut = terminal.run("ledger", "verify")
    assert cut.returncode == 1
    assert "cut off" in cut.stdout
