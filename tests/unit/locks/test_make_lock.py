"""`make lock` resolves everything that is installed by hash, so that nothing grows old unseen."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
# One wheel whose own word on Python versions is too narrow: pinned by hand, with its hash.
BY_HAND = {"requirements/opa.txt"}


def tracked(pattern: str) -> set[str]:
    said = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(said.stdout.split())


def test_every_list_is_locked_and_every_lock_is_made() -> None:
    rows = re.findall(r"\$\(COMPILE\) (\S+)(?: --extra \S+)? -o (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert {source for source, _ in rows} == tracked("*requirements*.in") | {"pyproject.toml"}
    assert {lock for _, lock in rows} | BY_HAND == tracked("*requirements*.txt")
