"""Killing any part of a running Tidegate, and starting it again: nothing is lost and nothing is left over."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import hub_kit
from hub_kit import PROJECT
from tidegate.sandbox import alive
from workspace.hub.servers import Server, ServerFiles


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> hub_kit.World:
    return hub_kit.usual_world(tmp_path_factory.mktemp("recovery") / "state")


@pytest.fixture
def up(world: hub_kit.World) -> Iterator[hub_kit.Up]:
    """Its own for each test: they end it in different ways."""
    with hub_kit.running(world.state) as up:
        yield up


@pytest.fixture
def rosa(up: hub_kit.Up) -> hub_kit.Client:
    client = up.client()
    client.log_in("rosa")
    assert client.open("rosa", PROJECT).status_code == 200
    return client


def test_a_killed_hub_is_started_again_and_finds_the_workspace(
    up: hub_kit.Up, rosa: hub_kit.Client, world: hub_kit.World
) -> None:
    """Its proxy dies with it, else the old one would hold the public port; the workspace does not."""
    before = _server(world.state)
    hub = up.hub_pid
    (proxy,) = (pid for pid in hub_kit.children(hub) if "configurable-http-proxy" in hub_kit.command(pid))
    hub_kit.kill(hub)
    hub_kit.until(lambda: not {hub, proxy} & set(hub_kit.processes()), 10)
    hub_kit.until(lambda: _answers(rosa), 60, up.logs)
    assert _server(world.state) == before
    assert _lab(rosa, up).status_code == 200


def test_everything_killed_but_the_workspace_is_taken_up_again(
    up: hub_kit.Up, rosa: hub_kit.Client, world: hub_kit.World
) -> None:
    before = _server(world.state)
    hub = up.hub_pid
    up.stop(signal.SIGKILL)
    hub_kit.until(lambda: hub not in hub_kit.processes(), 10)
    assert _alive(before), "work in progress must not be lost with the hub"
    up.start()
    assert _server(world.state) == before
    assert _lab(rosa, up).status_code == 200, "the same login still holds"


def test_a_workspace_that_ended_meanwhile_is_cleared_away(
    up: hub_kit.Up, rosa: hub_kit.Client, world: hub_kit.World
) -> None:
    before = _server(world.state)
    up.stop(signal.SIGKILL)
    assert before.kernel is not None
    hub_kit.kill(before.kernel.child_pid)
    up.start()
    assert ServerFiles(world.state / "run" / "servers").read(PROJECT, "rosa") is None
    assert not _alive(before)
    assert rosa.open("rosa", PROJECT).status_code == 200


def test_a_half_started_workspace_is_cleared_away(up: hub_kit.Up, rosa: hub_kit.Client, world: hub_kit.World) -> None:
    """A kill between the two sandboxes leaves a record of the first."""
    whole = _server(world.state)
    up.stop(signal.SIGKILL)
    files = ServerFiles(world.state / "run" / "servers")
    files.write(whole.model_copy(update={"session": None}))
    up.start()
    assert files.read(PROJECT, "rosa") is None
    assert whole.kernel is not None
    assert not alive(whole.kernel)
    hub_kit.until(lambda: rosa.open("rosa", PROJECT).status_code == 200, 30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ending_leaves_no_process(
    up: hub_kit.Up, rosa: hub_kit.Client, world: hub_kit.World, number: signal.Signals
) -> None:
    assert rosa.trail
    before = _server(world.state)
    ours = hub_kit.mentioning(str(world.state))
    assert ours
    assert up.stop(number) == 0
    assert not _alive(before)
    hub_kit.until(lambda: hub_kit.mentioning(str(world.state)) == [], 10, lambda: str(ours))
    assert list((world.state / "run" / "servers").iterdir()) == []


def _server(state: Path) -> Server:
    server = ServerFiles(state / "run" / "servers").read(PROJECT, "rosa")
    assert server is not None
    return server


def _alive(server: Server) -> bool:
    return any(running is not None and alive(running) for running in (server.kernel, server.session))


def _lab(client: hub_kit.Client, up: hub_kit.Up) -> hub_kit.Response:
    return client.get(f"http://rosa.{hub_kit.DOMAIN}:{up.settings.port}/user/rosa/{PROJECT}/lab")


def _answers(client: hub_kit.Client) -> bool:
    try:
        return client.get("/hub/home").status_code == hub_kit.OK
    except hub_kit.HTTPError:
        return False
