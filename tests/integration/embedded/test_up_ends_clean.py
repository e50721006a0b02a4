"""Ctrl-C ends everything, whatever runs; a second start on the same folder or port is refused and harms nothing."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import killing_kit
import site_kit
from tidegate.cli.main import exit_code
from tidegate.demo.browser import Page, Person
from tidegate.demo.notebook import Notebook
from tidegate.demo.stage import make_accounts, password_of, sample_xnat
from tidegate.embedded.state import prepare_state
from workspace.hub.servers import ServerFiles

BUSY = "import time\nwhile True:\n    time.sleep(0.01)\n"
XNAT_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from tidegate.demo.stage import sample_xnat

with sample_xnat(Path(sys.argv[1]), 0) as url:
    print(url, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def before() -> Iterator[frozenset[psutil.Process]]:
    """Whatever a test leaves running is ended, however it goes."""
    with killing_kit.adopting() as before:
        try:
            yield before
        finally:
            killing_kit.kill_everything(before)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    prepare_state(tmp_path / "state")
    make_accounts(tmp_path / "state")
    return tmp_path / "state"


def test_ctrl_c_ends_a_busy_workspace_and_everything_else(state: Path, before: frozenset[psutil.Process]) -> None:
    with site_kit.site(state, approved=True) as site:
        _second_starts_are_refused(site)
        with Person("rosa") as rosa:
            notebook = Notebook(rosa, _workspace(rosa, site))
            assert notebook.run("print(6 * 7)") == "42\n"
            notebook.send(BUSY)
            assert len(list(ServerFiles(state / "run" / "servers").all())) == 1
    # Leaving `site` is Ctrl-C, with the cell still running.
    notebook._socket.close()
    assert site.process.returncode == 0
    assert killing_kit.wait_until_alone(before, 5) == []
    assert list((state / "run" / "servers").iterdir()) == []


def _second_starts_are_refused(site: site_kit.Site) -> None:
    """Each with one line and its code; the first goes on."""
    same_folder = _up(site.state, site_kit.four_free_ports())
    assert (same_folder.returncode, same_folder.stderr.count("\n")) == (1, 1)
    assert same_folder.stderr.endswith("[already_running]\n")
    assert str(site.process.pid) in same_folder.stderr
    same_port = _up(site.state.parent / "other", site.port)
    assert (same_port.returncode, same_port.stderr.count("\n")) == (1, 1)
    assert f"Port {site.port} " in same_port.stderr
    assert same_port.stderr.endswith("[port_taken]\n")
    assert site.process.poll() is None


def _up(state: Path, port: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tidegate.cli.main", "up", "--state", str(state), "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def _workspace(rosa: Person, site: site_kit.Site) -> str:
    """The address of the open workspace, past the waiting page."""
    start = rosa.log_in(f"{site.hub}/hub/login", password_of("rosa"))
    found: list[Page] = [rosa.open(start.links(f"/{site_kit.PROJECT}")[0])]

    def arrived() -> bool:
        found.append(rosa.open(found[-1].url))
        return f"/user/rosa/{site_kit.PROJECT}/" in found[-1].url

    site_kit.wait_for("the workspace", arrived, 60)
    return found[-1].url.split(f"/{site_kit.PROJECT}/")[0] + f"/{site_kit.PROJECT}/"


@pytest.mark.parametrize("words", ["is ready at", "[ 4]"])
def test_ctrl_c_in_the_middle_of_the_walk_does_not_wait_for_it(
    state: Path, before: frozenset[psutil.Process], words: str
) -> None:
    """It says that not every step was done, by word and exit code."""
    port = site_kit.four_free_ports()
    command = [sys.executable, "-m", "tidegate.cli.main", "demo", "--state", str(state), "--port", str(port), "--exit"]
    said = state / "logs" / "walk.log"
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    site_kit.wait_for(words, lambda: words in said.read_text() or process.poll() is not None, site_kit.START_SECONDS)
    process.send_signal(signal.SIGINT)
    assert process.wait(site_kit.END_SECONDS) == 1
    assert "[interrupted]" in said.read_text()
    assert "[12]" not in said.read_text()
    assert killing_kit.wait_until_alone(before, 5) == []


def test_the_sample_xnat_ends_with_a_killed_walk(state: Path, before: frozenset[psutil.Process]) -> None:
    """Else it would hold its port, and the walk could not be started again."""
    command = [sys.executable, "-c", XNAT_UNTIL_KILLED, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        assert len(killing_kit.family(before)) == 2
        process.kill()
    assert killing_kit.wait_until_alone(before, 5) == []
    with sample_xnat(state, port) as url:
        assert url.endswith(f":{port}")


def test_an_address_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    assert exit_code(["up", "--state", str(tmp_path / "none"), "--address", "somewhere"]) == 2
    assert not (tmp_path / "none").exists()
