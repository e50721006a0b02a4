"""What is to be pulled, a line a file, and the rules for names that come from a server.

The cohort pipeline asks a source for a Plan, shows its counts to the person who waits, and hands it back to be
pulled. Everything in it came over the wire, so nothing in it is trusted: names are data, checked before any use.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tidegate.model import TidegateError, digest_of

MD5: Final = re.compile(r"[0-9a-f]{32}")
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ ()+-]{0,127}")
LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One file: where it lies, what the server says of it, and whose it is."""

    uri: str
    name: str
    size: int
    md5: str
    subject: str
    experiment: str
    scan: str
    resource: str
    dataset: str
    owner_project: str

    @property
    def view_path(self) -> str:
        """Where the file goes in the read-only view, below the project's folder."""
        return f"experiments/{self.experiment}/SCANS/{self.scan}/{self.name}"

    @property
    def label(self) -> str:
        """How messages name the file to a person."""
        return f"{self.experiment}, scan {self.scan}, {self.name}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something the server holds that the plan does not take: where, why (a stable code), and how many files."""

    where: str
    code: str
    files: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    server: str
    dataset: str
    lines: tuple[PlanLine, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def total_bytes(self) -> int:
        return sum(line.size for line in self.lines)

    def digest(self) -> str:
        """Two listings of an unchanged project give the same digest, whatever the server's address."""
        return digest_of([[line.view_path, line.size, line.md5, line.owner_project] for line in self.lines])


def check_identifier(value: str, what: str) -> str:
    """An identifier of the server's that becomes part of an address or a folder's name.

    Raises:
        TidegateError: ``NAME_UNSAFE`` for a path, a wildcard, a control character or an empty text.
    """
    if not IDENTIFIER.fullmatch(value) or value.endswith((".", " ")):
        raise _unsafe(what, value)
    return value


def check_file_name(value: str, where: str) -> str:
    """A file's name: one folder entry, never a path.

    Raises:
        TidegateError: ``NAME_UNSAFE``.
    """
    unsafe = value in {"", ".", ".."} or any(sign in value for sign in "/\\\0") or not value.isprintable()
    if unsafe or len(value.encode(errors="replace")) > LONGEST_NAME:
        raise _unsafe(f"a file of {where}", value)
    return value


def check_no_two_alike(lines: Iterable[PlanLine]) -> None:
    """No two files may meet at one path, not even where the file system ignores case.

    Raises:
        TidegateError: ``NAME_TWICE``.
    """
    seen: dict[str, PlanLine] = {}
    for line in lines:
        other = seen.setdefault(line.view_path.casefold(), line)
        if other is not line:
            raise TidegateError(
                "NAME_TWICE",
                f"XNAT lists two files that would have the same name here: {other.label} and {line.label}.",
                "Ask the custodian to rename one of them; nothing was pulled.",
            )


def _unsafe(what: str, value: str) -> TidegateError:
    shown = ascii(value[:60])
    return TidegateError(
        "NAME_UNSAFE",
        f"XNAT gives {what} the name {shown}, which could lead outside its folder or match other things.",
        "Ask the custodian to rename it; nothing was pulled.",
    )
