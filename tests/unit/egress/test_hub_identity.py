"""Whose workspace a token is: what the hub answers decides, and anything odd is nobody."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from egress_kit import code_of
from egress_review.adapters.hub import HubIdentities, identity_of

OWN = "access:servers!server=rosa/breast-density"
GOOD = {"kind": "user", "name": "rosa", "scopes": ["read:users:name!user=rosa", OWN]}


def test_token_of_one_server_is_that_workspace() -> None:
    found = identity_of(GOOD)
    assert found is not None
    assert (found.person.subject, found.project) == ("rosa", "breast-density")


@pytest.mark.parametrize(
    "model",
    [
        {},
        {**GOOD, "kind": "service"},
        {**GOOD, "name": "ravi"},
        {**GOOD, "scopes": None},
        {**GOOD, "scopes": []},
        {**GOOD, "scopes": ["access:servers"]},
        {**GOOD, "scopes": ["access:servers!user=rosa"]},
        {**GOOD, "scopes": [OWN, "access:servers!server=rosa/other-project"]},
        {**GOOD, "scopes": ["access:servers!server=rosa/"]},
        {**GOOD, "scopes": ["access:servers!server=rosa/../etc"]},
        {**GOOD, "scopes": [f"x{OWN}"]},
    ],
)
def test_any_other_token_is_nobody(model: dict[str, object]) -> None:
    assert identity_of(model) is None


@contextmanager
def hub(status: int, body: bytes) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(("status", "body"), [(401, b"{}"), (403, b"{}"), (404, b"{}"), (200, b"[]"), (200, b"{}")])
def test_hub_that_does_not_know_the_token_gives_nobody(status: int, body: bytes) -> None:
    with hub(status, body) as url:
        assert HubIdentities(url).workspace_of("some-token") is None


@pytest.mark.parametrize(("status", "body"), [(500, b""), (302, b""), (200, b"<html>login</html>")])
def test_hub_that_answers_nonsense_is_unavailable(status: int, body: bytes) -> None:
    with hub(status, body) as url:
        assert code_of(lambda: HubIdentities(url).workspace_of("some-token")) == "hub_unavailable"


def test_hub_that_is_down_is_unavailable_and_an_odd_token_is_not_even_sent() -> None:
    nowhere = HubIdentities("http://127.0.0.1:1")
    assert code_of(lambda: nowhere.workspace_of("some-token")) == "hub_unavailable"
    assert nowhere.workspace_of("a token\r\nX-Planted: 1") is None
