"""A real kernel in the real sandbox says all it can; what arrives is bounded, rebuilt and counted."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from session_kit import Browser, RecordingIntake, Server, browser, kernel_sandbox, session_server, wait_for

MARK = "patient-0042"
SEND = """
k = get_ipython().kernel
def say(kind, content, **more):
    k.session.send(k.iopub_socket, kind, content, parent=k.get_parent('shell'), **more)
"""
DISPLAY = "from IPython.display import publish_display_data as show\n"
LONG_ID = f"""
h = k.session.msg_header('stream'); h['msg_id'] = {MARK!r} * 10_000
whole = {{'header': h, 'parent_header': {{}}, 'metadata': {{}}, 'msg_id': 'a', 'msg_type': 'stream'}}
_ = k.session.send(k.iopub_socket, {{**whole, 'content': {{'name': 'stdout', 'text': 'x'}}}})
"""

# What a hostile cell does, and the most that may arrive of it all together.
ATTACKS: dict[str, tuple[str, int]] = {
    "print": (f"print({MARK!r} * 1_000_000)", 130_000),
    "many prints": (f"for n in range(400): print({MARK!r} * 1_000, flush=True)", 1_300_000),
    "custom MIME": (f"{DISPLAY}show({{'application/vnd.x': {MARK!r} * 1_000_000}})", 8_000),
    "JavaScript": (f"{DISPLAY}show({{'application/javascript': 'x = ' + repr({MARK!r} * 1_000)}})", 8_000),
    "SVG": (f"{DISPLAY}show({{'image/svg+xml': '<svg>' + {MARK!r} * 1_000 + '</svg>'}})", 8_000),
    "traceback": (f"raise ValueError({MARK!r} * 40_000)", 40_000),
    "comm": (f"{SEND}say('comm_open', {{'comm_id': 'a', 'target_name': 't', 'data': {MARK!r} * 1_000}})", 4_000),
    "buffers": (f"{SEND}say('display_data', {{'data': {{}}}}, buffers=[({MARK!r} * 100_000).encode()])", 5_000),
    "metadata": (f"{SEND}say('stream', {{'name': 'stdout', 'text': 'x'}}, metadata={{'m': {MARK!r} * 10_000}})", 5_000),
    "unknown type": (f"{SEND}say({MARK!r} * 1_000, {{'x': 1}})", 4_000),
    "extra field": (f"{SEND}say('stream', {{'name': 'stdout', 'text': 'x', 'more': {MARK!r} * 10_000}})", 5_000),
    "display id": (
        f"{SEND}say('display_data', {{'data': {{}}, 'transient': {{'display_id': {MARK!r} * 10_000}}}})",
        5_000,
    ),
    "message id": (f"{SEND}{LONG_ID}", 5_000),
    "payload": (f"get_ipython().payload_manager.write_payload({{'source': 'page', 'text': {MARK!r} * 10_000}})", 5_000),
    "banner": (
        f"type(k := get_ipython().kernel).banner = {MARK!r} * 10_000\nk.implementation_version = {MARK!r} * 10_000",
        5_000,
    ),
    "state": (f"{SEND}say('status', {{'execution_state': {MARK!r} * 20_000}})", 5_000),
}
BOUNDED_TEXT = {"print", "many prints", "traceback"}


@pytest.fixture
def page(workspace: Server) -> Iterator[Browser]:
    with browser(workspace) as opened:
        yield opened
        workspace.ask("DELETE", f"/api/kernels/{opened.kernel}")


def attack(page: Browser, name: str) -> str:
    """Run one attack, then ask for the kernel's info; everything that arrived."""
    page.texts.clear()
    page.run(ATTACKS[name][0])
    page.send("kernel_info_request", {})
    wait_for(lambda: page.receive()["msg_type"] == "kernel_info_reply", "the kernel's info")
    return "".join(page.texts)


def test_a_notebook_runs(page: Browser) -> None:
    got = page.run("print('hello')\n6 * 7")
    assert {"stream": "hello\n"}.items() <= {m["msg_type"]: m["content"].get("text") for m in got}.items()
    result = next(m for m in got if m["msg_type"] == "execute_result")
    assert result["content"]["data"] == {"text/plain": "42"}
    assert result["parent_header"]["session"] == page.session


def test_a_plot_and_a_table_are_drawn(page: Browser) -> None:
    got = page.run(
        "import matplotlib; matplotlib.use('agg')\n"
        "import io, base64, pandas as pd\nfrom matplotlib.figure import Figure\n"
        "f = Figure(); f.subplots().plot([1, 3, 2]); b = io.BytesIO(); f.savefig(b, format='png')\n"
        f"{DISPLAY}show({{'image/png': base64.b64encode(b.getvalue()).decode(), 'text/plain': 'figure'}})\n"
        "pd.DataFrame({'n': [1, 2]})"
    )
    shown = [m["content"]["data"] for m in got if m["msg_type"] in {"display_data", "execute_result"}]
    assert shown[0]["image/png"].startswith("iVBOR")
    assert '<table class="dataframe">' in shown[1]["text/html"]
    assert "<style" not in shown[1]["text/html"]


@pytest.mark.parametrize("name", ATTACKS)
def test_what_a_kernel_sends_is_bounded_or_dropped(name: str, page: Browser) -> None:
    arrived = attack(page, name)
    assert len(arrived) <= ATTACKS[name][1] + 4_000
    if name not in BOUNDED_TEXT:
        assert MARK not in arrived
    assert page.run("print('alive')")


def test_a_piece_too_large_for_the_wire_is_dropped_with_a_notice_and_the_next_cell_works(page: Browser) -> None:
    page.run("print('x' * 30_000_000)")
    assert page.received < 20_000
    assert "Some output did not arrive" in "".join(page.texts)
    assert any(m["content"].get("text") == "next\n" for m in page.run("print('next')"))


def test_a_question_is_short_and_its_answer_arrives(page: Browser) -> None:
    code = f"print(len(input({MARK!r} * 100_000)))"
    page.send("execute_request", {"code": code, "silent": False, "store_history": True, "allow_stdin": True})
    asked: dict[str, Any] = {}
    while asked.get("msg_type") != "input_request":
        asked = page.receive()
    assert len(asked["content"]["prompt"]) < 400
    page.send("input_reply", {"value": "four"}, channel="stdin")
    said: dict[str, Any] = {}
    while said.get("msg_type") != "stream":
        said = page.receive()
    assert said["content"]["text"] == "4\n"


def test_the_state_a_kernel_makes_up_is_not_in_the_kernel_model(workspace: Server, page: Browser) -> None:
    attack(page, "state")
    for path in ("/api/kernels", f"/api/kernels/{page.kernel}", "/api/sessions"):
        answer = workspace.ask("GET", path)
        assert MARK not in answer.text
        assert len(answer.content) < 2_000


def test_a_second_page_gets_no_parent_it_did_not_send(workspace: Server, page: Browser) -> None:
    with browser(workspace, page.kernel) as other:
        asked = page.send("execute_request", {"code": "print('mine')", "silent": False})
        said: dict[str, Any] = {}
        while said.get("msg_type") != "stream":
            said = other.receive()
        assert said["parent_header"] == {}
        assert asked not in "".join(other.texts)


SAY_LATER = f"""
import os, time
open('later', 'x').close()
while os.path.exists('later'): time.sleep(0.05)
print({MARK!r})
open('said', 'x').close()
"""


def said_to_nobody(server: Server) -> str:
    """What a page is sent that comes back after a cell has printed while it was away."""
    with browser(server) as page:
        page.send("execute_request", {"code": SAY_LATER, "silent": False})
        wait_for((server.home / "later").exists, "the cell's start")
    kernel = f"/api/kernels/{page.kernel}"
    wait_for(lambda: server.ask("GET", kernel).json()["connections"] == 0, "the page's end")
    (server.home / "later").unlink()
    wait_for((server.home / "said").exists, "the cell's end")
    (server.home / "said").unlink()
    with browser(server, page.kernel, page.session) as again:
        again.run("1")
    server.ask("DELETE", kernel)
    return "".join(again.texts)


def test_what_is_said_while_no_page_is_open_is_not_kept_for_the_next(workspace: Server) -> None:
    assert MARK not in said_to_nobody(workspace)


def test_with_jupyters_memory_on_it_is_kept(folder: Path, intake: RecordingIntake) -> None:
    place = folder / "memory"
    with session_server(place, intake.url, without="guard,kernels,forgetting") as own, kernel_sandbox(place):
        assert MARK in said_to_nobody(own)


@pytest.mark.parametrize("sent", [b"\x00\x00\x00\x01", "not json", "[]", "{}", '{"header": {}}', "[" * 50_000])
def test_what_a_browser_sends_malformed_is_dropped_and_the_connection_lives(sent: str | bytes, page: Browser) -> None:
    if isinstance(sent, bytes):
        page.line.send_binary(sent)
    else:
        page.line.send(sent)
    assert page.run("1")


def test_comms_of_the_browser_do_not_reach_the_kernel(page: Browser) -> None:
    page.run("seen = []\nget_ipython().kernel.comm_manager.register_target('t', lambda c, m: seen.append(m))")
    page.send("comm_open", {"comm_id": "a", "target_name": "t", "data": {}})
    assert any(m["content"].get("text") == "[]\n" for m in page.run("print(seen)"))


def test_the_ledger_holds_exactly_what_the_browser_received(folder: Path) -> None:
    place = folder / "ledger"
    with (
        RecordingIntake() as intake,
        session_server(place, intake.url) as own,
        kernel_sandbox(place),
        browser(own) as page,
    ):
        page.run("print('x' * 5_000)\n1 / 0")
        page.run("print('y' * 500)")
        expected = page.received
        kernels = len(own.ask("GET", "/api/kernels").content)

        def drawn() -> int:
            return sum(size for kind, size in intake.recorder.drawn.items() if kind != "kernels")

        wait_for(lambda: drawn() >= expected, "the ledger")
        assert drawn() == expected
        wait_for(lambda: intake.recorder.drawn["kernels"] >= kernels, "the listing in the ledger")


def test_a_spent_budget_stays_spent_after_a_restart_and_with_a_new_kernel(folder: Path) -> None:
    place = folder / "spent"
    with RecordingIntake() as intake, kernel_sandbox(place):
        with session_server(place, intake.url, cap=60_000) as own, browser(own) as page:
            page.run("print('x' * 50_000)")
            page.run("print('y' * 50_000)")
            assert "yyy" not in "".join(page.texts)
            assert "as many bytes as the project allows" in "".join(page.texts)
            (own.home / "long.txt").write_text("z" * 30_000)
            assert own.ask("GET", "/api/contents/long.txt").json()["code"] == "drawn_cap_spent"
            own.process.kill()
            own.process.wait(10)
        before = intake.recorder.total
        with session_server(place, intake.url, cap=60_000) as own:
            wait_for(lambda: own.ask("GET", "/tidegate/usage").json()["drawn"] is not None, "the total")
            assert own.ask("GET", "/tidegate/usage").json()["drawn"] >= before
            with browser(own) as page:
                for _ in range(3):
                    assert page.run(f"print({MARK!r} * 3_000)")
                assert MARK not in "".join(page.texts)
                assert page.received < 20_000


def test_with_the_ledger_down_nothing_is_drawn_and_the_reason_is_said(folder: Path) -> None:
    place = folder / "unknown"
    with RecordingIntake() as intake, kernel_sandbox(place):
        intake.recorder.down = True
        with session_server(place, intake.url) as own, browser(own) as page:
            page.run(f"print({MARK!r})")
            assert MARK not in "".join(page.texts)
            assert "cannot read how much" in "".join(page.texts)
            intake.recorder.down = False
            wait_for(lambda: own.ask("GET", "/tidegate/usage").json()["drawn"] is not None, "the total")
            assert any(m["content"].get("text") == f"{MARK}\n" for m in page.run(f"print({MARK!r})"))


def test_a_release_asked_for_in_a_notebook_becomes_a_draft(folder: Path) -> None:
    place = folder / "release"
    with (
        RecordingIntake() as intake,
        session_server(place, intake.url) as own,
        kernel_sandbox(place),
        browser(own) as page,
    ):
        got = page.run(
            "open('table.csv', 'w').write('a,b\\n1,2\\n')\n"
            "from tidegate_notebook import release\n"
            "release('table.csv', context={'purpose': 'Table 1'})"
        )
        assert "http://review.tidegate.localhost:8000/d1" in json.dumps(got)
        assert intake.recorder.files == {"table.csv": b"a,b\n1,2\n"}
        assert intake.recorder.drafts == [{"purpose": "Table 1"}]


def test_a_notebooks_kernel_starts_beside_it(workspace: Server) -> None:
    (workspace.home / "study").mkdir(exist_ok=True)
    for path, where in (("study/a.ipynb", "/study"), ("gone/a.ipynb", ""), ("../a.ipynb", ""), ("a.ipynb", "")):
        wish = {"path": path, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        made = workspace.ask("POST", "/api/sessions", json=wish).json()
        with browser(workspace, made["kernel"]["id"]) as page:
            said = page.run("import os; print(os.getcwd())")
        assert {f"/home/researcher{where}\n"} == {m["content"]["text"] for m in said if m["msg_type"] == "stream"}
        workspace.ask("DELETE", f"/api/sessions/{made['id']}")


REPLACE = """
import glob, os
for path in glob.glob('/run/tidegate/sock/k*-?'):
    os.unlink(path)
    os.symlink('trusted', path)
"""


def test_links_in_the_place_of_a_kernels_sockets_are_not_followed(workspace: Server) -> None:
    """A page that opens afterwards talks to the kernel's own sockets, and nobody else is spoken to."""
    with socket.socket(socket.AF_UNIX) as trusted, browser(workspace) as page:
        trusted.bind(str(workspace.home.parent / "sock/trusted"))
        trusted.listen()
        trusted.setblocking(False)
        page.run(REPLACE)
        with browser(workspace, page.kernel) as other:
            assert any(m["content"].get("text") == "still\n" for m in other.run("print('still')"))
        with pytest.raises(BlockingIOError):
            trusted.accept()
        (link,) = (path for path in (workspace.home.parent / "sock").iterdir() if path.name.endswith("-1"))
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(str(link))
        trusted.accept()[0].close()
        workspace.ask("DELETE", f"/api/kernels/{page.kernel}")
    (workspace.home.parent / "sock/trusted").unlink()


def forgot(page: Browser) -> bool:
    """Whether a kernel answers that knows nothing of `x`; what is asked of one that is going may stay unanswered."""
    try:
        return any(message["content"].get("ename") == "NameError" for message in page.run("x", seconds=5))
    except websocket.WebSocketTimeoutException:
        return False


def test_a_restarted_kernel_is_reached_by_the_page_that_was_open(workspace: Server, page: Browser) -> None:
    page.run("x = 1")
    assert workspace.ask("POST", f"/api/kernels/{page.kernel}/restart").status_code == 200
    wait_for(lambda: forgot(page), "the new kernel")


def test_a_kernel_that_died_is_started_again_and_reached_by_the_same_page(page: Browser) -> None:
    page.run("x = 1")
    page.send("execute_request", {"code": "import os; os.kill(os.getpid(), 9)", "silent": False})
    wait_for(lambda: forgot(page), "the new kernel", seconds=60)


@pytest.fixture(scope="module")
def stock(folder: Path, intake: RecordingIntake) -> Iterator[Server]:
    """The same server with Jupyter's own connection and kernel manager."""
    place = folder / "stock"
    with session_server(place, intake.url, without="guard,kernels") as running, kernel_sandbox(place):
        yield running


# A binary answer, which the browser end here does not read, carries the buffers.
@pytest.mark.parametrize("name", sorted(set(ATTACKS) - {"buffers", "print", "many prints", "state"}))
def test_without_the_guard_the_same_message_arrives_whole(name: str, stock: Server) -> None:
    with browser(stock) as page:
        assert MARK in attack(page, name)
        stock.ask("DELETE", f"/api/kernels/{page.kernel}")


def test_without_our_manager_a_made_up_state_comes_back_from_the_kernel_model(stock: Server) -> None:
    with browser(stock) as page:
        page.send("execute_request", {"code": ATTACKS["state"][0] + "\nimport time; time.sleep(3)", "silent": False})
        deadline = time.monotonic() + 20
        longest = 0
        while longest < 200_000 and time.monotonic() < deadline:
            longest = max(longest, len(stock.ask("GET", f"/api/kernels/{page.kernel}").content))
        assert longest > 200_000
