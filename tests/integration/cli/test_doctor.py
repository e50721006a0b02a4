"""`tidegate doctor` says what is right and names each thing that is wrong; its exit code says whether `up` can work."""

import json
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import hub_kit
from tidegate import sandbox
from tidegate.cli import doctor
from tidegate.cli.main import exit_code
from tidegate.model import TidegateError

Patch = pytest.MonkeyPatch
NOWHERE = "/nowhere/at/all"


@pytest.fixture
def port() -> int:
    return hub_kit.four_free_ports()


def examine(capsys: pytest.CaptureFixture[str], state: Path, port: int) -> tuple[int, dict[str, tuple[str, str]], str]:
    """Exit code, what was seen by name, and the last word on stderr."""
    status = exit_code(["doctor", "--state", str(state), "--port", str(port), "--output", "json"])
    said = capsys.readouterr()
    return status, {row["what"]: (row["state"], row["seen"]) for row in json.loads(said.out)}, said.err.strip()


def test_a_machine_that_can_run_it_is_told_so(tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    status, seen, last = examine(capsys, tmp_path / "state", port)
    assert status == 0
    assert last == "Everything that Tidegate needs is here."
    needed = ("python", "sandbox", "policy engine", "node", "proxy", "workspace environment", "port", "room")
    assert {what: seen[what][0] for what in needed} == dict.fromkeys(needed, "right")
    assert {what for what in seen if what.startswith("limit")} == {
        f"limit {what}" for what in ("memory", "cpu", "pids", "storage")
    }
    assert seen["limit storage"][0] == "weaker", "no quota holds what a home may take"
    assert not (tmp_path / "state").exists(), "looking changes nothing"


def _no_engine(patch: Patch) -> None:
    patch.setitem(sys.modules, "opa_bindings", None)


def _no_sandbox(patch: Patch) -> None:
    def impossible() -> None:
        raise TidegateError("sandbox_impossible", "No user namespaces.", "Allow them.")

    patch.setattr(sandbox, "check_possible", impossible)


def _full(patch: Patch) -> None:
    patch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=doctor.ROOM_NEEDED - 1))


WRONGS: dict[str, tuple[Callable[[Patch], None], str]] = {
    "node": (lambda patch: patch.setenv("TIDEGATE_NODE", NOWHERE), "node_missing"),
    "proxy": (lambda patch: patch.setenv("TIDEGATE_CHP", NOWHERE), "proxy_missing"),
    "workspace environment": (lambda patch: patch.setenv("TIDEGATE_WORKSPACE_ENV", NOWHERE), "workspace_env_missing"),
    "policy engine": (_no_engine, "opa_wheel_missing"),
    "sandbox": (_no_sandbox, "sandbox_impossible"),
    "room": (_full, "disk_low"),
}


@pytest.mark.parametrize("what", WRONGS)
def test_each_wrong_thing_is_named_with_its_code(
    what: str, tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str], monkeypatch: Patch
) -> None:
    harm, code = WRONGS[what]
    harm(monkeypatch)
    status, seen, last = examine(capsys, tmp_path, port)
    assert status == 1
    assert last == f"Wrong: {what}."
    assert seen[what][0] == "WRONG"
    assert seen[what][1].endswith(f"[{code}]")
    assert [state for state, _ in seen.values()].count("WRONG") == 1


@pytest.mark.parametrize("offset", range(4))
def test_a_taken_port_is_named_whichever_of_the_four(
    offset: int, tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()
        status, seen, last = examine(capsys, tmp_path, port)
    assert (status, last) == (1, "Wrong: port.")
    assert str(port + offset) in seen["port"][1]
    assert seen["port"][1].endswith("[port_taken]")


def test_everything_wrong_at_once_is_all_named(
    tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str], monkeypatch: Patch
) -> None:
    for harm, _ in WRONGS.values():
        harm(monkeypatch)
    status, _, last = examine(capsys, tmp_path, port)
    assert status == 1
    assert set(last.removeprefix("Wrong: ").rstrip(".").split(", ")) == set(WRONGS)


def test_a_limit_that_no_cgroup_holds_is_weaker_and_not_wrong(
    tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str], monkeypatch: Patch
) -> None:
    monkeypatch.setattr(sandbox, "describe", lambda: {"limit memory": "no cgroup", "limit pids": "cgroup v2"})
    status, seen, _ = examine(capsys, tmp_path, port)
    assert status == 0
    assert (seen["limit memory"][0], seen["limit pids"][0]) == ("weaker", "right")


@pytest.mark.parametrize("no_port", [65534, 99999])
def test_a_port_with_no_room_for_four_is_named(
    no_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, seen, last = examine(capsys, tmp_path, no_port)
    assert (status, last) == (1, "Wrong: port.")
    assert seen["port"][1].endswith("[port_invalid]")
