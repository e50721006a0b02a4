"""What the walk needs before anybody acts: the sample XNAT running, its login on file, the accounts, the objects."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import tidegate
from tidegate.embedded.state import DEMO_LOGINS
from tidegate.embedded.up import die_with_parent
from tidegate.identity import add_account
from tidegate.ledger import Actor
from tidegate.model import TidegateError, utc_now
from tidegate.store import SqliteStore

SAMPLES: Final = Path(tidegate.__file__).resolve().parents[2] / "samples" / "demo"
# The address the sample data set names; the demo writes its own in its place.
SAMPLE_ADDRESS: Final = "http://127.0.0.1:8104"
XNAT_USER: Final = "tidegate-loader"
START_SECONDS: Final = 60
# Everybody may know these: they open made-up accounts on this machine only, and `up` refuses them elsewhere.
PEOPLE: Final = {
    "gwen": "Gwen, governance officer",
    "olga": "Olga, operator",
    "rosa": "Rosa, researcher and lead",
    "ravi": "Ravi, researcher",
    "chidi": "Chidi, output checker",
    "cleo": "Cleo, output checker",
}


def password_of(name: str) -> str:
    return f"{name}-demo-password"


def make_accounts(state: Path) -> None:
    """The demo's people, once."""
    store = SqliteStore(state / "tidegate.db", "governance")
    _write(state / DEMO_LOGINS, json.dumps({name: password_of(name) for name in PEOPLE}, indent=2))
    for name, display in PEOPLE.items():
        _write(state / "secrets" / f"password-{name}", password_of(name))
        if store.account(name) is None:
            add_account(store, name, display, password_of(name), Actor.service("demo"), utc_now())


def write_objects(state: Path, xnat: str) -> Path:
    """Copies of the sample objects that name this machine's sample XNAT."""
    folder = state / "objects"
    folder.mkdir(exist_ok=True)
    for source in sorted(SAMPLES.glob("*.yaml")):
        text = source.read_text(encoding="utf-8").replace(SAMPLE_ADDRESS, xnat)
        (folder / source.name).write_text(text, encoding="utf-8")
    return folder


@contextlib.contextmanager
def sample_xnat(state: Path, port: int) -> Iterator[str]:
    """The sample XNAT as a process of its own, ended with the walk. Yields its address."""
    password = state / "secrets" / "sample-xnat-password"
    if not password.exists():
        _write(password, secrets.token_urlsafe(24))
    announce = state / "run" / "sample-xnat"
    announce.unlink(missing_ok=True)
    with (state / "logs" / "sample-xnat.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sample_xnat",
                "--port",
                str(port),
                "--user",
                XNAT_USER,
                "--password-file",
                str(password),
                "--announce",
                str(announce),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no other thread exists yet
        )
    try:
        url = _announced(process, announce, state / "logs" / "sample-xnat.log")
        _write_login(state, url, password.read_text(encoding="utf-8"))
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _announced(process: "subprocess.Popen[bytes]", announce: Path, log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if announce.exists():
            return announce.read_text(encoding="utf-8").strip()
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise TidegateError(
        "sample_xnat_failed", f"The sample XNAT did not start: {said[-1] if said else 'no reason given'}"
    )


def _write_login(state: Path, url: str, password: str) -> None:
    host = url.removeprefix("http://").split(":")[0]
    _write(state / "secrets" / f"xnat-{host}.json", json.dumps({"user": XNAT_USER, "password": password}))


def _write(path: Path, text: str) -> None:
    """For the owner only, and whole."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
