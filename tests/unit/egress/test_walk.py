"""The whole line once: draft, scan, two blind reviews, approval, release, download, on a real database."""

from egress_kit import World, sha
from egress_review.application.downloads import open_download
from egress_review.domain.status import Status


def test_request_of_one_table_is_released_and_downloaded(office: World) -> None:
    made = office.released()
    assert made.status is Status.RELEASED
    download = open_download(office.ports, made.id, office.by("rosa"), "table.csv", office.clock)
    assert sha(b"".join(download.chunks)) == made.files[0].sha256
