"""Every code a scan can give: its kind, how grave it is, and what the two people read. A table: docs come from it."""

from dataclasses import dataclass
from typing import Final

from egress_review.checks.finding import Finding, Severity, masked


@dataclass(frozen=True)
class Row:
    kind: str
    severity: Severity
    researcher: str
    checker: str


CODES: Final[dict[str, Row]] = {
    "TYPE.NOT_PERMITTED": Row(
        "unsupported_type",
        "block",
        "This is not a type of file the project may release. Save the result as a table, text or picture.",
        "The content is none of the types of file that may leave.",
    ),
    "TYPE.MISMATCH": Row(
        "type_mismatch",
        "block",
        "The content is not what the name says. Give the file the ending of its true type.",
        "The name promises one type and the content is another.",
    ),
    "REST.UNPARSED": Row(
        "unparsed_remainder",
        "block",
        "Part of this file could not be read. Save it again with an ordinary program.",
        "Bytes nobody could account for; what was not parsed is never clean.",
    ),
    "REST.TRAILING": Row(
        "trailing_data",
        "block",
        "Something follows the end of this file's content. Save it again with an ordinary program.",
        "Bytes after the end of the format.",
    ),
    "SIZE.FILE": Row(
        "oversize",
        "block",
        "The file is larger than the project may release. Release a summary.",
        "The file is over the project's size limit.",
    ),
    "SIZE.ROWS": Row(
        "oversize",
        "flag",
        "The table has more rows than usual for a result. Say in the request why it needs them.",
        "A table this long is more often data than a result.",
    ),
    "BOX.DEPTH": Row(
        "bomb",
        "block",
        "Archives are packed inside archives too deeply. Pack the files once.",
        "Deeper nesting than a scan follows.",
    ),
    "BOX.BOMB": Row(
        "bomb",
        "block",
        "The archive unpacks to more than a scan takes on. Release its files by themselves.",
        "Unpacked size, member count or ratio over the limit.",
    ),
    "BOX.ENCRYPTED": Row(
        "encrypted",
        "block",
        "The archive is encrypted. Pack it without a password.",
        "Content that cannot be read without a key.",
    ),
    "BOX.UNSAFE_PATH": Row(
        "unsafe_path",
        "block",
        "The archive holds a link or a name that points outside it. Pack plain files.",
        "A path with a root, a parent step, or a link.",
    ),
    "HIDE.ENCODED": Row(
        "encoded_payload",
        "block",
        "The text holds a long encoded block. Take it out, or release what it holds as a file.",
        "A long run of encoded data in text.",
    ),
    "HIDE.METADATA": Row(
        "metadata",
        "flag",
        "The picture carries metadata. Save it without.",
        "Metadata beside the picture's samples; its text was searched.",
    ),
    "DICOM.EMBEDDED": Row(
        "dicom",
        "block",
        "This file is or holds a DICOM object. Images of the cohort stay inside.",
        "A run of DICOM elements that parses as a data set.",
    ),
    "ID.COHORT": Row(
        "cohort_id",
        "block",
        "The file names a person, study, series, image or file of the cohort. Take identifiers out.",
        "A token equal to an identifier in the project's cohort pack.",
    ),
    "ID.COHORT_FILE": Row(
        "cohort_image",
        "block",
        "This is a file of the cohort, byte for byte. Cohort files stay inside.",
        "SHA-256 equal to that of a cohort file.",
    ),
    "SCAN.CRASHED": Row(
        "check_failed",
        "block",
        "The check of this file failed. Save the file again; if it lasts, tell the operator.",
        "The scanner stopped without an answer; the file counts as not read.",
    ),
    "SCAN.TIMEOUT": Row(
        "check_failed",
        "block",
        "The check of this file took too long. Release something smaller or simpler.",
        "The scanner did not end in time; the file counts as not read.",
    ),
    "SCAN.MEMORY": Row(
        "check_failed",
        "block",
        "The check of this file needed too much memory. Release something smaller or simpler.",
        "The scanner met its memory limit; the file counts as not read.",
    ),
    "SCAN.MORE": Row(
        "check_failed",
        "block",
        "There are more findings than are listed. Correct these and ask again.",
        "The list of findings was cut.",
    ),
}


def found(code: str, location: str, value: str = "") -> Finding:
    """A finding of this code. `value` is masked here, so that no caller can forget."""
    row = CODES[code]
    return Finding(code, row.kind, row.severity, location, masked(value), row.researcher, row.checker)
