"""From the officer's approval of a closing to a certificate, with the real pipeline, folders and commands."""

from pathlib import Path

import pytest
import yaml

from cohort_kit import Bench, FolderSource, real_mammograms
from provisioner.domain.conditions import Kind as ConditionKind
from reconcile_kit import World
from tidegate.cli.main import exit_code
from tidegate.demo.stage import SAMPLES, make_accounts
from tidegate.embedded.state import prepare_state
from tidegate.ledger import Event, verify
from tidegate.model import Kind, Project, ProjectPhase, utc_now

KEY = "breast-density"


class Office:
    """A state folder, an officer at the command line, and the provisioner's looks."""

    def __init__(self, state: Path) -> None:
        prepare_state(state)
        make_accounts(state)
        self.state = state
        self.world = World(state)
        source = FolderSource()
        source.add(min(real_mammograms(), key=lambda path: path.stat().st_size).read_bytes())
        self.world.pulls = Bench(state, source).pipeline  # type: ignore[assignment]

    def run(self, *arguments: str, officer: bool = True) -> int:
        who = ["--as", "gwen", "--password-file", str(self.state / "secrets" / "password-gwen")] if officer else []
        return exit_code([*arguments, "--state", str(self.state), *who])

    def apply(self, *files: Path, officer: bool = True) -> None:
        assert self.run("apply", *[part for file in files for part in ("-f", str(file))], officer=officer) == 0

    def look(self) -> ProjectPhase:
        self.world.now = utc_now()
        return self.world.look().phase

    def project(self, stage: str) -> Path:
        documents = list(yaml.safe_load_all((SAMPLES / "project.yaml").read_text(encoding="utf-8")))
        documents[0]["spec"]["stage"] = stage
        file = self.state / f"{stage}.yaml"
        file.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        return file


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Deployed, with work in a home."""
    office = Office(tmp_path / "state")
    office.apply(SAMPLES / "first-grants.yaml", officer=False)
    office.apply(SAMPLES / "licence-cc-by-3.0.yaml", SAMPLES / "dataset-cbis-ddsm.yaml", office.project("submitted"))
    assert office.run("approve", "project", KEY, "--reason", "Within the licence.") == 0
    assert office.look() is ProjectPhase.DEPLOYED
    (office.state / "homes" / KEY / "rosa" / "notes.txt").write_text("mine")
    return office


def left(office: Office) -> list[str]:
    roots = ("homes", "shared", "sockets", "private", "cohorts")
    return [root for root in roots if (office.state / root / KEY).exists()]


def test_an_approved_closing_deletes_copy_and_homes_and_certifies(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    before = office.world.store.project_status(KEY)
    office.apply(office.project("closing"))
    assert office.look() is ProjectPhase.DEPLOYED, "asked for is not approved"
    capsys.readouterr()
    assert office.run("approve", "project", KEY, "--reason", "Done.", "--yes") == 0
    said = capsys.readouterr().err
    assert "approve the closing of project breast-density" in said
    assert "deleted" in said

    assert office.look() is ProjectPhase.DELETED
    assert left(office) == []
    assert not [path for path in (office.state / "vault").rglob("*") if path.is_file()]
    certificate = office.world.store.entries("provisioner")[-1].record
    closing = office.world.store.get(Kind.PROJECT, KEY)
    assert isinstance(closing, Project)
    assert certificate.event is Event.PROJECT_CLOSED
    assert certificate.detail["digest"] == closing.closing_digest()
    assert certificate.detail["homes"] == "ravi, rosa"
    assert before.cohort is not None
    assert certificate.detail["cohort_manifest"] == before.cohort.manifest_sha256
    assert verify(office.world.store.rows(), office.world.store.heads()) == []


def test_a_closing_without_yes_says_what_would_go_and_nothing_goes(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.apply(office.project("closing"))
    capsys.readouterr()
    assert office.run("approve", "project", KEY, "--reason", "Done.") == 2
    assert "[deletion_not_confirmed]" in capsys.readouterr().err
    assert office.look() is ProjectPhase.DEPLOYED
    assert len(left(office)) == 5


def test_an_approval_of_the_work_given_again_with_yes_closes_nothing(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert office.run("approve", "project", KEY, "--reason", "Again.", "--yes") == 0
    assert "approve the work of project breast-density" in capsys.readouterr().err
    office.apply(office.project("closing"))
    assert office.look() is ProjectPhase.DEPLOYED
    assert len(left(office)) == 5


def test_an_approval_of_the_closing_opens_nothing_when_the_stage_goes_back(tmp_path: Path) -> None:
    """The officer approved a closing before any work was approved; the stage is then put back."""
    office = Office(tmp_path / "state")
    office.apply(SAMPLES / "first-grants.yaml", officer=False)
    office.apply(SAMPLES / "licence-cc-by-3.0.yaml", SAMPLES / "dataset-cbis-ddsm.yaml", office.project("closing"))
    assert office.run("approve", "project", KEY, "--reason", "Never mind.", "--yes") == 0
    office.apply(office.project("submitted"))
    assert office.look() is ProjectPhase.PENDING_APPROVAL
    status = office.world.store.project_status(KEY)
    assert status.spawn_rights == ()
    approved = status.condition(ConditionKind.APPROVED)
    assert approved is not None
    assert not approved.status
    assert left(office) == []
