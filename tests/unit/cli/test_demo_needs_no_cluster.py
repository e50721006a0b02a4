"""What runs on one machine imports nothing that only a cluster needs: `make demo` does not install it."""

import subprocess
import sys

import pytest

ONLY_ON_A_CLUSTER = ("kubernetes", "kopf", "kubespawner", "minio", "psycopg", "opa_client")
ENTRIES = (
    "tidegate.cli.main",
    "tidegate.embedded.up",
    "tidegate.demo.run",
    "tidegate.store",
    "provisioner.bootstrap",
    "workspace.hub.wiring",
    "egress_review.bootstrap.framework",
    "egress_review.bootstrap.worker",
)


@pytest.mark.parametrize("entry", ENTRIES)
def test_one_machine_needs_nothing_of_a_cluster(entry: str) -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({ONLY_ON_A_CLUSTER!r})); import {entry}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-600:]
