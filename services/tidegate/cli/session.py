"""What most commands share: the state folder, the store in it, and who is acting."""

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tidegate.identity import Attempts, check_password
from tidegate.model import ExitCode, PersonRef, TidegateError, utc_now
from tidegate.store import SqliteStore

StateOption = Annotated[
    Path,
    typer.Option("--state", envvar="TIDEGATE_STATE", help="Folder in which Tidegate keeps everything."),
]
AsOption = Annotated[str | None, typer.Option("--as", help="Account of the officer who is acting.")]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option("--password-file", help="File with the password; '-' reads one line from stdin. Default: ask."),
]
DEFAULT_STATE = Path("tidegate-state")


def open_store(state: Path, chain: str = "governance", *, create: bool = False) -> SqliteStore:
    """The store of a state folder.

    Raises:
        TidegateError: ``state_missing`` where there is none and `create` is false.
    """
    path = state / "tidegate.db"
    if not path.exists() and not create:
        raise TidegateError(
            "state_missing",
            f"There is no Tidegate in {state}.",
            "Start one with `tidegate up`, or name its folder with --state.",
            ExitCode.NOT_FOUND,
        )
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqliteStore(path, chain)


def who_acts(store: SqliteStore, name: str | None, password_file: Path | None) -> PersonRef | None:
    """The person named with --as, once their password is right; None where nobody was named."""
    if name is None:
        return None
    return check_password(store, Attempts(), name, read_password(password_file, f"Password of {name}: "), utc_now())


def read_password(source: Path | None, prompt: str) -> str:
    """A password from a file, from stdin or from the terminal; never from an argument, which others can see."""
    if source is None:
        return getpass.getpass(prompt) if sys.stdin.isatty() else _first_line(sys.stdin.readline())
    if source == Path("-"):
        return _first_line(sys.stdin.readline())
    try:
        return _first_line(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise TidegateError(
            "password_file_unreadable", f"The password file {source} cannot be read: {os.strerror(error.errno or 0)}."
        ) from error


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0].rstrip("\r")
