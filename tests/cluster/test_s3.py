"""The world's object store passes the suite any S3 can be run against; a server of the suite's own is killed in it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.objects import key_of, place
from cluster.places import REPOSITORY
from seaweed_kit import ADMIN
from tidegate.objects.purposes import PURPOSES

SUITE = REPOSITORY / "tests" / "conformance"


def conformance(*arguments: str) -> None:
    """The suite as an operator runs it; its own words where it fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("cluster")
def test_the_store_of_the_site_conforms(tmp_path: Path) -> None:
    keys = {purpose: (key_of(purpose).access, key_of(purpose).secret) for purpose in (*PURPOSES, ADMIN)}
    file = tmp_path / "keys.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(keys))
    conformance(str(SUITE), f"--s3-endpoint={place().endpoint}", f"--s3-region={place().region}", f"--s3-keys={file}")


@pytest.mark.timeout(600)
def test_a_store_that_is_killed_loses_nothing() -> None:
    conformance(str(SUITE / "test_s3_restart.py"))
