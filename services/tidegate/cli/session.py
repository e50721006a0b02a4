"""What most commands share: which Tidegate is meant, its store, and who is acting.

A state folder on this machine, or a cluster: named by `--kubeconfig` or `--context`, or the one this pod runs in.
"""

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tidegate.identity import Attempts, check_password
from tidegate.model import ExitCode, PersonRef, TidegateError, utc_now
from tidegate.store import SqliteStore, Store

StateOption = Annotated[
    Path,
    typer.Option("--state", envvar="TIDEGATE_STATE", help="Folder in which Tidegate keeps everything."),
]
AsOption = Annotated[str | None, typer.Option("--as", help="Account of the officer who is acting.")]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option("--password-file", help="File with the password; '-' reads one line from stdin. Default: ask."),
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option("--kubeconfig", help="Work on a cluster: the file that names it.", rich_help_panel="Cluster"),
]
ContextOption = Annotated[
    str | None,
    typer.Option("--context", help="Work on a cluster: a context of the kubeconfig.", rich_help_panel="Cluster"),
]
SecretsOption = Annotated[
    Path,
    typer.Option(
        "--secrets",
        envvar="TIDEGATE_SECRETS",
        help="On a cluster: folder with `database-url`, the address of the ledger for governance.",
        rich_help_panel="Cluster",
    ),
]
DEFAULT_STATE = Path("tidegate-state")
DEFAULT_SECRETS = Path("/run/secrets/tidegate")


@dataclass(frozen=True)
class Place:
    """Which Tidegate a command speaks to."""

    state: Path = DEFAULT_STATE
    kubeconfig: Path | None = None
    context: str | None = None
    secrets: Path = DEFAULT_SECRETS

    @property
    def is_cluster(self) -> bool:
        """Inside a pod of ours the chart says so."""
        return bool(self.kubeconfig or self.context or os.environ.get("TIDEGATE_MODE") == "kubernetes")


def open_store(place: Place, *, create: bool = False, writes_as: str = "") -> Store:
    """The store of a place, with governance's chain of the ledger.

    `writes_as` is who the API server of a cluster sees as the writer; whoever runs the command must have the right to
    impersonate them. A state folder needs nobody's leave.

    Raises:
        TidegateError: ``state_missing`` where there is no such folder and `create` is false; on a cluster
            ``cluster_unconfigured`` or ``database_url_missing``.
    """
    if place.is_cluster:
        from tidegate.cli import clusters  # noqa: PLC0415 - its libraries are there only where a cluster is spoken to

        return clusters.open_store(place.kubeconfig, place.context, place.secrets, writes_as)
    return _of_folder(place.state, create=create)


def _of_folder(state: Path, *, create: bool) -> SqliteStore:
    path = state / "tidegate.db"
    if not path.exists() and not create:
        raise TidegateError(
            "state_missing",
            f"There is no Tidegate in {state}.",
            "Start one with `tidegate up`, or name its folder with --state.",
            ExitCode.NOT_FOUND,
        )
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqliteStore(path, "governance")


def who_acts(store: Store, name: str | None, password_file: Path | None) -> PersonRef | None:
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
