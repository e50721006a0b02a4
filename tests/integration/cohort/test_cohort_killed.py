"""Killed with SIGKILL at every place where the pipeline touches the disk, it goes on to the same cohort.

The child counts its own file operations through Python's audit hook and ends itself, without any clean-up, at the one
it is told; the parent then runs the pipeline again on what is left.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cohort_kit import Bench, contents, source_of
from provisioner.application.cohort_run import Seal

CHILD = """
import os, signal, sys
from pathlib import Path
state, at, tests = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
sys.path.insert(0, tests)
from cohort_kit import Bench, source_of
bench = Bench(state, source_of())
seen = 0
def count(event, args):
    global seen
    if event in WATCHED and str(state) in str(args[0]):
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)
WATCHED = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "shutil.rmtree"}
sys.addaudithook(count)
bench.ensure()
print(seen)
"""


def run_child(state: Path, at: int) -> subprocess.CompletedProcess[str]:
    tests = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(state), str(at), tests],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], int]:
    """The view of a run that nobody disturbed, and how many file operations it took."""
    state = tmp_path_factory.mktemp("unbroken")
    child = run_child(state, at=-1)
    assert child.returncode == 0, child.stderr
    return contents(Bench(state, source_of()).view()), int(child.stdout)


@pytest.mark.parametrize("part", range(16))
def test_a_kill_at_any_file_operation_converges(
    part: int, unbroken: tuple[dict[str, str], int], tmp_path: Path
) -> None:
    """Sixteen moments spread over the whole run; each leaves no seal or a good one, and the next run ends the same."""
    expected, operations = unbroken
    at = 1 + part * (operations - 1) // 15
    child = run_child(tmp_path, at)
    assert child.returncode == -signal.SIGKILL, child.stderr
    bench = Bench(tmp_path, source_of())
    sealed = bench.shelf.note("breast-density", 1, "sealed.json")
    if sealed is not None:
        bench.pipeline.verify_view(Seal.model_validate_json(sealed).status)
    status = bench.ensure()
    bench.pipeline.verify_view(status)
    assert contents(bench.view()) == expected
    assert len(bench.blobs()) == 3
    assert not [path for path in (tmp_path / "cohorts").rglob("*") if path.name.startswith("view-")]
