"""Scans through the real sandbox: what they find, what they cannot reach, and that every failure blocks."""

import base64
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import checks_kit as kit
from egress_review.checks import ScanLimits, ScanResult, runner, scan
from egress_review.checks.catalogue import CODES
from tidegate.sandbox import Finished, SandboxSpec

VENV = Path(sys.prefix)
ROOT = os.geteuid() == 0
USER = 612_345 if ROOT else None
LIMITS = ScanLimits(memory_bytes=512 * 1024 * 1024)
Scan = Callable[..., ScanResult]


@pytest.fixture
def send() -> Scan:
    """Scans these bytes under this name as the worker would."""
    pack = json.dumps(kit.pack_document()).encode()

    def _send(name: str, data: bytes, limits: ScanLimits = LIMITS, known: bytes = pack) -> ScanResult:
        return scan(data, name, known, kit.PERMITTED, limits, VENV, uid=USER, gid=USER)

    return _send


def codes(result: ScanResult) -> set[str]:
    return {finding.code for finding in result.findings}


def test_a_clean_table_is_clean_and_says_what_was_looked_for(send: Scan) -> None:
    result = send("table.csv", kit.TABLE)
    assert (result.kind, result.findings, result.blocked) == ("csv", (), False)
    assert {"dicom", "cohort identifiers", "unparsed"} <= set(result.checks)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("table.csv", kit.dicom_file(), "DICOM.EMBEDDED"),
        ("tables.zip", kit.zipped(a__csv=kit.dicom_file()), "DICOM.EMBEDDED"),
        ("figure.png", kit.png(trailing=kit.dicom_file()), "DICOM.EMBEDDED"),
        ("n.ipynb", kit.notebook(text=base64.encodebytes(kit.dicom_file()).decode()), "DICOM.EMBEDDED"),
        ("table.csv", f"id,n\n{kit.UID},1\n".encode(), "ID.COHORT"),
        ("m.json", json.dumps({kit.PATIENT: 0.4}).encode(), "ID.COHORT"),
        ("n.ipynb", kit.notebook(text=f"{kit.PATIENT} 0.4\n"), "ID.COHORT"),
        ("model.pkl", b"\x80\x04N.", "TYPE.NOT_PERMITTED"),
    ],
)
def test_what_must_not_leave_blocks(send: Scan, name: str, data: bytes, code: str) -> None:
    result = send(name, data)
    assert code in codes(result)
    assert result.blocked


def test_a_project_without_a_cohort_has_no_pack(send: Scan) -> None:
    """The same identifier is found with the pack and unknown without it."""
    data = f"id,n\n{kit.UID},1\n".encode()
    assert codes(send("table.csv", data)) == {"ID.COHORT"}
    assert codes(send("table.csv", data, known=b"")) == set()


def test_a_pack_that_cannot_be_read_blocks(send: Scan) -> None:
    assert codes(send("table.csv", kit.TABLE, known=b'{"salt": "x"}')) == {"SCAN.CRASHED"}


def test_a_scan_that_takes_too_long_blocks(send: Scan) -> None:
    assert codes(send("table.csv", kit.TABLE, replace(LIMITS, seconds=0.01))) == {"SCAN.TIMEOUT"}


def test_a_scan_that_needs_too_much_memory_blocks(send: Scan) -> None:
    """A wide table costs many times its size; that bursts a small allowance and nothing else."""
    limits = replace(LIMITS, memory_bytes=160 * 1024 * 1024)
    wide = b"\n".join(b"1,2,3,4,5,6,7,8" for _ in range(900_000))
    assert codes(send("table.csv", kit.TABLE, limits)) == set()
    assert codes(send("table.csv", wide, limits)) == {"SCAN.MEMORY"}


PROBE = """
import socket, sys, os
from pathlib import Path
out = []
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=2); out.append("network")
except OSError: pass
if Path({secret!r}).exists(): out.append("quarantine")
sys.stdout.write(",".join(out) or "nothing")
"""


def probe(port: int, secret: Path, spec: SandboxSpec) -> Finished:
    source = PROBE.format(port=port, secret=str(secret))
    return runner.run(replace(spec, argv=(spec.argv[0], "-c", source)), stdin=b"", timeout=30, max_output=1000)


@pytest.mark.enable_socket
def test_the_sandbox_of_a_scan_reaches_neither_network_nor_quarantine(tmp_path: Path) -> None:
    """With the network shared the same probe gets through, so the probe works."""
    import socket  # noqa: PLC0415

    secret = tmp_path / "quarantined"
    secret.write_bytes(b"x")
    spec = runner._spec(LIMITS, VENV, USER, USER)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert probe(port, secret, spec).stdout == b"nothing"
        assert probe(port, secret, replace(spec, network=True)).stdout == b"network"


@pytest.mark.parametrize(
    ("finished", "code"),
    [
        (Finished(-11, b"", b"", "done"), "SCAN.CRASHED"),
        (Finished(1, b"{}", b"", "done"), "SCAN.CRASHED"),
        (Finished(0, b"", b"", "done"), "SCAN.CRASHED"),
        (Finished(0, b"[]", b"", "done"), "SCAN.CRASHED"),
        (Finished(0, b'{"kind":"csv","sha256":"00","checks":[],"findings":[]}', b"", "done"), "SCAN.CRASHED"),
        (Finished(0, b'{"kind":"csv","sha256":"s","checks":[],"findings":[{}]}', b"", "done"), "SCAN.CRASHED"),
        (Finished(0, b"{}", b"", "output_limit"), "SCAN.CRASHED"),
        (Finished(-9, b"", b"", "timeout"), "SCAN.TIMEOUT"),
        (Finished(-9, b"", b"", "memory"), "SCAN.MEMORY"),
        (Finished(77, b"", b"", "done"), "SCAN.MEMORY"),
    ],
)
def test_whatever_a_scan_ends_with_but_a_whole_answer_blocks(finished: Finished, code: str) -> None:
    result = runner._result(finished, "table.csv", "s", kit.PERMITTED)
    assert codes(result) == {code}
    assert result.blocked


def test_every_finding_has_a_row_with_words_for_both_people() -> None:
    for row in CODES.values():
        assert row.severity in {"block", "flag", "info"}
        assert row.researcher.endswith(".")
        assert row.checker.endswith(".")
