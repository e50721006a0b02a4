"""The real worker process with the real sandboxed scan: it finishes, and SIGKILL at any moment only delays it."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from egress_django import environment
from egress_kit import World, sha
from egress_review.application import reviewing
from egress_review.domain.request import Request
from egress_review.domain.status import Status
from tidegate.model import utc_now

DEADLINE = 90.0


@contextmanager
def worker(office: World) -> Iterator[subprocess.Popen[bytes]]:
    environment(office.state)
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TIDEGATE_STATE": str(office.state),
        "TIDEGATE_EGRESS_LEASE_SECONDS": "3",
    }
    with (office.state / "worker.log").open("ab") as log:
        command = [sys.executable, "-m", "egress_review", "work"]
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(office: World, request_id: str, good: Callable[[Request], bool]) -> Request:
    deadline = time.monotonic() + DEADLINE
    while not good(found := office.load(request_id)):
        assert time.monotonic() < deadline, (found.status, found.job, (office.state / "worker.log").read_text()[-2000:])
        time.sleep(0.05)
    return found


def picture() -> bytes:
    """A PNG with a text chunk that must not survive."""
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    info, target = PngInfo(), io.BytesIO()
    info.add_text("comment", "patient name here")
    Image.effect_noise((64, 64), 40).save(target, "PNG", pnginfo=info)
    return target.getvalue()


def test_worker_scans_and_releases_a_table_and_a_picture_drawn_anew(office: World) -> None:
    office.now = utc_now()
    original = picture()
    made = office.scanning({"table.csv": office.table(), "figure.png": original})
    with worker(office) as process:
        waiting = until(office, made.id, lambda r: r.status is not Status.SCANNING)
        assert waiting.status is Status.SUBMITTED, [file.findings for file in waiting.files]
        figure = waiting.file("figure.png")
        assert figure is not None
        assert figure.sanitised != figure.sha256
        for name in ("chidi", "cleo"):
            office.review(made.id, name)
        reviewing.approve(office.ports, made.id, office.by("chidi"))
        done = until(office, made.id, lambda r: r.status is Status.RELEASED)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    for file in done.outputs:
        assert office.ports.released.verify(file.sanitised)
    copy = office.ports.released.open(figure.sanitised)
    with copy:
        content = copy.read()
    assert b"patient name here" in original
    assert b"patient name here" not in content
    with Image.open(io.BytesIO(original)) as before, Image.open(io.BytesIO(content)) as after:
        assert before.tobytes() == after.tobytes()


def test_worker_killed_while_scanning_resumes_with_the_next_worker(office: World) -> None:
    office.now = utc_now()
    made = office.scanning({f"table{number}.csv": office.table() for number in range(3)})
    with worker(office):
        until(office, made.id, lambda r: any(file.scanned_turn for file in r.files))
    assert office.load(made.id).status is Status.SCANNING
    with worker(office):
        done = until(office, made.id, lambda r: r.status is Status.SUBMITTED)
    assert all(file.scanned_turn == done.turn for file in done.outputs)


def test_request_left_in_releasing_by_a_dead_worker_is_released(office: World) -> None:
    office.now = utc_now()
    made = office.releasing()
    office.now = utc_now()
    with worker(office):
        done = until(office, made.id, lambda r: r.status is Status.RELEASED)
    assert done.release is not None
    assert office.ports.released.verify(done.release.record)


def test_dicom_file_is_blocked_by_the_real_scan(office: World) -> None:
    import pydicom.data  # noqa: PLC0415

    office.now = utc_now()
    dicom = Path(str(pydicom.data.get_testdata_file("CT_small.dcm"))).read_bytes()
    made = office.scanning({"table.csv": dicom})
    with worker(office):
        done = until(office, made.id, lambda r: r.status is not Status.SCANNING)
    assert done.status is Status.RETURNED
    assert any(finding.kind == "dicom" for finding in done.files[0].findings)
    assert sha(dicom) == done.files[0].sha256
