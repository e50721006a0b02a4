"""What servers and networks do to a pull: it heals what passes, and stops with a code at what stays."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.adapters.xnat.backoff import Backoff
from provisioner.adapters.xnat.listing import Credentials, Ticket, XnatConnection
from provisioner.adapters.xnat.transfer import Transfer, client_for
from provisioner.domain.transfer import Code, PullProgress
from sample_xnat.faults import FaultKind
from sample_xnat.server import SampleXnat
from tidegate.model import TidegateError
from xnat_child import at
from xnat_kit import (
    ACCOUNT,
    PASSWORD,
    USER,
    blobs,
    dicom_bytes,
    journal_lines,
    plan_of,
    pull,
    some_files,
    source,
    tree_of,
)

FILES = some_files(6)
WHOLE = {hashlib.sha256(data).hexdigest(): data for data in FILES.values()}
ONE = r"/files/image-003"
BACKOFF = Backoff(sleep=lambda _seconds: None)

STAYS = [
    (FaultKind.HTML_LOGIN_PAGE, Code.XNAT_ANSWERED_HTML),
    (FaultKind.TRUNCATED_BODY, Code.LENGTH_WRONG),
    (FaultKind.FLIPPED_BYTE, Code.DIGEST_WRONG),
    (FaultKind.UNAUTHORISED, Code.XNAT_REFUSED),
    (FaultKind.UNAVAILABLE, Code.XNAT_UNREACHABLE),
    (FaultKind.DROPPED, Code.XNAT_UNREACHABLE),
    (FaultKind.STALLED, Code.XNAT_UNREACHABLE),
]


@pytest.fixture
def server() -> Iterator[SampleXnat]:
    with SampleXnat(tree_of(FILES, subjects=2), ACCOUNT) as running:
        yield running


def test_an_unbroken_pull_brings_every_byte_once(server: SampleXnat, tmp_path: Path) -> None:
    seen: list[PullProgress] = []
    result = pull(plan_of(server), tmp_path, progress=seen.append)
    assert blobs(tmp_path) == WHOLE
    assert {f.blob_path.read_bytes() for f in result.files} == set(FILES.values())
    assert not result.refused
    assert len(server.fetched()) == len(journal_lines(tmp_path)) == len(FILES)
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert (seen[-1].done, seen[-1].bytes_done, seen[-1].eta) == (6, 24000, 0.0)


@pytest.mark.parametrize("kind", [kind for kind, _ in STAYS])
def test_a_fault_that_passes_is_healed(server: SampleXnat, tmp_path: Path, kind: FaultKind) -> None:
    """One bad answer in the middle costs one more request for each file it met, and nothing else."""
    plan = plan_of(server)
    server.faults.add(ONE, kind, times=1)
    pull(plan, tmp_path, source(read_seconds=0.5))
    assert blobs(tmp_path) == WHOLE
    # A login renewed for one file ends the old one under the two others in flight, which ask once more.
    renewed = kind in {FaultKind.UNAUTHORISED, FaultKind.HTML_LOGIN_PAGE}
    assert len(server.fetched()) <= len(FILES) + (3 if renewed else 1)


class RenewedByOthers:
    """A login that ends under our feet five times, and others are always the first to renew it."""

    def __init__(self, connection: XnatConnection, stale: Ticket) -> None:
        self._connection, self._stale, self._looks = connection, stale, 0

    def ticket(self) -> Ticket:
        self._looks += 1
        return self._stale if self._looks <= 5 else self._connection.ticket()

    def renew(self, used: Ticket) -> bool:
        assert used == self._stale
        return False


def test_a_file_is_not_blamed_for_logins_that_others_renewed(server: SampleXnat, tmp_path: Path) -> None:
    """It asks again with the new login, however often that happens, and its own tries are not used up."""
    line = plan_of(server).lines[0]
    with XnatConnection(server.url, Credentials(USER, PASSWORD), BACKOFF) as connection:
        stale = connection.ticket()
        connection.renew(stale)
        tickets = RenewedByOthers(connection, stale)
        with client_for(server.url, 1, (5.0, 5.0)) as client:
            transfer = Transfer(server.url, tickets, client, BACKOFF, lambda _: True)
            fetched = transfer.fetch(line, tmp_path / "x.part")
    assert fetched.sha256 in WHOLE


@pytest.mark.parametrize(("kind", "code"), STAYS)
def test_a_fault_that_stays_stops_the_pull_with_its_code(
    server: SampleXnat, tmp_path: Path, kind: FaultKind, code: Code
) -> None:
    """The error names the server and the file, what came is kept, and once the fault is gone the pull goes on."""
    plan = plan_of(server)
    server.faults.add(ONE, kind)
    with pytest.raises(TidegateError) as stopped:
        pull(plan, tmp_path, source(read_seconds=0.3))
    assert stopped.value.code == code
    assert server.url in stopped.value.sentence
    assert "image-003.dcm" in stopped.value.sentence
    assert PASSWORD not in str(stopped.value)
    assert blobs(tmp_path).items() <= WHOLE.items()
    kept, asked = len(journal_lines(tmp_path)), len(server.fetched())
    server.faults.clear()
    pull(plan, tmp_path)
    assert blobs(tmp_path) == WHOLE
    assert len(server.fetched()) == asked + len(FILES) - kept


def test_a_login_that_ends_in_the_middle_is_renewed_once_for_all_workers(server: SampleXnat, tmp_path: Path) -> None:
    plan = plan_of(server)
    before = server.logins.started
    pull(plan, tmp_path, source(step=at("after-rename", 2, server.logins.expire_all)))
    assert blobs(tmp_path) == WHOLE
    assert server.logins.started == before + 2


def test_logins_are_closed_on_the_server(server: SampleXnat, tmp_path: Path) -> None:
    pull(plan_of(server), tmp_path)
    assert server.logins.open_sessions() == 0


@pytest.mark.parametrize(
    ("kind", "code"),
    [(FaultKind.DIGEST_MISSING, Code.DIGEST_MISSING), (FaultKind.DIGEST_WRONG, Code.DIGEST_WRONG)],
)
def test_a_catalogue_without_the_right_digest_refuses(
    server: SampleXnat, tmp_path: Path, kind: FaultKind, code: Code
) -> None:
    """A missing digest is found before anything is fetched; a wrong one when the bytes are here. Neither enters."""
    server.faults.add(ONE, kind)
    with pytest.raises(TidegateError) as stopped:
        pull(plan_of(server), tmp_path)
    assert stopped.value.code == code
    assert "image-003.dcm" in stopped.value.sentence
    assert hashlib.sha256(FILES["image-003.dcm"]).hexdigest() not in blobs(tmp_path)
    if code is Code.DIGEST_MISSING:
        assert server.fetched() == []


def test_a_digest_that_appears_when_asked_again_is_taken(server: SampleXnat) -> None:
    server.faults.add(ONE, FaultKind.DIGEST_MISSING, times=1)
    assert len(plan_of(server).lines) == len(FILES)


def test_a_login_page_in_a_files_place_never_enters_even_with_the_files_length(tmp_path: Path) -> None:
    """The page is as long as the file, so that the length cannot give it away."""
    page = b"<!DOCTYPE html>\n<html>".ljust(500)
    with SampleXnat(tree_of({"a.dcm": dicom_bytes("a", 500)}), ACCOUNT) as server:
        plan = plan_of(server)
    imposter = SampleXnat(tree_of({"a.dcm": page}), ACCOUNT, port=int(server.url.rpartition(":")[2]))
    with imposter, pytest.raises(TidegateError) as stopped:
        pull(plan, tmp_path)
    assert stopped.value.code == Code.XNAT_ANSWERED_HTML
    assert blobs(tmp_path) == {}


def test_a_file_that_is_not_dicom_is_refused_and_counted_and_the_rest_comes(tmp_path: Path) -> None:
    files = FILES | {"notes.txt": b"not an image", "page.html": b"<html>the archive really holds this</html>"}
    with SampleXnat(tree_of(files), ACCOUNT) as server:
        plan = plan_of(server)
        result = pull(plan, tmp_path)
        again = pull(plan, tmp_path)
        assert len(server.fetched()) == len(files)
    assert [(r.line.name, r.code) for r in result.refused] == [
        ("notes.txt", Code.NOT_DICOM),
        ("page.html", Code.NOT_DICOM),
    ]
    assert again == result
    assert blobs(tmp_path) == WHOLE


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.HTML_LOGIN_PAGE, Code.XNAT_ANSWERED_HTML),
        (FaultKind.UNAUTHORISED, Code.XNAT_REFUSED),
        (FaultKind.UNAVAILABLE, Code.XNAT_UNREACHABLE),
        (FaultKind.DROPPED, Code.XNAT_UNREACHABLE),
    ],
)
def test_listings_heal_and_stop_like_files(server: SampleXnat, kind: FaultKind, code: Code) -> None:
    server.faults.add(r"/scans$", kind, times=1)
    assert len(plan_of(server).lines) == len(FILES)
    server.faults.add(r"/scans$", kind)
    with pytest.raises(TidegateError) as stopped:
        plan_of(server)
    assert stopped.value.code == code
    assert server.url in stopped.value.sentence


@pytest.mark.parametrize(("user", "password"), [("puller", "wrong horse"), ("nobody", PASSWORD)])
def test_a_wrong_account_is_tried_once_and_never_shown(
    server: SampleXnat, tmp_path: Path, user: str, password: str
) -> None:
    plan = plan_of(server)
    with pytest.raises(TidegateError) as stopped:
        pull(plan, tmp_path, source(user, password))
    assert stopped.value.code == Code.XNAT_LOGIN_REFUSED
    assert password not in str(stopped.value)
    assert logins(server) == 2, "one for the plan, and one that was refused: a strict server locks the account soon"


def logins(server: SampleXnat) -> int:
    return len([a for a in server.asked if a.path == "/data/services/auth" and a.method == "PUT"])


def test_a_password_changed_in_mid_run_is_tried_once_by_all_workers_together(
    server: SampleXnat, tmp_path: Path
) -> None:
    plan = plan_of(server)

    def changed(name: str) -> None:
        if name == "after-journal" and server.logins.open_sessions():
            server.logins.change_password("another horse")
            server.logins.expire_all()

    before = logins(server)
    with pytest.raises(TidegateError) as stopped:
        pull(plan, tmp_path, source(workers=3, step=changed))
    assert stopped.value.code == Code.XNAT_LOGIN_REFUSED
    assert logins(server) == before + 2


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.UNAVAILABLE, Code.XNAT_UNREACHABLE),
        (FaultKind.DROPPED, Code.XNAT_UNREACHABLE),
        (FaultKind.HTML_LOGIN_PAGE, Code.XNAT_ANSWERED_HTML),
    ],
)
def test_a_server_that_is_ill_at_login_is_not_called_a_wrong_password(
    server: SampleXnat, kind: FaultKind, code: Code
) -> None:
    server.faults.add(r"^/data/(services/)?auth$", kind)
    with pytest.raises(TidegateError) as stopped:
        plan_of(server)
    assert stopped.value.code == code


def test_a_server_that_is_not_there_is_unreachable() -> None:
    server = SampleXnat(tree_of(FILES), ACCOUNT)
    with server:
        pass
    with pytest.raises(TidegateError) as stopped:
        plan_of(server)
    assert stopped.value.code == Code.XNAT_UNREACHABLE
