"""`tidegate up` as typed: what it refuses is one sentence with a code and a non-zero exit."""

import socket
from pathlib import Path

import pytest

import hub_kit
from tidegate.cli.main import exit_code
from tidegate.embedded import prepare_state
from tidegate.embedded.state import DEMO_LOGINS, only_one


@pytest.fixture
def state(tmp_path: Path) -> Path:
    prepare_state(tmp_path / "state")
    return tmp_path / "state"


def refused(capsys: pytest.CaptureFixture[str], state: Path, *arguments: str) -> str:
    capsys.readouterr()
    assert exit_code(["up", "--state", str(state), *arguments]) != 0
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.strip().splitlines()
    assert "Traceback" not in line
    return line


def test_a_second_up_on_the_same_folder(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with only_one(state):
        line = refused(capsys, state, "--port", str(hub_kit.four_free_ports()))
    assert line.endswith("[already_running]")
    assert str(state) in line


def test_a_taken_port(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = hub_kit.four_free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        line = refused(capsys, state, "--port", str(port))
    assert line.endswith("[port_taken]")
    assert str(port) in line


def test_demo_passwords_on_a_public_address(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (state / DEMO_LOGINS).write_text("{}")
    line = refused(capsys, state, "--address", "192.0.2.1", "--port", str(hub_kit.four_free_ports()))
    assert line.endswith("[demo_passwords_public]")


@pytest.mark.parametrize(("variable", "code"), [("TIDEGATE_NODE", "node_missing"), ("TIDEGATE_CHP", "proxy_missing")])
def test_a_missing_part(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str, code: str
) -> None:
    monkeypatch.setenv(variable, "/nowhere/at/all")
    assert refused(capsys, state).endswith(f"[{code}]")
