"""`python -m sample_xnat` as the demo starts it, and what it says when it is started wrongly."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sample_xnat.__main__ import main
from tidegate.model.project import Selection
from xnat_kit import PASSWORD, USER, Credentials, XnatSource, dataset, dicom_bytes


@pytest.fixture
def password(tmp_path: Path) -> Path:
    place = tmp_path / "password"
    place.write_text(f"{PASSWORD}\n")
    return place


def wait_for(place: Path, seconds: float = 30) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if place.exists():
            return place.read_text().strip()
        time.sleep(0.02)
    pytest.fail(f"{place.name} was not written")


def test_the_program_announces_itself_serves_and_stops_when_asked(tmp_path: Path, password: Path) -> None:
    own = tmp_path / "data" / "OWN"
    own.mkdir(parents=True)
    (own / "made-up.dcm").write_bytes(dicom_bytes("own"))
    announce = tmp_path / "announce"
    argv = [sys.executable, "-m", "sample_xnat", "--user", USER, "--password-file", str(password)]
    argv += ["--announce", str(announce), "--data", str(own.parent)]
    running = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)
    try:
        url = wait_for(announce)
        by = XnatSource(lambda _server: Credentials(USER, PASSWORD))
        counts = [len(by.plan(dataset(url, p), Selection()).lines) for p in ("CBIS-DDSM", "PYDICOM-CT-MR", "OWN")]
        assert counts == [8, 12, 1]
    finally:
        running.send_signal(signal.SIGTERM)
        said, complained = running.communicate(timeout=30)
    assert running.returncode == 0
    assert complained == b""
    assert PASSWORD.encode() not in said


WRONG = [
    (["--user", USER], "wrong_usage", 2),
    (["--user", USER, "--password-file", "{password}", "--port", "x"], "wrong_usage", 2),
    (["--user", USER, "--password-file", "{password}", "--port", "70000"], "wrong_usage", 2),
    (["--user", USER, "--password-file", "{password}", "--latency-ms", "-1"], "wrong_usage", 2),
    (["--user", USER, "--password-file", "{password}", "--colour", "red"], "wrong_usage", 2),
    (["--user", USER, "--password-file", "/nowhere/at/all"], "password_file_unreadable", 2),
    (["--user", USER, "--password-file", "{empty}"], "password_file_empty", 2),
    (["--user", USER, "--password-file", "{password}", "--address", "192.0.2.1"], "sample_not_loopback", 2),
    (["--user", USER, "--password-file", "{password}", "--address", "example"], "sample_not_loopback", 2),
    (["--user", USER, "--password-file", "{password}", "--data", "/nowhere"], "data_folder_empty", 2),
]


@pytest.mark.parametrize(("arguments", "code", "exit_code"), WRONG)
def test_wrong_usage_is_one_sentence_with_a_code(
    arguments: list[str],
    code: str,
    exit_code: int,
    tmp_path: Path,
    password: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    assert main([a.format(password=password, empty=empty) for a in arguments]) == exit_code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.endswith(f"[{code}]\n")


def test_a_port_that_is_taken_is_said_to_be(password: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--user", USER, "--password-file", str(password), "--port", str(port)]) == 1
    assert f"port {port}" in (said := capsys.readouterr().err)
    assert said.endswith("[port_taken]\n")
