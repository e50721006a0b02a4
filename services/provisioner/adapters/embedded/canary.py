"""Proves, before anything of a project is opened, that a sandbox like its workspaces reaches nothing.

Called by the opening. What the probe prints is not believed alone: the beacons count who came.
"""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provisioner.adapters.embedded import probe
from provisioner.adapters.embedded.beacons import Beacons, lit
from tidegate.model import Project, TidegateError
from tidegate.sandbox import Finished, Limits, SandboxSpec, python_binds, run

PYTHON = "/opt/tidegate/env/bin/python"
LIMITS = Limits(memory_bytes=256 * 1024**2, pids=32, cpus=1.0, tmp_bytes=1024**2)
SECONDS = 20.0
MOST_OUTPUT = 65536


class EmbeddedIsolation:
    """`environment` is a Python environment to run the probe with; it needs nothing but the standard library."""

    def __init__(self, environment: Path, host_id: Callable[[str], int], *, shares_network: bool = False) -> None:
        self._environment = environment
        self._host_id = host_id
        # For the test that takes the lock away; nothing else sets it.
        self._shares_network = shares_network

    def prove(self, project: Project) -> None:
        with lit() as beacons:
            if not beacons.answer():
                raise _unproved("the beacon did not answer outside the sandbox")
            nonce = secrets.token_hex(16)
            question = {"tcp": beacons.tcp, "abstract": beacons.abstract, "nonce": nonce}
            finished = run(
                self._spec(project), stdin=json.dumps(question).encode(), timeout=SECONDS, max_output=MOST_OUTPUT
            )
            check_proof(_answer(finished, nonce), beacons)

    def _spec(self, project: Project) -> SandboxSpec:
        root = os.geteuid() == 0
        return SandboxSpec(
            name=f"canary-{project.name}",
            argv=(PYTHON, "-I", "-S", "-c", Path(probe.__file__).read_text(encoding="utf-8")),
            binds=python_binds(self._environment),
            env={},
            limits=LIMITS,
            uid=self._host_id(f"canary/{project.name}") if root else None,
            gid=self._host_id(f"project/{project.name}") if root else None,
            network=self._shares_network,
        )


def check_proof(told: dict[str, Any], beacons: Beacons) -> None:
    """Raise unless the probe worked and nothing was reached."""
    got_out = [
        beacons.visits > 0,
        "answered" in told["beacons"],
        told["interfaces"] != ["lo"],
        told["namespace"] == str(Path("/proc/self/ns/net").readlink()),
    ]
    if any(got_out):
        raise TidegateError(
            "ISOLATION_REACHED",
            "A probe inside a sandbox reached this machine's network, so nothing is opened.",
            "The operator should run `tidegate doctor`; workspaces stay shut until the probe is blocked.",
        )
    if told["control"] != "answered" or not told["beacons"]:
        raise _unproved("it could not even reach itself")


def _answer(finished: Finished, nonce: str) -> dict[str, Any]:
    """The probe's answer. It comes from inside, so its form is checked."""
    if finished.reason != "done" or finished.returncode != 0:
        last = finished.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise _unproved(f"it ended with {finished.reason}, status {finished.returncode}: {''.join(last)[:200]}")
    try:
        told = json.loads(finished.stdout)
        wanted = {"nonce": str, "control": str, "beacons": list, "interfaces": list, "namespace": str}
        if told["nonce"] == nonce and all(isinstance(told[key], kind) for key, kind in wanted.items()):
            return dict(told)
    except (ValueError, KeyError, TypeError) as error:
        raise _unproved("its answer could not be read") from error
    raise _unproved("its answer was not of the form agreed")


def _unproved(why: str) -> TidegateError:
    return TidegateError(
        "ISOLATION_UNPROVED",
        f"The isolation of a sandbox could not be proved: {why}.",
        "The operator should run `tidegate doctor`; it is tried again.",
    )
