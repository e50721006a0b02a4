"""The session server under a real hub: `python -m workspace.session`, the hub's login, and no token in any page."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from session_kit import ROOT, RecordingIntake, free_port, wait_for

ADMIN_TOKEN = "made-up-token-of-the-test-admin"

CONFIG = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.command = ["node", "{root}/node_modules/configurable-http-proxy/bin/configurable-http-proxy"]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.services = [{{"name": "admin", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{"name": "test-admin", "services": ["admin"], "scopes": ["admin:users", "admin:servers",
    "tokens", "access:servers"]}}]
c.Spawner.cmd = {command}
c.Spawner.environment = {environment}
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub whose spawner runs our session server; as root the server is started by the test kit."""
    folder = tmp_path_factory.mktemp("hub")
    for name in ("home", "private", "sock"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    with RecordingIntake() as intake:
        ports = [free_port() for _ in range(3)]
        (folder / "config.py").write_text(_config(folder, intake.url, ports))
        with (folder / "hub.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(folder / "config.py")],
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)},
            )
        url = f"http://127.0.0.1:{ports[0]}"
        try:
            wait_for(lambda: _status(f"{url}/hub/api/") == 200, "the hub", folder / "hub.log", 60)
            ask(url, "POST", "users/rosa")
            ask(url, "POST", "users/rosa/servers/breast-density")
            wait_for(lambda: _ready(url), "the session server", folder / "hub.log", 60)
            yield url
            ask(url, "DELETE", "users/rosa/servers/breast-density")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _config(folder: Path, intake: str, ports: list[int]) -> str:
    environment = {
        "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'tests'}",
        "TIDEGATE_HOME": str(folder / "home"),
        "TIDEGATE_SOCKETS": str(folder / "sock"),
        "TIDEGATE_PRIVATE": str(folder / "private"),
        "TIDEGATE_INTAKE": intake,
        "TIDEGATE_DRAWN_CAP": "1000000",
        "TIDEGATE_PROJECT": "breast-density",
        "TIDEGATE_PUBLIC_ORIGIN": f"http://127.0.0.1:{ports[0]}",
    }
    return CONFIG.format(
        port=ports[0],
        hub_port=ports[1],
        proxy_port=ports[2],
        root=ROOT,
        token=ADMIN_TOKEN,
        command=[sys.executable, str(ROOT / "tests/session_kit.py"), "--hub"],
        environment=environment,
    )


def ask(url: str, method: str, path: str, token: str = ADMIN_TOKEN) -> httpx2.Response:
    headers = {"Authorization": f"token {token}"}
    return httpx2.request(method, f"{url}/hub/api/{path}", headers=headers, json={}, trust_env=False, timeout=60)


def visit(url: str, path: str, token: str) -> httpx2.Response:
    headers = {"Authorization": f"token {token}"} if token else {}
    return httpx2.get(f"{url}/user/rosa/breast-density{path}", headers=headers, trust_env=False, timeout=30)


def _status(url: str) -> int:
    try:
        return httpx2.get(url, trust_env=False).status_code
    except httpx2.HTTPError:
        return 0


def _ready(url: str) -> bool:
    servers = ask(url, "GET", "users/rosa").json().get("servers", {})
    return bool(servers.get("breast-density", {}).get("ready"))


@pytest.fixture(scope="module")
def token(hub: str) -> str:
    made: str = ask(hub, "POST", "users/rosa/tokens").json()["token"]
    return made


def test_the_owner_opens_the_lab(hub: str, token: str) -> None:
    page = visit(hub, "/lab", token)
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'self'")


def test_a_page_holds_no_token_but_the_visitors_own(hub: str, token: str) -> None:
    """The server's own token would let a page speak to the intake as the workspace."""
    page = visit(hub, "/lab", token).text
    held = set(re.findall(r'"token": "([^"]*)"', page))
    assert held <= {token, ""}


def test_without_a_login_the_visitor_is_sent_to_the_hub_with_the_policy(hub: str) -> None:
    answer = visit(hub, "/lab", "")
    assert answer.status_code == 302
    assert "/hub/api/oauth2/authorize" in answer.headers["location"]
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/api/contents", "/api/kernels", "/tidegate/usage"])
def test_another_user_is_refused(path: str, hub: str) -> None:
    ask(hub, "POST", "users/ravi")
    theirs = ask(hub, "POST", "users/ravi/tokens").json()["token"]
    assert visit(hub, path, theirs).status_code == 403
    assert visit(hub, path, "no-such-token").status_code == 403


def test_the_table_holds_under_the_hub_too(hub: str, token: str) -> None:
    assert visit(hub, "/api/contents", token).status_code == 200
    for path in ("/files/a.csv", "/api/terminals", "/nbconvert/html/a.ipynb", "/api/config/x", "/metrics", "/login"):
        assert visit(hub, path, token).status_code == 403


def test_a_revoked_token_stops_working_within_seconds(hub: str) -> None:
    made = ask(hub, "POST", "users/rosa/tokens").json()
    assert visit(hub, "/api/contents", made["token"]).status_code == 200
    ask(hub, "DELETE", f"users/rosa/tokens/{made['id']}")
    wait_for(lambda: visit(hub, "/api/contents", made["token"]).status_code == 403, "the refusal", seconds=10)
