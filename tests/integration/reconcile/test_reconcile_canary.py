"""The probe runs in a real sandbox: blocked with the lock, out without it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_kit import project
from provisioner.adapters.embedded import canary as canary_module
from provisioner.adapters.embedded.beacons import Beacons, lit
from provisioner.adapters.embedded.canary import EmbeddedIsolation, check_proof
from tidegate.model import TidegateError
from tidegate.sandbox import Finished
from tidegate.store import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "tidegate.db", "provisioner")


@pytest.fixture
def beacons() -> Iterator[Beacons]:
    with lit() as found:
        yield found


def told(**changes: Any) -> dict[str, Any]:
    return {"control": "answered", "beacons": ["timeout"], "interfaces": ["lo"], "namespace": "net:[1]", **changes}


def test_a_sandbox_without_network_is_proved(store: SqliteStore) -> None:
    EmbeddedIsolation(Path(sys.prefix), store.host_id).prove(project())


def test_with_the_network_shared_the_same_probe_gets_out(store: SqliteStore) -> None:
    """The attack works without the lock, so its failure with the lock means something."""
    with pytest.raises(TidegateError) as refusal:
        EmbeddedIsolation(Path(sys.prefix), store.host_id, shares_network=True).prove(project())
    assert refusal.value.code == "ISOLATION_REACHED"


def test_beacons_answer_outside_the_sandbox(beacons: Beacons) -> None:
    assert beacons.answer()
    assert {host for host, _ in beacons.tcp} == {"127.0.0.1", "127.0.0.2"}
    assert beacons.visits == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"beacons": ["timeout", "answered"]}, "ISOLATION_REACHED"),
        ({"interfaces": ["eth0", "lo"]}, "ISOLATION_REACHED"),
        ({"interfaces": []}, "ISOLATION_REACHED"),
        ({"namespace": str(Path("/proc/self/ns/net").readlink())}, "ISOLATION_REACHED"),
        ({"control": "ConnectionRefusedError"}, "ISOLATION_UNPROVED"),
        ({"beacons": []}, "ISOLATION_UNPROVED"),
    ],
)
def test_each_sign_of_a_way_out_counts(beacons: Beacons, changes: dict[str, Any], code: str) -> None:
    check_proof(told(), beacons)
    with pytest.raises(TidegateError) as refusal:
        check_proof(told(**changes), beacons)
    assert refusal.value.code == code


def test_a_probe_that_lies_is_caught_by_the_beacons(beacons: Beacons) -> None:
    beacons.count()
    with pytest.raises(TidegateError) as refusal:
        check_proof(told(), beacons)
    assert refusal.value.code == "ISOLATION_REACHED"


@pytest.mark.parametrize(
    "finished",
    [
        Finished(0, b"", b"", "timeout"),
        Finished(1, b"{}", b"bwrap: no", "done"),
        Finished(0, b"not json", b"", "done"),
        Finished(0, b"[]", b"", "done"),
        Finished(0, b'{"nonce": "of another day"}', b"", "done"),
    ],
)
def test_a_probe_that_could_not_run_proves_nothing(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, finished: Finished
) -> None:
    monkeypatch.setattr(canary_module, "run", lambda *_args, **_named: finished)
    with pytest.raises(TidegateError) as refusal:
        EmbeddedIsolation(Path(sys.prefix), store.host_id).prove(project())
    assert refusal.value.code == "ISOLATION_UNPROVED"


def test_a_beacon_that_is_silent_proves_nothing(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Beacons, "answer", lambda _self: False)
    with pytest.raises(TidegateError) as refusal:
        EmbeddedIsolation(Path(sys.prefix), store.host_id).prove(project())
    assert refusal.value.code == "ISOLATION_UNPROVED"
