"""The real kernel behind both locks does what a researcher expects of it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from sandbox_kit import KERNEL_ENVIRONMENT, WORKSPACE, Notebook, Place, launched, notebook, place, until


@pytest.fixture(scope="module")
def where() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture(scope="module")
def kernel(where: Place) -> Iterator[Notebook]:
    with launched(where), notebook(where, env={**os.environ, "JUPYTERHUB_API_TOKEN": "hush-0815"}) as opened:
        yield opened


def test_it_computes_shows_and_reports_errors(kernel: Notebook) -> None:
    assert kernel.cell("1 + 1").text == "2"
    assert kernel.cell("print('out')").text == "out"
    assert kernel.cell("1 / 0").error == "ZeroDivisionError"


def test_its_environment_is_the_tables(kernel: Notebook) -> None:
    shown = kernel.cell("import os, json; print(json.dumps(dict(os.environ)))").text
    environment = json.loads(shown)
    assert "hush-0815" not in shown
    assert environment["HOME"] == "/home/researcher"
    assert not [name for name in environment if name.startswith(("JUPYTERHUB_", "TIDEGATE_"))]


def test_the_research_libraries_are_there(kernel: Notebook) -> None:
    code = "import numpy, pandas, pydicom, pyarrow, matplotlib.pyplot as plt; plt.plot([1, 2]); print('drawn')"
    assert kernel.cell(code, seconds=120).text.startswith("drawn"), "and nothing is complained of"


def test_subprocesses_print_into_the_notebook(kernel: Notebook) -> None:
    assert kernel.cell("!echo from a child").text == "from a child"


FORKS = """
import multiprocessing
context = multiprocessing.get_context('fork')
child = context.Process(target=print, args=('from a fork',))
child.start(); child.join()
"""


def test_forked_children_print_into_the_notebook(kernel: Notebook) -> None:
    """A stock kernel takes this over TCP; ours must do without."""
    assert kernel.cell(FORKS).text == "from a fork"


def test_it_warns_of_nothing(kernel: Notebook) -> None:
    logs = kernel.cell("import glob; print(''.join(open(f).read() for f in glob.glob('/tmp/launcher-*/*.log')))").text
    assert "IOPub" not in logs
    assert "Traceback" not in logs


def test_files_it_makes_are_the_groups_too(where: Place, kernel: Notebook) -> None:
    kernel.cell("open('/home/researcher/shared/table.csv', 'w').write('a,b')")
    assert (where.shared / "table.csv").stat().st_mode & 0o777 == 0o660


def test_the_cohort_is_read(kernel: Notebook) -> None:
    assert kernel.cell("print(open('/cohort/one.dcm').read())").text == "pixels"


def test_a_running_cell_is_interrupted() -> None:
    with place() as other, launched(other), notebook(other) as opened:
        message = opened.client.execute("import time; open('/home/researcher/begun', 'w'); time.sleep(60)")
        until((other.home / "begun").exists, "the cell's start")
        opened.wait(opened.manager.interrupt_kernel())
        while (reply := opened.wait(opened.client.get_shell_msg(timeout=20)))["parent_header"]["msg_id"] != message:
            pass  # the answer to an earlier question, asked while the kernel was not ready yet
        assert reply["content"]["ename"] == "KeyboardInterrupt"


def test_it_restarts_stops_and_leaves_no_socket_behind() -> None:
    with place() as where, launched(where), notebook(where) as opened:
        opened.cell("x = 1")
        opened.wait(opened.manager.restart_kernel(now=True))
        opened.wait(opened.client.wait_for_ready(timeout=60))
        assert opened.cell("x").error == "NameError"
        opened.wait(opened.manager.shutdown_kernel())
        assert [path.name for path in where.sockets.iterdir()] == ["launcher.sock"]


def test_a_kernel_that_kills_itself_is_known_to_have_ended() -> None:
    with place() as where, launched(where), notebook(where) as opened:
        opened.client.execute("import os; os.kill(os.getpid(), 9)")
        assert opened.wait(opened.manager.provisioner.wait()) == -signal.SIGKILL


def test_send_signal_reaches_the_kernels_group() -> None:
    with place() as where, launched(where), notebook(where) as opened:
        opened.wait(opened.manager.provisioner.send_signal(0))
        opened.wait(opened.manager.provisioner.terminate())
        assert opened.wait(opened.manager.provisioner.wait()) != 0


def answer_outbox(where: Place, answer: dict[str, object], requests: list[dict[str, object]]) -> threading.Thread:
    """What the session server does: takes the request, writes the answer."""

    outbox = where.home / "outbox"
    earlier = set(outbox.glob("*.json"))

    def serve() -> None:
        found = until(lambda: list(set(outbox.glob("*.json")) - earlier), "a request", seconds=30)
        requests.append(json.loads(found[0].read_text()))
        part = outbox / "answer.part"
        part.write_text(json.dumps(answer))
        part.chmod(0o666)
        part.rename(outbox / f"{found[0].stem}.answer.json")
        found[0].unlink()

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_release_writes_a_request_and_shows_the_answer(where: Place, kernel: Notebook) -> None:
    requests: list[dict[str, object]] = []
    server = answer_outbox(where, {"ok": True, "url": "http://review.example/drafts/1"}, requests)
    kernel.cell("open('table.csv', 'w').write('n\\n12\\n'); from tidegate_notebook import release, ReleaseError")
    shown = kernel.cell("release('table.csv', 'shared/../table.csv', context={'purpose': 'Table 1'});").text
    server.join()
    assert "http://review.example/drafts/1" in shown
    assert requests[0]["files"] == ["table.csv", "table.csv"]
    assert requests[0]["context"] == {"purpose": "Table 1"}


def test_release_says_why_it_was_refused(where: Place, kernel: Notebook) -> None:
    server = answer_outbox(where, {"ok": False, "code": "release_link", "sentence": "It is a link."}, [])
    cell = kernel.cell("from tidegate_notebook import release; open('t', 'w').write('x'); release('t')")
    server.join()
    assert cell.error == "ReleaseError"


@pytest.mark.parametrize(
    "call",
    ["release()", "release('no-such-file')", "release('/etc/passwd')", "release('t', context={'colour': 'red'})"],
)
def test_release_refuses_what_cannot_be_meant(kernel: Notebook, call: str) -> None:
    kernel.cell("from tidegate_notebook import release; open('t', 'w').write('x')")
    assert kernel.cell(call).error == "ReleaseError"


def test_release_does_not_wait_for_ever(kernel: Notebook) -> None:
    kernel.cell("from tidegate_notebook import release; open('t', 'w').write('x')")
    assert "stands" in kernel.cell("release('t', wait=0.5)").text


def test_the_notebook_library_needs_the_standard_library_only() -> None:
    code = "import sys; import tidegate_notebook; print(sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(WORKSPACE / 'notebook')!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout.replace("'", '"')))
    assert loaded <= {*sys.stdlib_module_names, "__main__", "tidegate_notebook"}


def test_a_kernel_is_there_in_seconds() -> None:
    assert KERNEL_ENVIRONMENT.is_dir(), "the kernel's environment is made by `make`"
    with place() as where, launched(where):
        begun = time.monotonic()
        with notebook(where) as opened:
            opened.cell("import numpy")
            assert time.monotonic() - begun < 15
