"""Which Node.js the proxy runs with."""

import sys
from pathlib import Path

import pytest

from tidegate.embedded import tools


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of ours, on a machine whose own Node.js is ``/usr/bin/node``."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv(tools.NODE_VARIABLE, raising=False)
    monkeypatch.setattr(tools.shutil, "which", lambda _name: sys.executable)
    node = tmp_path / tools.NODE_OF_OUR_OWN
    node.parent.mkdir(parents=True)
    return node


def test_the_machines_node_is_used_where_none_was_installed_for_us(own: Path) -> None:
    assert not own.exists()
    assert tools.find_node() == sys.executable


def test_a_node_installed_for_us_goes_before_the_machines(own: Path) -> None:
    """It was installed because the machine's is missing or too old."""
    own.touch()
    assert tools.find_node() == str(own)


def test_the_one_an_operator_names_goes_before_all(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own.touch()
    named = tmp_path / "node"
    named.touch()
    monkeypatch.setenv(tools.NODE_VARIABLE, str(named))
    assert tools.find_node() == str(named)
