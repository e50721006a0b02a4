"""What `tidegate get` and `tidegate ledger show` print: tables for people, JSON and YAML for programs, no secrets."""

import json
from pathlib import Path

import pytest
import yaml

from model_kit import approval, dataset, grant, licence, project
from provisioner.bootstrap import CHAIN
from reconcile_kit import World
from tidegate.cli.main import exit_code
from tidegate.identity import add_account
from tidegate.ledger import Actor
from tidegate.model import TidegateError

PASSWORD = "correct horse battery"
TABLES = {
    "licence": """
NAME       TITLE                             SPDX       VALIDTO
cc-by-3.0  Creative Commons Attribution 3.0  CC-BY-3.0  2027-11-22T12:00:00Z
""",
    "dataset": """
NAME       TITLE            CUSTODIAN       TIER  LICENCE
cbis-ddsm  Film mammograms  Demo custodian  1     cc-by-3.0
""",
    "grant": """
NAME  PERSON  ROLE        PROJECT         UNTIL
rosa  rosa    researcher  breast-density  2027-11-22T12:00:00Z
""",
    "cohort": """
NAME               PROJECT         VERSION
breast-density-v1  breast-density  1
""",
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    world = World(tmp_path / "state")
    world.deployed()
    return world


def shown(world: World, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert exit_code([*arguments, "--state", str(world.root)]) == 0
    said = capsys.readouterr()
    assert said.err == "", "data on stdout, and nothing else to say"
    return said.out


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("kind", TABLES)
def test_a_kind_is_a_table(kind: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(shown(world, capsys, "get", kind)) == lines(TABLES[kind])
    assert shown(world, capsys, "get", f"{kind}s") == shown(world, capsys, "get", kind)


def test_a_project_shows_where_it_stands_and_what_comes_next(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    head, row = lines(shown(world, capsys, "get", "project"))
    assert head.split() == ["NAME", "TITLE", "PHASE", "READY", "NEXT", "ENDS"]
    assert row.startswith("breast-density  Breast density  deployed  Deployed")
    assert row.endswith("2027-11-22T12:00:00Z")


def test_an_approval_shows_who_gave_it_on_what(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    _, row = lines(shown(world, capsys, "get", "approval"))
    assert row.split()[:4] == ["breast-density-1", "breast-density", "approve", "gwen"]


def test_a_failed_step_is_shown_whole_to_programs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    amended = project(selection={"modalities": ["MG"]})
    world.put(amended, approval(amended, name="second"))
    world.pulls.error = TidegateError("XNAT_UNREACHABLE", "XNAT does not answer.", "Ask its operator.")
    world.look()
    for output, read in (("yaml", yaml.safe_load), ("json", lambda text: json.loads(text)[0])):
        found = read(shown(world, capsys, "get", "project", "breast-density", "-o", output))
        step = next(step for step in found["status"]["steps"] if step["name"] == "cohort")
        assert (step["code"], step["message"]) == ("XNAT_UNREACHABLE", "XNAT does not answer. Ask its operator.")
        assert found["status"]["digest"] == amended.digest()


def test_an_empty_kind_is_an_empty_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path / "empty")
    assert lines(shown(world, capsys, "get", "dataset")) == ["NAME  TITLE  CUSTODIAN  TIER  LICENCE"]
    assert shown(world, capsys, "get", "dataset", "-o", "json") == "[]\n"


def test_what_was_shown_can_be_applied_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """But for the status of a project, YAML out is YAML in."""
    for kind, resource in (("licence", licence()), ("dataset", dataset()), ("grant", grant())):
        found = yaml.safe_load(shown(world, capsys, "get", kind, resource.name, "-o", "yaml"))
        assert type(resource).model_validate(found) == resource


def test_the_ledger_shows_its_newest_entries_in_order(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = lines(shown(world, capsys, "ledger", "show", "--last", "5"))
    assert head.split() == ["AT", "CHAIN", "ENTRY", "EVENT", "ACTOR", "SUBJECT"]
    assert len(rows) == 5
    assert rows[-1].split()[1:4] == [CHAIN, str(len(world.events())), "provisioner:spawn_right:given"]
    assert rows[-1].split()[4:] == ["provisioner", "Project/breast-density"]
    assert rows == sorted(rows, key=lambda row: (row.split()[0], row.split()[1], int(row.split()[2])))


def test_the_ledger_shows_details_to_programs_and_never_a_password(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    add_account(world.governance, "rosa", "Rosa", PASSWORD, Actor.service("test"), world.now)
    text = shown(world, capsys, "ledger", "show", "--last", "500", "-o", "json")
    entries = json.loads(text)
    assert {entry["chain"] for entry in entries} == {"governance", "provisioner"}
    sealed = next(entry for entry in entries if entry["event"] == "provisioner:cohort:sealed")
    assert sealed["detail"]["files"] == 8
    assert PASSWORD not in text
    assert "argon2" not in text
