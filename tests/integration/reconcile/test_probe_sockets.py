"""The probe at real sockets of loopback: open, refused, silent, and what it writes at its end."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner.adapters.kubernetes import beacon, probe


@pytest.fixture
def listening() -> Iterator[int]:
    with beacon.Beacon(("127.0.0.1", 0), beacon.Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.fixture
def silent() -> Iterator[int]:
    """A datagram socket that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        yield own.getsockname()[1]


def unused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as own:
        return int(own.getsockname()[1])


def test_what_listens_is_open_and_what_refuses_was_reached(listening: int) -> None:
    assert probe.tcp("127.0.0.1", listening) == "open"
    assert probe.tcp("127.0.0.1", unused()) == "refused"


def test_datagrams_too(silent: int) -> None:
    assert probe.udp("127.0.0.1", silent) == "closed"
    assert probe.udp("127.0.0.1", unused()) == "refused"


def test_any_answer_to_the_question_is_open() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            asked, who = server.recvfrom(512)
            assert b"tidegate" in asked
            server.sendto(b"no", who)

        thread = threading.Thread(target=answer)
        thread.start()
        assert probe.udp("127.0.0.1", server.getsockname()[1]) == "open"
        thread.join()


def test_the_beacon_says_who_it_is(listening: int) -> None:
    with socket.create_connection(("127.0.0.1", listening), 2) as client:
        assert client.recv(64) == b"tidegate beacon\n"


@pytest.mark.parametrize(("expect", "status"), [("open", 0), ("closed", 1)])
def test_the_answer_lies_in_the_termination_message(
    listening: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expect: str, status: int
) -> None:
    target = {"name": "x", "host": "node", "port": listening, "protocol": "tcp", "expect": expect}
    monkeypatch.setenv("TIDEGATE_PROBE", json.dumps({"nonce": "n1", "targets": [target]}))
    monkeypatch.setenv("TIDEGATE_NODE", "127.0.0.1")
    monkeypatch.setattr(probe, "PATIENCE_SECONDS", 0.5)
    message = tmp_path / "termination-log"
    assert probe.main(str(message)) == status
    told: dict[str, Any] = json.loads(message.read_text())
    assert (told["nonce"], told["ok"], told["seen"]) == ("n1", status == 0, {"x": "open"})
