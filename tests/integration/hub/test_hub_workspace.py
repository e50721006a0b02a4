"""Starting and stopping real workspaces: who may, what is refused and why, and what is left afterwards."""

import os
import socket
from datetime import timedelta

import psutil
import pytest

import hub_kit
from hub_kit import PROJECT, SECOND
from tidegate.ledger import Event
from tidegate.model import utc_now
from workspace.hub.servers import Server, ServerFiles


@pytest.fixture
def opened(rosa: hub_kit.Client, world: hub_kit.World) -> Server:
    """Rosa's workspace of the first project, running."""
    answer = rosa.open("rosa", PROJECT)
    assert answer.status_code == 200, answer.text[:2000]
    server = ServerFiles(world.state / "run" / "servers").read(PROJECT, "rosa")
    assert server is not None
    return server


def test_a_workspace_opens_on_an_origin_of_its_own(opened: Server, rosa: hub_kit.Client, up: hub_kit.Up) -> None:
    answer = rosa.get(f"http://rosa.{hub_kit.DOMAIN}:{up.settings.port}/user/rosa/{PROJECT}/lab")
    assert answer.status_code == 200
    assert "JupyterLab" in answer.text
    assert opened.kernel is not None
    assert opened.session is not None


def test_a_start_and_its_grounds_are_in_the_ledger(opened: Server, world: hub_kit.World) -> None:
    started = [record for record in world.events(Event.WORKSPACE_STARTED) if record.subject.endswith(opened.project)]
    record = started[-1]
    assert record.subject == f"server/rosa/{opened.project}"
    assert record.detail["decision"]
    assert record.detail["cohort"] == world.store.project_status(PROJECT).cohort.manifest_sha256  # type: ignore[union-attr]


def test_the_hubs_token_is_with_the_session_and_not_with_the_kernel(opened: Server) -> None:
    assert opened.kernel is not None
    assert opened.session is not None
    sessions = _inside(opened.session.child_pid)
    assert any("JUPYTERHUB_API_TOKEN=" in hub_kit.environment(pid) for pid in sessions)
    for pid in _inside(opened.kernel.child_pid):
        assert "JUPYTERHUB" not in hub_kit.environment(pid)
        assert "TOKEN" not in hub_kit.environment(pid)
    token = _token(opened)
    assert [pid for pid in hub_kit.processes() if token in hub_kit.command(pid)] == []
    assert [pid for pid in hub_kit.processes() if token in hub_kit.environment(pid) and pid not in sessions] == []


def test_nothing_trusted_listens_on_an_abstract_socket(opened: Server, up: hub_kit.Up) -> None:
    """Lock 1 lets unix sockets through, and these have no folder that could be left out of a sandbox."""
    assert opened.session is not None
    ours = [up.hub_pid, *_inside(up.hub_pid), *_inside(opened.session.child_pid)]
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(f"\0tidegate-test-{up.hub_pid}")
        control.listen()
        assert _abstract(os.getpid()), "the look does see them"
    assert [found for pid in ours for found in _abstract(pid)] == []


def test_neither_sandbox_is_given_the_hubs_secrets(opened: Server, world: hub_kit.World) -> None:
    secrets = [path.read_text().strip() for path in (world.state / "secrets").iterdir()]
    assert secrets
    assert opened.session is not None
    for pid in hub_kit.processes():
        for secret in secrets:
            assert secret not in hub_kit.command(pid)
    for pid in _inside(opened.session.child_pid):
        assert not any(secret in hub_kit.environment(pid) for secret in secrets)


def test_another_person_is_kept_out(opened: Server, up: hub_kit.Up) -> None:
    ravi = up.client()
    ravi.log_in("ravi")
    url = f"http://rosa.{hub_kit.DOMAIN}:{up.settings.port}/user/rosa/{opened.project}/lab"
    assert ravi.get(url).status_code == 403
    assert ravi.api("DELETE", f"users/rosa/servers/{opened.project}").status_code in {403, 404}
    assert ravi.get(f"/hub/spawn/rosa/{opened.project}").status_code in {403, 404}


def test_nobody_is_let_in_without_a_login(opened: Server, up: hub_kit.Up) -> None:
    stranger = up.client()
    answer = stranger.get(f"http://rosa.{hub_kit.DOMAIN}:{up.settings.port}/user/rosa/{opened.project}/lab")
    assert "Log in" in answer.text
    assert "JupyterLab" not in answer.text


def test_the_token_of_one_project_does_not_open_another(opened: Server, rosa: hub_kit.Client, up: hub_kit.Up) -> None:
    assert rosa.open("rosa", SECOND).status_code == 200
    origin = f"http://rosa.{hub_kit.DOMAIN}:{up.settings.port}/user/rosa"
    headers = {"Authorization": f"token {_token(opened)}", "Sec-Fetch-Mode": "cors"}
    stranger = up.client()
    assert stranger.get(f"{origin}/{PROJECT}/api/kernelspecs", headers=headers, follow=False).status_code == 200
    assert stranger.get(f"{origin}/{SECOND}/api/kernelspecs", headers=headers, follow=False).status_code in {302, 403}


def test_a_workspaces_token_can_neither_start_nor_stop(opened: Server, up: hub_kit.Up) -> None:
    headers = {"Authorization": f"token {_token(opened)}"}
    client = up.client()
    path = f"/hub/api/users/rosa/servers/{SECOND}"
    assert client.request("POST", path, headers=headers).status_code in {403, 404}
    assert client.request("DELETE", f"/hub/api/users/rosa/servers/{PROJECT}", headers=headers).status_code in {403, 404}
    me = client.get("/hub/api/user", headers=headers).json()
    assert me["name"] == "rosa"
    assert [scope for scope in me["scopes"] if scope.startswith("access:servers")] == [
        f"access:servers!server=rosa/{PROJECT}"
    ]


def test_stop_leaves_no_process(opened: Server, rosa: hub_kit.Client, world: hub_kit.World) -> None:
    assert opened.kernel is not None
    assert opened.session is not None
    inside = [*_inside(opened.kernel.child_pid), *_inside(opened.session.child_pid)]
    assert rosa.api("DELETE", f"users/rosa/servers/{PROJECT}").status_code in {202, 204}
    files = ServerFiles(world.state / "run" / "servers")
    hub_kit.until(lambda: files.read(PROJECT, "rosa") is None, 20)
    hub_kit.until(lambda: not set(inside) & set(hub_kit.processes()), 10)
    assert world.events(Event.WORKSPACE_STOPPED)[-1].subject == f"server/rosa/{PROJECT}"


def test_half_a_workspace_is_ended(opened: Server, world: hub_kit.World) -> None:
    """A kernel sandbox that died takes its session with it, so nobody works in front of nothing."""
    assert opened.kernel is not None
    assert opened.session is not None
    hub_kit.kill(opened.kernel.child_pid)
    files = ServerFiles(world.state / "run" / "servers")
    hub_kit.until(lambda: files.read(PROJECT, "rosa") is None, 30)
    assert opened.session.child_pid not in hub_kit.processes()


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/hub/spawn", "server_name_required", "open it from the start page"),
        ("/hub/spawn/ravi", "server_name_required", "open it from the start page"),
        (f"/hub/spawn/ravi/{SECOND}", "spawn_right_missing", f"There is no project {SECOND} open to you."),
        ("/hub/spawn/ravi/no-such-project", "spawn_right_missing", "There is no project no-such-project open to you."),
    ],
)
def test_a_start_without_a_right_is_refused(
    up: hub_kit.Up, world: hub_kit.World, path: str, code: str, words: str
) -> None:
    ravi = up.client()
    ravi.log_in("ravi")
    before = len(world.events(Event.WORKSPACE_REFUSED))
    answer = ravi.get(path)
    assert answer.status_code == 400
    assert words in answer.text
    assert f"[{code}]" in answer.text
    assert world.events(Event.WORKSPACE_REFUSED)[before].detail == {"code": code}


def test_the_api_refuses_with_the_same_sentence(up: hub_kit.Up) -> None:
    ravi = up.client()
    ravi.log_in("ravi")
    answer = ravi.api("POST", f"users/ravi/servers/{SECOND}")
    assert answer.status_code == 400
    assert f"There is no project {SECOND} open to you." in answer.json()["message"]


def test_an_ended_right_is_refused_with_when_and_why(up: hub_kit.Up, world: hub_kit.World) -> None:
    world.deploy(PROJECT, "rosa", "ravi", until=utc_now() - timedelta(seconds=1))
    ravi = up.client()
    ravi.log_in("ravi")
    answer = ravi.get(f"/hub/spawn/ravi/{PROJECT}")
    world.deploy(PROJECT, "rosa", "ravi")
    assert answer.status_code == 400
    assert "[spawn_right_ended]" in answer.text
    assert "your training ends" in answer.text


def test_a_right_without_the_policys_consent_is_not_enough(up: hub_kit.Up, world: hub_kit.World) -> None:
    """The row says who was let in when; the policy is asked afresh. Cleo has a row here and no grant."""
    world.deploy(SECOND, "rosa", "cleo")
    cleo = up.client()
    cleo.log_in("cleo")
    answer = cleo.get(f"/hub/spawn/cleo/{SECOND}")
    assert answer.status_code == 400
    assert "[not_named]" in answer.text


def test_a_cohort_that_was_changed_after_sealing_is_not_shown(up: hub_kit.Up, world: hub_kit.World) -> None:
    manifest = world.state / "cohorts" / PROJECT / "v1" / "manifest.json"
    ravi = up.client()
    ravi.log_in("ravi")
    manifest.write_bytes(b"[{}]")
    answer = ravi.get(f"/hub/spawn/ravi/{PROJECT}")
    assert "[cohort_changed]" in answer.text
    manifest.write_bytes(b"[]")
    assert "[cohort_changed]" in ravi.get(f"/hub/spawn/ravi/{PROJECT}").text, "put back is not checked again"
    hub_kit.note_looks(manifest.parent)


def _abstract(pid: int) -> list[str]:
    return [found.laddr for found in psutil.Process(pid).net_connections("unix") if found.laddr.startswith("@")]


def _inside(pid: int) -> list[int]:
    """A process and everything below it."""
    return [pid, *(inner for child in hub_kit.children(pid) for inner in _inside(child))]


def _token(server: Server) -> str:
    assert server.session is not None
    for pid in _inside(server.session.child_pid):
        for entry in hub_kit.environment(pid).split("\0"):
            if entry.startswith("JUPYTERHUB_API_TOKEN="):
                return entry.partition("=")[2]
    raise AssertionError(server)
