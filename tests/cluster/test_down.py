"""What runs in pods is ended by the cluster's own control groups, and these are gone afterwards.

Taking all of it down is seen at the end of each `make test-cluster`, which fails where something is left behind.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import node, programs
from cluster.down import kill_pods, remove_cgroups
from cluster.kit import eventually


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of this test beside the cluster's, in one hierarchy."""
    made = node.cgroups()[0].with_name("tidegate-down-test")
    (made / "kubepods" / "pod").mkdir(parents=True)
    yield made
    remove_cgroups((made,))


def test_only_what_is_below_the_groups_is_ended_and_they_are_removed(group: Path, tmp_path: Path) -> None:
    inner = group / "kubepods" / "pod"
    programs.start(programs.Program("own", ("sleep", "100"), tmp_path, cgroup=group))
    programs.start(programs.Program("pod", ("sleep", "100"), tmp_path, cgroup=inner))
    eventually(
        "both in their groups", lambda: all((place / "cgroup.procs").read_text() for place in (group, inner)), 10
    )

    kill_pods((group,))

    eventually("the end of what ran in the pod", lambda: not programs.is_running(tmp_path, "pod"), 10)
    assert programs.is_running(tmp_path, "own")
    for name in ("own", "pod"):
        programs.stop(tmp_path, name)
    remove_cgroups((group,))
    assert not group.exists()
