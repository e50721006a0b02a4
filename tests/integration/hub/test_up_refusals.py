"""What `tidegate up` refuses before it starts anything: one sentence, a stable code, nothing half-written."""

import socket
import sys
from pathlib import Path

import pytest

import hub_kit
from tidegate.embedded import Settings, prepare_state, up
from tidegate.embedded.state import DEMO_LOGINS, SECRETS, only_one
from tidegate.model import TidegateError

# The package shows the function under the same name as the module it is in.
up_module = sys.modules["tidegate.embedded.up"]


def refused(settings: Settings) -> TidegateError:
    with pytest.raises(TidegateError) as caught:
        up(settings, say=lambda _: None)
    return caught.value


@pytest.mark.parametrize(("offset", "name"), [(0, "public pages"), (1, "hub"), (2, "proxy"), (3, "review service")])
def test_a_taken_port_is_named(state: Path, offset: int, name: str) -> None:
    port = hub_kit.four_free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()
        error = refused(Settings(state=state, port=port))
    assert error.code == "port_taken"
    assert str(port + offset) in error.sentence
    assert name in error.sentence


def test_a_second_up_on_the_same_folder_is_refused(state: Path) -> None:
    prepare_state(state)
    with only_one(state):
        error = refused(Settings(state=state, port=hub_kit.four_free_ports()))
    assert error.code == "already_running"
    assert str(state) in error.sentence


def test_the_folder_is_free_again_when_its_holder_is_gone(state: Path) -> None:
    prepare_state(state)
    for _ in range(2):
        with only_one(state):
            pass


def test_demo_passwords_are_not_offered_to_other_machines(state: Path) -> None:
    prepare_state(state)
    (state / DEMO_LOGINS).write_text("{}")
    error = refused(Settings(state=state, address="192.0.2.1", port=hub_kit.four_free_ports()))
    assert error.code == "demo_passwords_public"


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"address": "localhost"}, "address_invalid"), ({"port": 65534}, "port_invalid"), ({"port": 0}, "port_invalid")],
)
def test_settings_that_cannot_be_are_refused(state: Path, settings: dict[str, object], code: str) -> None:
    assert refused(Settings(state=state, **settings)).code == code  # type: ignore[arg-type]
    assert not state.exists()


@pytest.mark.parametrize(
    ("variable", "code"),
    [
        ("TIDEGATE_NODE", "node_missing"),
        ("TIDEGATE_CHP", "proxy_missing"),
        ("TIDEGATE_WORKSPACE_ENV", "workspace_env_missing"),
    ],
)
def test_a_missing_part_is_named(state: Path, monkeypatch: pytest.MonkeyPatch, variable: str, code: str) -> None:
    monkeypatch.setenv(variable, "/nowhere/at/all")
    error = refused(Settings(state=state))
    assert error.code == code
    assert variable in error.fix
    assert not state.exists()


def test_an_old_node_is_named(state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v18.20.4\n")
    node.chmod(0o755)
    monkeypatch.setenv("TIDEGATE_NODE", str(node))
    error = refused(Settings(state=state))
    assert error.code == "node_too_old"
    assert "v18.20.4" in error.sentence


def test_a_missing_policy_engine_is_named(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = up_module.importlib.util.find_spec
    monkeypatch.setattr(
        up_module.importlib.util, "find_spec", lambda name: None if name == "opa_bindings" else find(name)
    )
    assert refused(Settings(state=state)).code == "opa_wheel_missing"
    assert not state.exists()


def test_no_sandbox_means_no_start(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no way to run without isolation."""

    def impossible() -> None:
        raise TidegateError("sandbox_impossible", "No user namespaces.", "")

    monkeypatch.setattr(up_module, "check_possible", impossible)
    assert refused(Settings(state=state)).code == "sandbox_impossible"
    assert not state.exists()


def test_a_state_folder_that_is_a_file_is_named(state: Path) -> None:
    state.write_text("not a folder")
    error = refused(Settings(state=state))
    assert error.code == "state_unusable"
    assert str(state) in error.sentence


def test_the_state_folder_is_for_its_owner_alone(state: Path) -> None:
    state.mkdir(mode=0o755)
    prepare_state(state)
    assert state.stat().st_mode & 0o777 == 0o700
    for name in SECRETS:
        assert (state / "secrets" / name).stat().st_mode & 0o777 == 0o600


def test_secrets_are_made_once(state: Path) -> None:
    prepare_state(state)
    first = {name: (state / "secrets" / name).read_text() for name in SECRETS}
    (state / "secrets" / "hub-cookies").chmod(0o644)
    prepare_state(state)
    assert {name: (state / "secrets" / name).read_text() for name in SECRETS} == first
    assert (state / "secrets" / "hub-cookies").stat().st_mode & 0o777 == 0o600
    assert len({*first.values()}) == len(SECRETS)


def test_a_hub_that_cannot_start_is_reported_and_nothing_is_left(state: Path) -> None:
    """A folder where the hub's database should be: found only by the hub itself."""
    prepare_state(state)
    (state / "hub.sqlite").mkdir()
    error = refused(Settings(state=state, port=hub_kit.four_free_ports(), services=()))
    assert error.code == "hub_failed"
    assert "hub.log" in error.fix
    hub_kit.until(lambda: hub_kit.mentioning(str(state)) == [], 10)
