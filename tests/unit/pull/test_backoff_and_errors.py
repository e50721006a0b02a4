"""How often we ask again, how long we wait, and that every failure has words."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.adapters.xnat.backoff import Backoff
from provisioner.adapters.xnat.failures import failure, storage_failure
from provisioner.adapters.xnat.listing import Credentials
from provisioner.domain.transfer import Code


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_sentence_and_what_to_do(code: Code) -> None:
    error = failure(code, "http://xnat.example", "visit-001, scan 1, a.dcm")
    assert error.code == code
    assert error.sentence.endswith(".")
    assert error.fix.endswith(".")
    assert "{" not in error.sentence


@given(st.integers(1, 60), st.floats(0, 1))
def test_a_wait_is_never_longer_than_the_longest_nor_shorter_than_half_its_span(failed: int, chance: float) -> None:
    waits: list[float] = []
    Backoff(first=0.5, longest=30, sleep=waits.append, chance=lambda: chance).wait(failed)
    span = min(30, 0.5 * 2 ** (failed - 1))
    assert span / 2 <= waits[0] <= span


def test_waits_grow() -> None:
    waits: list[float] = []
    backoff = Backoff(sleep=waits.append, chance=lambda: 1.0)
    for failed in range(1, 5):
        backoff.wait(failed)
    assert waits == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("code", "failed", "again"),
    [
        (Code.XNAT_UNREACHABLE, 4, True),
        (Code.XNAT_UNREACHABLE, 5, False),
        (Code.DIGEST_WRONG, 1, True),
        (Code.DIGEST_WRONG, 2, False),
        (Code.XNAT_REFUSED, 1, False),
    ],
)
def test_what_is_worth_asking_again(code: Code, failed: int, again: bool) -> None:  # noqa: FBT001
    assert Backoff().may_retry(code, failed) is again


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, Code.DISK_FULL),
        (errno.EDQUOT, Code.DISK_FULL),
        (errno.EFBIG, Code.DISK_FULL),
        (errno.EACCES, Code.STORE_FAILED),
        (errno.EXDEV, Code.STORE_FAILED),
    ],
)
def test_a_full_disk_is_told_from_a_broken_one(number: int, code: Code) -> None:
    assert storage_failure(OSError(number, "x"), "a file").code == code


def test_a_password_does_not_show_when_credentials_are_printed() -> None:
    assert "secret" not in repr(Credentials("user", "secret"))
