"""Stopping a workspace: through the hub, and by its recorded processes where the hub does not do it."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from provisioner.adapters.embedded.servers import EmbeddedServers, Hub
from reconcile_hub import HubDouble, hub_double
from tidegate.model import TidegateError
from tidegate.sandbox import Limits, Running, SandboxSpec, alive, python_binds, start, stop

LIMITS = Limits(memory_bytes=256 * 1024**2, pids=16, cpus=1.0, tmp_bytes=1024**2)
TOKEN = "a-token"


class Workspace:
    """A real sandbox that sleeps, with its record where the spawner would put it."""

    def __init__(self, root: Path, *, stubborn: bool = False) -> None:
        self.records = root / "servers"
        self.records.mkdir()
        mute = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if stubborn else ""
        program = f"{mute}import time; print('up', flush=True); time.sleep(120)"
        spec = SandboxSpec(
            name="kernel-rosa-p1",
            argv=("/opt/tidegate/env/bin/python", "-I", "-S", "-c", program),
            binds=python_binds(Path(sys.prefix)),
            env={},
            limits=LIMITS,
            uid=21001,
            gid=22001,
        )
        self.running: Running = start(spec, log=root / "log")
        self.record("p1", "rosa")

    def record(self, project: str, person: str) -> None:
        body = {"project": project, "person": person, "port": 1, "kernel": asdict(self.running), "session": None}
        (self.records / f"{project}--{person}.json").write_text(json.dumps(body))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    found = Workspace(tmp_path)
    yield found
    stop(found.running, grace=0)


@pytest.fixture
def hub() -> Iterator[HubDouble]:
    with hub_double() as found:
        yield found


def servers(workspace: Workspace, url: str | None) -> EmbeddedServers:
    return EmbeddedServers(workspace.records, Hub(url, TOKEN) if url else None)


def test_only_what_lives_counts_as_running(workspace: Workspace) -> None:
    known = servers(workspace, None)
    assert known.running("p1") == ("rosa",)
    assert known.running("p") == (), "the name of a project is not the beginning of another's"
    stop(workspace.running, grace=0)
    assert known.running("p1") == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kernel": 7}', '{"kernel": {"pid": 1}}', '{"kernel": null}'])
def test_a_record_that_cannot_be_read_names_nothing(workspace: Workspace, text: str) -> None:
    (workspace.records / "p1--ravi.json").write_text(text)
    assert servers(workspace, None).running("p1") == ("rosa",)


def test_a_record_of_another_boot_or_of_a_reused_number_ends_nothing(workspace: Workspace) -> None:
    """The number of a process may belong to somebody else by now."""
    body = asdict(workspace.running)
    path = workspace.records / "p1--rosa.json"
    for changes in ({"boot": "another"}, {"child_started": 1, "started": 1}):
        path.write_text(json.dumps({"kernel": {**body, **changes, "cgroups": []}, "session": None}))
        known = servers(workspace, None)
        assert known.running("p1") == ()
        known.stop("p1", "rosa")
        assert alive(workspace.running)


def test_the_hub_is_asked_with_the_services_token(workspace: Workspace, hub: HubDouble) -> None:
    hub.on_delete = lambda: stop(workspace.running, grace=0)
    servers(workspace, hub.url).stop("p1", "rosa")
    assert hub.deletes == [("/hub/api/users/rosa/servers/p1", f"token {TOKEN}")]
    assert not alive(workspace.running)


def test_a_hub_that_says_yes_and_does_nothing_is_not_believed(workspace: Workspace, hub: HubDouble) -> None:
    hub.status = 202
    servers(workspace, hub.url).stop("p1", "rosa")
    assert not alive(workspace.running)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_hub_that_refuses_is_gone_round(workspace: Workspace, hub: HubDouble, status: int) -> None:
    hub.status = status
    servers(workspace, hub.url).stop("p1", "rosa")
    assert not alive(workspace.running)


def test_a_hub_that_hangs_costs_little_more_than_a_second(workspace: Workspace, hub: HubDouble) -> None:
    hub.delay = 20.0
    begun = time.monotonic()
    servers(workspace, hub.url).stop("p1", "rosa")
    assert time.monotonic() - begun < 4.0
    assert not alive(workspace.running)


def test_a_hub_that_is_gone_costs_no_wait(workspace: Workspace) -> None:
    servers(workspace, "http://127.0.0.1:9/hub/api").stop("p1", "rosa")
    assert not alive(workspace.running)


def test_a_workspace_on_its_way_up_is_tried_again(workspace: Workspace, hub: HubDouble) -> None:
    """The hub cannot stop what it is still starting, and there is no record to end it by yet."""
    hub.status = 400
    with pytest.raises(TidegateError) as refusal:
        servers(workspace, hub.url).stop("p1", "ravi")
    assert refusal.value.code == "SERVER_NOT_STOPPED"


def test_a_program_deaf_to_sigterm_is_ended(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, stubborn=True)
    servers(workspace, None).stop("p1", "rosa")
    assert not alive(workspace.running)


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    EmbeddedServers(tmp_path / "nowhere", None).stop("p1", "rosa")
