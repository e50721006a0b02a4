"""Passwords of the test cluster: random, made once for each run, one file each under `run/secrets`, for root only."""

import os
import secrets
from pathlib import Path

from cluster.places import RUN

FOLDER = RUN / "secrets"


def secret(name: str) -> str:
    """The secret of that name, made on first use."""
    place = secret_file(name)
    if not place.exists():
        write_secret(name, secrets.token_urlsafe(24))
    return place.read_text(encoding="utf-8")


def secret_file(name: str) -> Path:
    return FOLDER / name


def write_secret(name: str, text: str) -> Path:
    place = secret_file(name)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return place
