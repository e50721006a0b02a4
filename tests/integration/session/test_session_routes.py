"""The route table against the live router, and each way around it that has been tried."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket

from session_kit import TOKEN, RecordingIntake, Server, live_routes, session_server
from workspace.session.csp import content_security_policy
from workspace.session.routes import ALLOWED, REFUSED, route_of
from workspace.session.silent_events import MOST_OPEN, TRY_LATER

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "TRACE", "get")

REFUSED_PATHS = (
    "/files/a.csv",
    "/files/a.csv?download=1",
    "/view/a.csv",
    "/nbconvert/html/a.ipynb",
    "/nbconvert/html",
    "/api/nbconvert",
    "/api/terminals",
    "/api/terminals/1",
    "/terminals/websocket/1",
    "/api/resolvePath?path=/etc/passwd",
    "/api/config/notebook",
    "/api/spec.yaml",
    "/api/shutdown",
    "/api/events",
    "/api/contents/a.ipynb/trust",
    "/api/contents/a.ipynb/checkpoints/1",
    "/api/security/csp-report",
    "/api/notebooks/a.ipynb",
    "/metrics",
    "/lsp/ws/pylsp",
    "/proxy/8080/",
    "/lab/api/build",
    "/lab/api/extensions",
    "/lab/api/plugins",
    "/lab/api/news",
    "/lab/api/update",
    "/lab/api/listings/@jupyterlab/x",
    "/lab/api/licenses/",
    "/lab/unknown",
    "/unknown",
    "/login",
    "/robots.txt",
    "/%66iles/a.csv",
    "//files/a.csv",
    "/files//a.csv",
    "/./files/a.csv",
    "/lab/../files/a.csv",
    "/files/%2e%2e/a.csv",
    "/files%2Fa.csv",
    "/FILES/a.csv",
    "/files/a.csv/",
    "/x/",
)

OPEN_PATHS = ("/lab", "/lab/tree/a.ipynb", "/api", "/api/me", "/api/status", "/api/kernelspecs", "/api/kernels",
              "/api/sessions", "/api/contents", "/lab/api/settings", "/lab/api/workspaces", "/lab/api/translations",
              "/tidegate/usage")  # fmt: skip


def test_every_handler_of_the_live_router_is_allowed_or_refused_on_purpose(tmp_path: Path) -> None:
    named = {f"{handler.__module__}.{handler.__qualname__}" for handler in (*ALLOWED, *REFUSED)}
    assert live_routes(tmp_path) - named == set()


def test_nothing_is_both_allowed_and_refused() -> None:
    assert not set(ALLOWED) & set(REFUSED)
    assert all(REFUSED.values())


def test_a_handler_derived_from_an_allowed_one_is_not_allowed() -> None:
    allowed = next(iter(ALLOWED))
    assert route_of(allowed, "GET")
    assert route_of(type("Derived", (allowed,), {}), "GET") is None


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_what_the_lab_needs_is_answered(path: str, server: Server) -> None:
    assert server.ask("GET", path).status_code == 200


def test_the_root_leads_to_the_lab_and_carries_the_policy(server: Server) -> None:
    answer = server.ask("GET", "/")
    assert (answer.status_code, answer.headers["location"].rstrip("?")) == (302, f"{server.base}/lab")
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", REFUSED_PATHS)
def test_a_path_not_in_the_table_is_refused_with_the_policy_by_every_method(path: str, server: Server) -> None:
    for method in METHODS:
        status, head = server.raw(method, path)
        assert (method, status) == (method, 403)
        assert "\r\nContent-Security-Policy: default-src 'self'" in head


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_an_unlisted_method_of_a_listed_path_is_refused(path: str, server: Server) -> None:
    assert [server.raw(method, path)[0] for method in ("PROPFIND", "TRACE", "OPTIONS")] == [403, 403, 403]


@pytest.mark.parametrize("path", ["/lab", "/api/contents", "/api/kernels", "/tidegate/usage", "/api/contents/none.txt"])
def test_no_cookie_and_no_token_is_a_login_or_a_refusal_with_the_policy(path: str, server: Server) -> None:
    answer = server.ask("GET", path, headers={"Authorization": ""})
    assert answer.status_code in {302, 403}
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


def test_the_policy_names_the_workspace_origin_and_no_other() -> None:
    policy = content_security_policy("http://rosa.tidegate.localhost:8000")
    assert "connect-src 'self' ws://rosa.tidegate.localhost:8000;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "allow-popups" not in policy
    assert "allow-downloads" not in policy


def test_a_release_without_the_cross_site_token_is_refused(server: Server) -> None:
    """A cookie alone, as a foreign page would send it, is not enough."""
    headers = {"Authorization": "", "Cookie": cookies_of_a_login(server)}
    assert server.ask("GET", "/tidegate/usage", headers={**headers, "Referer": server.url}).status_code == 200
    assert server.ask("POST", "/tidegate/release", headers=headers, json={"files": ["a"]}).status_code in {403, 404}


def subscribe(server: Server, *headers: str) -> websocket.WebSocket:
    url = f"{server.url.replace('http', 'ws')}/api/events/subscribe"
    return websocket.create_connection(
        url, header=list(headers), timeout=10, suppress_origin=any(header.startswith("Origin") for header in headers)
    )


def test_the_labs_listener_is_answered_and_never_told_anything(server: Server) -> None:
    """Jupyter emits an event at each save; its own handler, which stays refused, would pass it on."""
    before = server.ask("GET", "/tidegate/usage").json()["drawn"]
    line = subscribe(server, f"Authorization: token {TOKEN}")
    line.send("whatever")
    saved = server.ask("PUT", "/api/contents/a.txt", json={"type": "file", "format": "text", "content": "x"})
    assert saved.status_code in {200, 201}
    after = server.ask("GET", "/tidegate/usage").json()["drawn"]
    line.ping("are you there")
    opcode, _ = line.recv_data(control_frame=True)
    assert opcode == websocket.ABNF.OPCODE_PONG, "nothing came before the answer to the ping"
    line.close()
    assert after - before == len(saved.content)


def cookies_of_a_login(server: Server) -> str:
    answer = server.ask("GET", "/lab", headers={"Authorization": ""}, params={"token": TOKEN})
    cookies = "; ".join(cookie.partition(";")[0] for cookie in answer.headers.get_list("set-cookie"))
    assert cookies
    return cookies


@pytest.mark.parametrize(
    "header", ["X-Nothing: given", "Authorization: token no-such-token", "Origin: http://other.example"]
)
def test_nobody_else_may_listen(header: str, server: Server) -> None:
    """Nor another site's page in the owner's browser, which sends the cookies and says where it is from."""
    cookies = f"Cookie: {cookies_of_a_login(server)}" if header.startswith("Origin") else "X-Nothing: given"
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        subscribe(server, header, cookies)


def test_listeners_are_bounded(server: Server) -> None:
    lines = [subscribe(server, f"Authorization: token {TOKEN}") for _ in range(MOST_OPEN + 1)]
    try:
        opcode, reason = lines[-1].recv_data(control_frame=True)
        assert (opcode, int.from_bytes(reason[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, TRY_LATER)
    finally:
        for line in lines:
            line.shutdown()


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory, intake: RecordingIntake) -> Iterator[Server]:
    """The same server with the contents manager of Jupyter and without the route lock."""
    with session_server(tmp_path_factory.mktemp("unlocked"), intake.url, without="routes,contents") as running:
        yield running


@pytest.mark.parametrize("path", ["/files/a.csv", "/files/a.csv?download=1", "/view/a.csv", "/api/spec.yaml"])
def test_without_the_lock_the_same_addresses_answer(path: str, unlocked: Server) -> None:
    (unlocked.home / "a.csv").write_text("x,y\n")
    assert unlocked.ask("GET", path).status_code == 200
