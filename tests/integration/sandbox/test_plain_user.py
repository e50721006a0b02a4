"""A plain user can do all of it too; root shows this by becoming one."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_kit import REPOSITORY, ROOT

NOBODY = "65534"

SCRIPT = """
import json, os, sys
from pathlib import Path
from tidegate.model import TidegateError
from tidegate.sandbox import Bind, Limits, SandboxSpec, alive, check_possible, describe, run, start, stop
base = Path(sys.argv[1])
check_possible()
limits = Limits(256 * 2**20, 24, 1.0, 2**20)
def spec(code):
    argv = ('/usr/bin/python3', '-c', code)
    return SandboxSpec('plain', argv, (Bind(base, '/home/researcher', True),), {'TOKEN': 'hush'}, limits)
def told(code):
    done = run(spec(code), stdin=b'', timeout=30, max_output=10000)
    return (done.stdout or done.stderr[-400:]).decode()
facts = {'uid': os.getuid(), 'facts': describe()}
facts['inside'] = told("import os; open('/home/researcher/made', 'w'); print(os.getuid())")
facts['network'] = told("import socket; socket.create_connection(('127.0.0.1', 9), 2)")
facts['memory'] = told("bytearray(2**30)")
facts['namespace'] = told("import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))")
running = start(spec("while True: __import__('time').sleep(1)"), log=base / 'log')
facts['alive'] = alive(running)
stop(running, grace=0)
facts['stopped'] = not alive(running)
try:
    run(SandboxSpec('other', ('/usr/bin/true',), (), {}, limits, uid=21001), stdin=b'', timeout=9, max_output=9)
except TidegateError as error:
    facts['other'] = error.code
print(json.dumps(facts))
"""


@pytest.fixture
def base() -> Iterator[Path]:
    """Readable by anyone: the code and the folders, wherever the project itself lies."""
    made = Path(tempfile.mkdtemp(prefix="tg-plain-", dir="/tmp"))
    made.chmod(0o755)
    shutil.copytree(REPOSITORY / "services" / "tidegate", made / "code" / "tidegate")
    (made / "home").mkdir()
    if ROOT:
        os.chown(made / "home", int(NOBODY), int(NOBODY))
    yield made
    shutil.rmtree(made)


def become_plain(base: Path) -> list[str]:
    """The environment may lie where only root may look, so it is shown elsewhere, in a mount namespace of its own."""
    script = [str(base / "env" / "bin" / "python"), "-c", SCRIPT, str(base / "home")]
    mount = f'mount --bind "{sys.prefix}" "{base}/env" && exec "$@"'
    lesser = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]
    (base / "env").mkdir()
    return ["unshare", "-m", "sh", "-c", mount, "sh", *lesser, *script]


def test_a_plain_user_makes_sandboxes(base: Path) -> None:
    command = become_plain(base) if ROOT else [sys.executable, "-c", SCRIPT, str(base / "home")]
    env = {"PYTHONPATH": str(base / "code"), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["uid"] != 0
    assert facts["facts"]["user"].startswith("plain user")
    assert facts["facts"]["sandbox"] == "works"
    assert facts["inside"] == "1000\n"
    assert "ConnectionRefusedError" in facts["network"]
    assert "MemoryError" in facts["memory"]
    assert facts["namespace"] == "-1\n"
    assert (facts["alive"], facts["stopped"], facts["other"]) == (True, True, "sandbox_other_user")
    if not facts["facts"]["limit memory"].startswith("held"):
        assert facts["facts"]["limit cpu"] == "not held (no cgroup)"
