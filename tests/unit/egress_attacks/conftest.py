from collections.abc import Iterator
from pathlib import Path

import pytest

from egress_kit import World, world


@pytest.fixture
def office(tmp_path: Path) -> Iterator[World]:
    """A review office with a project, its people and checkers, and nothing asked for yet."""
    with world(tmp_path) as made:
        yield made
