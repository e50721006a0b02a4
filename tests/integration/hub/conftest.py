"""One running hub for a module of tests: starting it takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import hub_kit


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> hub_kit.World:
    return hub_kit.usual_world(tmp_path_factory.mktemp("hub") / "state")


@pytest.fixture(scope="module")
def up(world: hub_kit.World) -> Iterator[hub_kit.Up]:
    with hub_kit.running(world.state) as up:
        yield up


@pytest.fixture
def rosa(up: hub_kit.Up) -> hub_kit.Client:
    client = up.client()
    client.log_in("rosa")
    return client


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"
