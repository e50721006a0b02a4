"""What a person reads when XNAT or the disk fails us: a sentence and what to do, for each stable code."""

import errno
from collections.abc import Mapping
from typing import Final

from provisioner.domain.transfer import Code
from tidegate.model import TidegateError

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

WORDS: Final[Mapping[Code, tuple[str, str]]] = {
    Code.DIGEST_MISSING: (
        "XNAT at {server} has no MD5 digest for {what}, so the copy could not be verified.",
        "Ask the custodian to refresh the XNAT catalogue with checksums, then pull again.",
    ),
    Code.DIGEST_WRONG: (
        "The bytes XNAT at {server} sends for {what} do not match the MD5 digest in its catalogue.",
        "Ask the custodian to refresh the catalogue or restore the file, then pull again.",
    ),
    Code.LENGTH_WRONG: (
        "XNAT at {server} sends {what} with a length other than its catalogue says, or cut short, time and again.",
        "Try again later; if it stays so, ask the custodian to check the file.",
    ),
    Code.NOT_DICOM: (
        "What XNAT at {server} holds as {what} is not a DICOM file.",
        "It stays out of the cohort.",
    ),
    Code.XNAT_ANSWERED_HTML: (
        "XNAT at {server} answers with a web page instead of {what}, even after a new login.",
        "Check that the address is XNAT's own and not a login portal, and that the account works in a browser.",
    ),
    Code.XNAT_LOGIN_REFUSED: (
        "XNAT at {server} refuses the user name or password of the account that pulls cohorts.",
        "Correct the stored user and password for this server; the pull goes on where it stopped.",
    ),
    Code.XNAT_REFUSED: (
        "XNAT at {server} does not let the account that pulls cohorts read {what}, or has no such thing.",
        "Check the XNAT project's name, and that the account may read it.",
    ),
    Code.XNAT_UNREACHABLE: (
        "XNAT at {server} cannot be reached, or gave up while sending {what}, time and again.",
        "Check that it runs and can be reached from here; the pull goes on where it stopped.",
    ),
    Code.XNAT_ANSWER_UNREADABLE: (
        "XNAT at {server} answers {what} in a form that cannot be understood.",
        "Check that the address is an XNAT of version 1.8 or later.",
    ),
    Code.DISK_FULL: (
        "The disk has no room for {what}.",
        "Make room; the pull goes on where it stopped, and what was pulled is kept.",
    ),
    Code.STORE_FAILED: (
        "{what} could not be written to disk.",
        "Check the disk and the folder's permissions; the pull goes on where it stopped.",
    ),
}


def failure(code: Code, server: str, what: str) -> TidegateError:
    """The error for `code`. `what` names a listing or a file by its label; it never holds a value from a file."""
    sentence, fix = WORDS[code]
    return TidegateError(code, sentence.format(server=server, what=what), fix)


def storage_failure(error: OSError, what: str) -> TidegateError:
    """The error for a write that failed."""
    return failure(Code.DISK_FULL if error.errno in FULL else Code.STORE_FAILED, "", what)
