"""The command line answers bad input with one sentence, a code and a non-zero exit, and writes nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.cli.main import exit_code
from tidegate.demo.stage import SAMPLES, make_accounts
from tidegate.embedded.state import only_one, prepare_state
from tidegate.model import Kind
from tidegate.store import SqliteStore


@pytest.fixture
def state(tmp_path: Path) -> Path:
    prepare_state(tmp_path / "state")
    make_accounts(tmp_path / "state")
    return tmp_path / "state"


def _as_gwen(state: Path) -> tuple[str, ...]:
    return ("--as", "gwen", "--password-file", str(state / "secrets" / "password-gwen"))


def _first_grants(state: Path) -> None:
    assert exit_code(["apply", "-f", str(SAMPLES / "first-grants.yaml"), "--state", str(state)]) == 0


LICENCE = "apiVersion: tidegate.dev/v1alpha1\nkind: Licence\nmetadata: {name: x}\n"
APPROVAL = f"""apiVersion: tidegate.dev/v1alpha1
kind: Approval
metadata: {{name: x}}
spec:
  subject: {{kind: Project, name: p1, digest: {"a" * 64}}}
  verdict: approve
  by: {{subject: gwen}}
  at: 2026-01-01T00:00:00Z
  reason: x
"""
CASES = {
    "not yaml": ("a: [", "yaml_invalid", 2),
    "empty": ("", "file_empty", 2),
    "only comments": ("# nothing\n---\n# here\n", "file_empty", 2),
    "no mapping": ("- 1\n", "resource_invalid", 2),
    "unknown kind": ("kind: Pod\n", "resource_invalid", 2),
    "missing fields": (f"{LICENCE}spec: {{title: x}}\n", "resource_invalid", 2),
    "unknown licence": (
        (SAMPLES / "dataset-cbis-ddsm.yaml").read_text(encoding="utf-8"),
        "reference_unknown",
        4,
    ),
    "unknown data set": ((SAMPLES / "project.yaml").read_text(encoding="utf-8"), "reference_unknown", 4),
    "a profile of a cluster": (
        (SAMPLES / "project.yaml").read_text(encoding="utf-8").replace("pids: 256", "pids: 256, profile: gpu, gpu: 1"),
        "profile_unknown",
        2,
    ),
    "a GPU of a cluster": (
        (SAMPLES / "project.yaml").read_text(encoding="utf-8").replace("pids: 256", "pids: 256, gpu: 1"),
        "profile_exceeded",
        2,
    ),
    "an approval": (
        APPROVAL,
        "not_applicable",
        2,
    ),
}


@pytest.mark.parametrize(("text", "code", "status"), list(CASES.values()), ids=list(CASES))
def test_a_wrong_file_is_refused_whole(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: str, status: int
) -> None:
    _first_grants(state)
    file = tmp_path / "given.yaml"
    file.write_text(text, encoding="utf-8")
    before = SqliteStore(state / "tidegate.db", "governance").generation()
    capsys.readouterr()
    assert exit_code(["apply", "-f", str(file), "--state", str(state), *_as_gwen(state)]) == status
    said = capsys.readouterr().err.strip()
    assert said.endswith(f"[{code}]")
    assert "Traceback" not in said
    # At most the officer's login is new.
    assert SqliteStore(state / "tidegate.db", "governance").generation() <= before + 1
    assert SqliteStore(state / "tidegate.db", "governance").list(Kind.PROJECT) == ()


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (("apply", "-f", "no-such-file.yaml"), "file_unreadable", 2),
        (("get", "pods"), "kind_unknown", 2),
        (("get", "project", "other"), "not_found", 4),
        (("approve", "project", "other", "--reason", "x", "GWEN"), "project_unknown", 4),
        (("approve", "grant", "other", "--reason", "x", "GWEN"), "kind_unknown", 2),
        (("approve", "project", "other", "--reason", "x"), "officer_needed", 2),
        (("approve", "project", "other", "--reason", "x", "--until", "soon", "GWEN"), "date_invalid", 2),
        (("account", "disable", "nobody"), "account_unknown", 4),
        (("get",), "usage", 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_wrong_call_says_what_is_wrong(
    state: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: str, status: int
) -> None:
    _first_grants(state)
    expanded = [part for given in arguments for part in (_as_gwen(state) if given == "GWEN" else (given,))]
    where = () if arguments == ("get",) else ("--state", str(state))
    capsys.readouterr()
    assert exit_code([*expanded, *where]) == status
    assert f"[{code}]" in capsys.readouterr().err


def test_a_wrong_password_applies_nothing(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _first_grants(state)
    wrong = tmp_path / "password"
    wrong.write_text("not the password\n", encoding="utf-8")
    file = SAMPLES / "licence-cc-by-3.0.yaml"
    arguments = ["apply", "-f", str(file), "--state", str(state), "--as", "gwen", "--password-file", str(wrong)]
    assert exit_code(arguments) == 1
    assert "[login_refused]" in capsys.readouterr().err
    assert SqliteStore(state / "tidegate.db", "governance").list(Kind.LICENCE) == ()


def test_no_option_takes_a_password() -> None:
    """The program takes passwords from a file, stdin or the terminal; no option takes one."""
    told = subprocess.run(
        [sys.executable, "-m", "tidegate.cli.main", "apply", "--help"], capture_output=True, text=True, check=True
    )
    assert "--password-file" in told.stdout
    assert "--password " not in told.stdout


def test_a_state_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["get", "project", "--state", str(tmp_path / "nothing")]) == 4
    assert "[state_missing]" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


def test_a_missing_file_is_said_to_be_missing(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["apply", "-f", "no-such-file.yaml", "--state", str(state)]) == 2
    assert "no-such-file.yaml cannot be read: No such file or directory." in capsys.readouterr().err


def test_a_second_demo_on_the_same_folder_is_told_of_the_first(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with only_one(state):
        assert exit_code(["demo", "--state", str(state)]) == 1
    assert "[already_running]" in capsys.readouterr().err
