"""Archives are opened to the fourth level, and what would make opening them unsafe blocks."""

import io
import stat
import zipfile

import pytest

import checks_kit as kit
from egress_review.checks.limits import ScanLimits


def archive(name: str, data: bytes = b"x", mode: int = 0o644) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as box:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        box.writestr(entry, data)
    return out.getvalue()


@pytest.mark.parametrize("name", ["../a.csv", "/a.csv", "a/../../b.csv", "..\\a.csv", "c:/a.csv"])
def test_a_path_that_leaves_the_archive_blocks(name: str) -> None:
    assert "BOX.UNSAFE_PATH" in kit.look("t.zip", archive(name))


def test_a_link_blocks() -> None:
    assert "BOX.UNSAFE_PATH" in kit.look("t.zip", archive("a.csv", b"/etc/passwd", stat.S_IFLNK | 0o777))


def test_an_encrypted_entry_blocks() -> None:
    data = bytearray(archive("a.csv"))
    data[6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    assert "BOX.ENCRYPTED" in kit.look("t.zip", bytes(data))


def nested(levels: int) -> bytes:
    data = kit.zipped(a__csv=kit.TABLE)
    for _ in range(levels):
        data = kit.zipped(a__zip=data)
    return data


def test_nesting_has_a_limit() -> None:
    """The table lies at depth four at the most."""
    assert kit.look("t.zip", nested(3)) == set()
    assert "BOX.DEPTH" in kit.look("t.zip", nested(4))


def test_what_unpacks_without_measure_blocks_and_is_not_unpacked() -> None:
    zeros = bytes(64 * 1024 * 1024)
    assert "BOX.BOMB" in kit.look("t.zip", kit.zipped(a__csv=zeros))
    assert "BOX.BOMB" in kit.look("t.csv.gz", kit.gz(zeros))


def test_unpacked_bytes_and_members_count_over_the_whole_file() -> None:
    three = kit.zipped(a__csv=kit.TABLE, b__csv=kit.TABLE, c__csv=kit.TABLE)
    assert "BOX.BOMB" in kit.look("t.zip", three, limits=ScanLimits(members=2))
    assert "BOX.BOMB" in kit.look("t.zip", three, limits=ScanLimits(unpacked_bytes=100))


def test_a_picture_that_claims_to_be_huge_is_not_unpacked() -> None:
    header = kit.png(size=(8, 8))
    huge = header.replace(header[8:33], kit.chunk(b"IHDR", b"\x7f\xff\xff\xff" * 2 + b"\x08\x00\x00\x00\x00"))
    assert "BOX.BOMB" in kit.look("f.png", huge)


def test_a_streamed_archive_is_accounted_for() -> None:
    """Writers that cannot seek put sizes after the content; that is no gap."""

    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    out = Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("a.csv", kit.TABLE)
        box.writestr("b.csv", kit.TABLE)
    assert kit.look("t.zip", out.getvalue()) == set()
