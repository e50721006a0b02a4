"""A policy server that is down, slow, broken or not the one it should be: a refusal with its code, within a second."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import policy_kit as kit
from policy_kit import NOW, PROJECT, ROSA
from tidegate.model import TidegateError, to_text
from tidegate.policy import Code, Policy, open_policy, open_server_policy, workspace_start
from tidegate.policy.server import TRIES, WAIT_SECONDS

TOKEN = "the-callers-token-for-tests-0123456789"
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


def answer(status: int, body: bytes, **headers: str) -> Answer:
    def send(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return send


def said(**body: Any) -> Answer:
    return answer(200, json.dumps(body).encode())


def slow(request: http.server.BaseHTTPRequestHandler) -> None:
    time.sleep(2 * WAIT_SECONDS)
    said()(request)


class Stub:
    """A server on loopback that answers each question with the next of `answers`, the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, Any]] = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.asked.append((self.path, self.headers.get("Authorization", ""), body))
                (stub.answers.pop(0) if len(stub.answers) > 1 else stub.answers[0])(self)

            def do_GET(self) -> None:
                stub.asked.append((self.path, self.headers.get("Authorization", ""), None))
                stub.answers[0](self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return kit.world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def good(world: Any) -> dict[str, Any]:
    """What a healthy server says: the answer of the engine in process, and the bundle it came from."""
    decision = open_policy(world).decide("workspace.start", workspace_start(world, PROJECT, ROSA, NOW), NOW)
    result = decision.model_dump(mode="json", exclude={"policy_version", "input_digest"})
    return {"result": {**result, "version": decision.policy_version}, "provenance": bundle(NOW, decision.revision)}


def bundle(published: Any, revision: str = "r") -> dict[str, Any]:
    return {"version": "1.22.2", "bundles": {"tidegate": {"revision": f"{to_text(published)} {revision}"}}}


@pytest.fixture
def policy(stub: Stub, world: Any, tmp_path: Path) -> Policy:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    return open_server_policy(world, stub.url, token)


def code(policy: Policy, world: Any) -> str:
    decision = policy.decide("workspace.start", workspace_start(world, PROJECT, ROSA, NOW), NOW)
    assert decision.allowed is not bool(decision.deny)
    return decision.deny[0].code if decision.deny else "allow"


def test_a_healthy_answer_counts_and_the_whole_question_is_sent(
    stub: Stub, policy: Policy, world: Any, good: dict[str, Any]
) -> None:
    stub.answers = [said(**good)]
    assert code(policy, world) == "allow"
    ((path, login, body),) = stub.asked
    assert path == "/v1/data/tidegate/workspace_start/decision?strict-builtin-errors=True&provenance=True"
    assert login == f"Bearer {TOKEN}"
    assert body == {"input": workspace_start(world, PROJECT, ROSA, NOW).model_dump(mode="json")}


FAULTS: list[tuple[str, Answer, Code]] = [
    ("slow", slow, Code.POLICY_UNAVAILABLE),
    ("unauthorised", answer(401, b"{}"), Code.POLICY_UNAVAILABLE),
    ("forbidden", answer(403, b"{}"), Code.POLICY_UNAVAILABLE),
    ("not there", answer(404, b"{}"), Code.POLICY_UNAVAILABLE),
    ("failed", answer(500, b'{"code":"internal_error"}'), Code.POLICY_ERROR),
    ("busy", answer(503, b""), Code.POLICY_UNAVAILABLE),
    ("garbage", answer(200, b"garbage"), Code.POLICY_ERROR),
    ("half an answer", answer(200, b'{"result": {', **{"Content-Length": "99"}), Code.POLICY_UNAVAILABLE),
    ("nothing", answer(200, b""), Code.POLICY_ERROR),
    ("a list", answer(200, b"[]"), Code.POLICY_ERROR),
    ("undefined", said(provenance=bundle(NOW)), Code.POLICY_ERROR),
    ("no bundle", said(result={"outcome": "allow"}, provenance={"version": "1.22.2"}), Code.POLICY_UNAVAILABLE),
    ("no provenance", said(result={"outcome": "allow"}), Code.POLICY_UNAVAILABLE),
    ("an odd revision", said(provenance={"bundles": {"tidegate": {"revision": "1"}}}), Code.POLICY_STALE),
    ("an old bundle", said(provenance=bundle(NOW - timedelta(hours=1, seconds=1))), Code.POLICY_STALE),
    ("a bundle to come", said(provenance=bundle(NOW + timedelta(minutes=6))), Code.POLICY_STALE),
    ("simply true", said(result=True, provenance=bundle(NOW)), Code.POLICY_ERROR),
    ("a bare allow", said(result={"outcome": "allow"}, provenance=bundle(NOW)), Code.POLICY_ERROR),
]


@pytest.mark.parametrize(("fault", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_faulty_server_is_a_refusal(stub: Stub, policy: Policy, world: Any, fault: Answer, expected: Code) -> None:
    stub.answers = [fault]
    begun = time.monotonic()
    assert code(policy, world) == expected
    assert time.monotonic() - begun < 2
    assert len(stub.asked) <= TRIES


@pytest.mark.parametrize("key", ["version", "revision"])
def test_answers_by_other_rules_or_licences_do_not_count(
    stub: Stub, policy: Policy, world: Any, good: dict[str, Any], key: str
) -> None:
    stub.answers = [said(**{**good, "result": {**good["result"], key: "0" * 64}})]
    assert code(policy, world) == Code.POLICY_STALE


@pytest.mark.parametrize("first", [slow, answer(500, b""), answer(503, b"")])
def test_one_failure_is_made_good_by_the_second_try(
    stub: Stub, policy: Policy, world: Any, good: dict[str, Any], first: Answer
) -> None:
    stub.answers = [first, said(**good)]
    assert code(policy, world) == "allow"


def test_nobody_is_followed_elsewhere(stub: Stub, policy: Policy, world: Any, good: dict[str, Any]) -> None:
    """Neither the question nor the token goes to whom the answer points at."""
    other = Stub()
    other.answers = [said(**good)]
    stub.answers = [answer(307, b"", Location=other.url + "/v1/data")]
    try:
        assert code(policy, world) == Code.POLICY_UNAVAILABLE
        assert other.asked == []
    finally:
        other.server.shutdown()
        other.server.server_close()
        other.thread.join()


def test_no_proxy_and_no_other_login_from_the_environment(
    stub: Stub, world: Any, good: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other\n")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("no_proxy", "")
    (tmp_path / "token").write_text(TOKEN)
    stub.answers = [said(**good)]
    assert code(open_server_policy(world, stub.url, tmp_path / "token"), world) == "allow"
    assert stub.asked[0][1] == f"Bearer {TOKEN}"


def test_a_server_that_is_down_is_unavailable(stub: Stub, policy: Policy, world: Any) -> None:
    stub.server.shutdown()
    stub.server.server_close()
    assert code(policy, world) == Code.POLICY_UNAVAILABLE


def test_a_token_that_goes_missing_is_unavailable(stub: Stub, policy: Policy, world: Any, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    assert code(policy, world) == Code.POLICY_UNAVAILABLE
    assert stub.asked == []


ADDRESSES = [
    *("http://198.51.100.4:8181", "https://127.0.0.1:8181", "http://127.0.0.1", "127.0.0.1:8181", "", "http://["),
    *("http://127.0.0.1:x", "http://127.0.0.1:8181/v1", "http://127.0.0.1.example.org:8181", "ftp://127.0.0.1:8181"),
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_only_an_address_on_loopback_is_taken(world: Any, tmp_path: Path, url: str) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with pytest.raises(TidegateError) as caught:
        open_server_policy(world, url, tmp_path / "token")
    assert caught.value.code == "policy_server_address"


@pytest.mark.parametrize("token", [None, "", "short", "1" * 40, "with a space " * 4, "nicht-ä" * 6])
def test_a_token_no_server_could_hold_is_told_at_the_start(world: Any, tmp_path: Path, token: str | None) -> None:
    if token is not None:
        (tmp_path / "token").write_text(token)
    with pytest.raises(TidegateError) as caught:
        open_server_policy(world, "http://127.0.0.1:8181", tmp_path / "token")
    assert caught.value.code == "policy_token_missing"
    assert token is None or not token or token not in str(caught.value)
