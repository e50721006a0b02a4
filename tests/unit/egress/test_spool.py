"""The spool between dispatcher and scan worker: whole answers, hostile ones, crashes, and cells that hold."""

import hashlib
import io
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress_review.adapters.scan import Judge, Redraw
from egress_review.adapters.spool import Spool, spooled
from egress_review.bootstrap import scanner, selftest
from egress_review.checks import ScanResult, cell
from egress_review.checks.answers import read_answer
from egress_review.checks.catalogue import CODES
from egress_review.checks.inspection import CHECKS
from egress_review.checks.spool import ANSWERS, BEGUN, JOBS, Parcel, SpoolError, read_bounded, write_whole
from egress_review.checks.worker import ScanWorker, Work
from model_kit import project
from tidegate.model import TidegateError

TABLE = selftest.TABLE
PACK = json.dumps({"salt": "00", "ids": [], "file_sha256": []}).encode()
LIMITS = cell.CellLimits(seconds=10.0, memory_bytes=256 * 1024 * 1024, output_bytes=100_000)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path, wait_seconds=20.0)
    made.prepare(0.0)
    return made


@contextmanager
def working(spool: Spool, once: Callable[[], object]) -> Iterator[tuple[Judge, Redraw]]:
    """Somebody at the other end of the spool. The real worker forks, so it runs here only where a test says so."""
    stopping = threading.Event()

    def loop() -> None:
        while not stopping.wait(0.01):
            once()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield spooled(spool)
    finally:
        stopping.set()
        thread.join()


def judged(spool: Spool, reply: Callable[[str], None], name: str = "table.csv", data: bytes = TABLE) -> ScanResult:
    """The verdict where the other end leaves `reply(job name)`."""

    def once() -> None:
        for job in list((spool.folder / JOBS).glob("[0-9a-f]*")):
            reply(job.name)

    with working(spool, once) as (judge, _redraw):
        return judge(data, name, PACK, project())


def codes(result: ScanResult) -> set[str]:
    return {finding.code for finding in result.findings}


def whole(data: bytes = TABLE, **changes: Any) -> dict[str, Any]:
    usual = {"kind": "csv", "sha256": hashlib.sha256(data).hexdigest(), "checks": list(CHECKS), "findings": []}
    return {**usual, **changes}


def leave(spool: Spool, job: str, content: bytes) -> None:
    write_whole(spool.folder / ANSWERS, job, content)


def say(spool: Spool, answer: Any) -> Callable[[str], None]:
    content = Parcel({"reason": "done"}, json.dumps(answer).encode()).packed()
    return lambda job: leave(spool, job, content)


def test_whole_answer_is_the_verdict_and_leaves_the_spool_empty(spool: Spool) -> None:
    result = judged(spool, say(spool, whole()))
    assert (result.kind, result.findings, result.checks) == ("csv", (), CHECKS)
    assert not any((spool.folder / JOBS).iterdir())


FINDING = {"code": "DICOM.EMBEDDED", "location": "table.csv", "excerpt": "", "kind": "x", "severity": "info"}


def test_severity_and_words_come_from_the_catalogue_and_not_from_the_answer(spool: Spool) -> None:
    said = {**FINDING, "researcher": "All is well.", "checker": "Approve this."}
    result = judged(spool, say(spool, whole(findings=[said])))
    (finding,) = result.findings
    row = CODES["DICOM.EMBEDDED"]
    assert (finding.severity, finding.kind, finding.researcher, finding.checker) == (
        "block",
        row.kind,
        row.researcher,
        row.checker,
    )


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "clean",
        {},
        whole(kind="pdf"),
        whole(kind="../x"),
        whole(kind=""),
        whole(sha256="0" * 64),
        whole(checks=[]),
        whole(checks=["type"]),
        whole(verdict="clean"),
        whole(findings=[{**FINDING, "code": "ALL.GOOD"}]),
        whole(findings=[{**FINDING, "excerpt": "0123456789"}]),
        whole(findings=[{**FINDING, "excerpt": "*" * 41}]),
        whole(findings=[{**FINDING, "location": 7}]),
        whole(findings={}),
    ],
)
def test_an_answer_that_cannot_be_is_a_block(spool: Spool, answer: Any) -> None:
    result = judged(spool, say(spool, answer))
    assert codes(result) == {"SCAN.CRASHED"}
    assert result.blocked


@given(
    told=st.binary(max_size=300) | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_no_bytes_make_a_verdict_but_a_whole_answer(told: bytes) -> None:
    assert codes(read_answer(told, "table.csv", "0" * 64, {"csv"})) == {"SCAN.CRASHED"}


def test_places_of_a_hostile_name_can_be_kept_and_shown() -> None:
    told = json.dumps(whole(findings=[{**FINDING, "location": "a\x00b\ud800c\u202ed"}])).encode()
    (finding,) = read_answer(told, "table.csv", hashlib.sha256(TABLE).hexdigest(), {"csv"}).findings
    assert finding.location == "a[U+0000]b[U+D800]c[U+202E]d"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("timeout", "SCAN.TIMEOUT"),
        ("memory", "SCAN.MEMORY"),
        ("crashed", "SCAN.CRASHED"),
        ("output_limit", "SCAN.CRASHED"),
    ],
)
def test_every_other_end_of_a_scan_is_a_block(spool: Spool, reason: str, code: str) -> None:
    result = judged(spool, lambda job: leave(spool, job, Parcel({"reason": reason}, b"").packed()))
    assert (codes(result), result.blocked) == ({code}, True)


def _linked(spool: Spool, job: str) -> None:
    """A link to what only the dispatcher may read."""
    secret = spool.folder / "secret"
    secret.write_bytes(Parcel({"reason": "done"}, json.dumps(whole()).encode()).packed())
    (spool.folder / ANSWERS / job).unlink(missing_ok=True)
    (spool.folder / ANSWERS / job).symlink_to(secret)


def _piped(spool: Spool, job: str) -> None:
    if not (spool.folder / ANSWERS / job).exists():
        os.mkfifo(spool.folder / ANSWERS / job)


def _foldered(spool: Spool, job: str) -> None:
    (spool.folder / ANSWERS / job).mkdir(exist_ok=True)


@pytest.mark.parametrize("strange", [_linked, _piped, _foldered])
def test_an_answer_that_is_no_plain_file_is_none(spool: Spool, strange: Callable[[Spool, str], None]) -> None:
    with pytest.raises(TidegateError) as raised:
        judged(spool, lambda job: strange(spool, job))
    assert raised.value.code == "spool_invalid"


@pytest.mark.parametrize(
    "content", [b"", b"x", b"{}", b"[]\n", b'{"reason":"fine"}\n', b'{"reason":"done","x":1}\n', b"[" * 70_000]
)
def test_an_answer_without_a_true_first_line_is_none(spool: Spool, content: bytes) -> None:
    with pytest.raises(TidegateError) as raised:
        judged(spool, lambda job: leave(spool, job, content))
    assert raised.value.code == "spool_invalid"


def test_larger_than_may_be_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * 11)
    with pytest.raises(SpoolError):
        read_bounded(tmp_path / "x", 10)
    assert read_bounded(tmp_path / "x", 11) == b"x" * 11
    assert read_bounded(tmp_path / "none", 10) is None


def test_without_a_scan_worker_nothing_is_decided(tmp_path: Path) -> None:
    spool = Spool(tmp_path, wait_seconds=0.2)
    spool.prepare(0.0)
    with pytest.raises(TidegateError) as raised:
        spooled(spool)[0](TABLE, "table.csv", PACK, project())
    assert raised.value.code == "scanner_down"
    assert not any((tmp_path / JOBS).iterdir())


@pytest.mark.parametrize("told", [b"", b"[1,1]\nab", b"[8,8]\n" + b"x" * 16, b"[0,8]\n" + b"\x89PNG\r\n\x1a\n"])
def test_a_redrawn_picture_that_is_none_does_not_leave(spool: Spool, told: bytes) -> None:
    def once() -> None:
        for job in list((spool.folder / JOBS).glob("[0-9a-f]*")):
            leave(spool, job.name, Parcel({"reason": "done"}, told).packed())

    with working(spool, once) as (_judge, redraw):
        assert redraw(selftest.picture("PNG")) is None


# The worker's side.


def test_the_worker_answers_each_job_once_and_says_it_is_alive(spool: Spool) -> None:
    works = {"echo": Work(lambda job: job.body[::-1], lambda _job: LIMITS)}
    worker = ScanWorker(spool.folder, works)
    write_whole(spool.folder / JOBS, "a" * 64, Parcel({"task": "echo"}, b"abc").packed())
    assert (worker.once(), worker.once()) == (1, 0)
    answer = Parcel.unpacked((spool.folder / ANSWERS / ("a" * 64)).read_bytes())
    assert (answer.facts, answer.body) == ({"reason": "done"}, b"cba")


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b'{"task":"fly"}\n', b'{"task":"scan"}\nx', b'{"task":"scan","limits":7}\n']
)
def test_a_job_that_makes_no_sense_is_answered_as_crashed(spool: Spool, content: bytes) -> None:
    write_whole(spool.folder / JOBS, "b" * 64, content)
    assert ScanWorker(spool.folder, scanner.works()).once() == 1
    assert Parcel.unpacked((spool.folder / ANSWERS / ("b" * 64)).read_bytes()).facts == {"reason": "crashed"}


def test_a_file_that_ended_its_worker_twice_is_a_block_and_holds_nobody_up(spool: Spool) -> None:
    class EndedError(BaseException):
        """As when the kernel ends the whole pod for its memory."""

    def end(_job: Parcel) -> cell.CellLimits:
        raise EndedError

    job = Parcel({"task": "scan"}, b"").packed()
    for name in ("c" * 64, "d" * 64):
        write_whole(spool.folder / JOBS, name, job)
        os.utime(spool.folder / JOBS / name, (ord(name[0]), ord(name[0])))
    killer = {"scan": Work(lambda job: job.body, end)}
    for _ in range(2):
        with pytest.raises(EndedError):
            ScanWorker(spool.folder, killer).once()
    good = {"scan": Work(lambda _job: b"fine", lambda _job: LIMITS)}
    assert ScanWorker(spool.folder, good).once() == 2
    reasons = {n: Parcel.unpacked((spool.folder / ANSWERS / (n * 64)).read_bytes()).facts["reason"] for n in "cd"}
    assert reasons == {"c": "crashed", "d": "done"}
    assert not list((spool.folder / ANSWERS).glob(f"*{BEGUN}"))


def test_what_nobody_fetched_is_let_go_by_and_by(spool: Spool) -> None:
    leave(spool, "e" * 64, b"old")
    os.utime(spool.folder / ANSWERS / ("e" * 64), (1, 1))
    leave(spool, "f" * 64, b"new")
    ScanWorker(spool.folder, {}).once()
    assert not (spool.folder / ANSWERS / ("e" * 64)).exists()
    assert (spool.folder / ANSWERS / ("f" * 64)).exists()


# Cells.


def test_a_cell_gives_back_what_a_task_computed() -> None:
    assert cell.run(lambda: b"x" * 70_000, LIMITS) == cell.Told("done", b"x" * 70_000)
    assert cell.run(lambda: b"", LIMITS) == cell.Told("done", b"")


PROBES: dict[str, Callable[[], object]] = {
    "open": lambda: Path(__file__).read_bytes(),
    "write": lambda: Path("/tmp/from-a-cell").write_bytes(b"x"),
    "list": lambda: list(Path("/").iterdir()),
    "inet": socket.socket,
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "fork": os.fork,
    "exec": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
    "kill": lambda: os.kill(os.getppid(), 0),
    "environ of its parent": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "its own limits": lambda: __import__("resource").setrlimit(9, (-1, -1)),
}


@pytest.mark.enable_socket
@pytest.mark.parametrize("what", PROBES)
def test_a_cell_reaches_nothing(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each probe comes back when the filter and the limits are left out, so the probes work."""

    def probe() -> bytes:
        PROBES[what]()
        return b"reached"

    assert cell.run(probe, LIMITS).reason == "crashed"
    monkeypatch.setattr(cell, "_limit", lambda *_: None)
    assert cell.run(probe, LIMITS).reason == "crashed"
    if what in {"exec", "its own limits"}:
        return
    monkeypatch.setattr(cell, "_shut", lambda: None)
    assert cell.run(probe, LIMITS).output.startswith(b"reached")


@pytest.mark.enable_socket
def test_the_worker_takes_itself_out_of_service_when_its_cells_do_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    works = scanner.works()
    selftest.check_cells(works)
    monkeypatch.setattr(cell, "_shut", lambda: None)
    with pytest.raises(TidegateError) as raised:
        selftest.check_cells(works)
    assert raised.value.code == "scanner_unfit"
    assert "a process was started" in raised.value.sentence


def test_the_worker_takes_itself_out_of_service_when_a_check_finds_nothing() -> None:
    blind = json.dumps(whole(kind="csv")).encode()
    works = {**scanner.works(), "scan": Work(lambda _job: blind, scanner.works()["scan"].limits)}
    with pytest.raises(TidegateError) as raised:
        selftest.check_cells(works)
    assert "image.csv" in raised.value.sentence


def test_scan_and_drawing_in_cells_give_what_the_sandbox_gives(spool: Spool) -> None:
    selftest.check_cells(scanner.works())
    worker = ScanWorker(spool.folder, scanner.works())
    with working(spool, worker.once) as (judge, redraw):
        assert codes(judge(TABLE, "table.csv", PACK, project())) == set()
        assert "DICOM.EMBEDDED" in codes(judge(selftest.image(), "table.csv", PACK, project()))
        drawn = redraw(selftest.picture("JPEG"))
        assert redraw(b"\x89PNG\r\n\x1a\n broken") is None
    assert drawn is not None
    assert io.BytesIO(drawn.copy).read(3) == b"\xff\xd8\xff"
