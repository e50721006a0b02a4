"""A real S3 for the tests: SeaweedFS from its wheel, with one credential a purpose and the buckets of a site.

`config` and `prepare` are also what the test cluster's world uses.
"""

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minio import Minio
from minio.commonconfig import COMPLIANCE
from minio.error import MinioException
from minio.objectlockconfig import DAYS, ObjectLockConfig
from urllib3.exceptions import HTTPError

from tidegate.model import TidegateError
from tidegate.objects.purposes import BUCKETS, PURPOSES, RELEASED, bucket_policy
from tidegate.objects.s3 import S3Key, S3Objects, S3Place, connect

REGION = "us-east-1"
ADMIN = "admin"
ACCOUNT = "000000000000"
UP_SECONDS = 60
PORTS = ("master", "volume", "filer", "s3")


@dataclass(frozen=True)
class Site:
    """The store under judgement and the credential of each purpose."""

    place: S3Place
    keys: dict[str, S3Key]

    def client(self, purpose: str) -> Minio:
        return connect(self.place, self.keys[purpose])

    def objects(self, purpose: str, bucket: str) -> S3Objects:
        return S3Objects(self.client(purpose), bucket)


def weed() -> Path | None:
    """The program: of the environment the test cluster keeps, or of PATH."""
    cache = Path(os.environ.get("TIDEGATE_CACHE") or Path.home() / ".cache" / "tidegate")
    found = shutil.which("weed", path=f"{cache / 'seaweedfs' / 'bin'}:{os.environ.get('PATH', '')}")
    return Path(found) if found else None


def secret_of(purpose: str) -> str:
    return f"{purpose}-secret-of-the-tests"


def key_of(purpose: str) -> S3Key:
    return S3Key(purpose, secret_of(purpose))


def config() -> dict[str, Any]:
    """SeaweedFS's own rights are coarse (its Write ends versions too): the buckets' policies take the rest away."""
    identities = [_identity(ADMIN, ["Admin", "Read", "Write", "List", "Tagging"]), _identity("nobody", [])]
    for purpose, buckets in PURPOSES.items():
        rights = [f"{verb}:{bucket}" for bucket, some in buckets.items() for verb in _verbs(some)]
        identities.append(_identity(purpose, rights))
    return {"identities": identities}


def _verbs(rights: frozenset[str]) -> list[str]:
    return [*(["Read"] if "read" in rights else []), *(["Write"] if rights - {"read"} else [])]


def _identity(name: str, actions: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "credentials": [{"accessKey": name, "secretKey": secret_of(name)}],
        "actions": actions,
    }


def principal(purpose: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:user/{purpose}"


def prepare(admin: Minio) -> None:
    """The buckets of a site, as the operator's guide has them. Safe to repeat."""
    principals = {purpose: principal(purpose) for purpose in PURPOSES}
    for bucket in BUCKETS:
        if not admin.bucket_exists(bucket):
            admin.make_bucket(bucket, object_lock=True)
        admin.set_bucket_policy(bucket, json.dumps(bucket_policy(bucket, principals)))
    admin.set_object_lock_config(RELEASED, ObjectLockConfig(COMPLIANCE, 1, DAYS))


def command(program: Path, folder: Path, address: str, ports: dict[str, int]) -> list[str]:
    """What starts the server; the folder holds its data and `s3.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "s3.json").write_text(json.dumps(config()))
    (folder / "s3.json").chmod(0o600)
    options = {
        "dir": folder / "data",
        "ip": address,
        "ip.bind": address,
        "filer": "true",
        "s3": "true",
        **{f"{name}.port": ports[name] for name in PORTS},
        "s3.config": folder / "s3.json",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.autoCreateBucket": "false",
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        "volume.max": 100,
        "master.volumeSizeLimitMB": 64,
    }
    return [str(program), "server", *(f"-{name}={value}" for name, value in options.items())]


def free_ports() -> dict[str, int]:
    """SeaweedFS listens for its own calls 10,000 above each, so both must be free."""
    found: dict[str, int] = {}
    with contextlib.ExitStack() as held:
        while len(found) < len(PORTS):
            low, high = held.enter_context(socket.socket()), held.enter_context(socket.socket())
            low.bind(("127.0.0.1", 0))
            port = low.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                high.bind(("127.0.0.1", port + 10_000))
                found[PORTS[len(found)]] = port
    return found


@dataclass
class Seaweed:
    """A server of its own on loopback, to be stopped and started in the middle of work."""

    program: Path
    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def place(self) -> S3Place:
        return S3Place(endpoint=f"http://127.0.0.1:{self.ports['s3']}", region=REGION)

    def client(self, purpose: str) -> Minio:
        return connect(self.place, key_of(purpose))

    def objects(self, purpose: str, bucket: str) -> S3Objects:
        return S3Objects(self.client(purpose), bucket)

    def start(self) -> None:
        with (self.folder / "weed.log").open("ab") as log:
            line = command(self.program, self.folder, "127.0.0.1", self.ports)
            self.process = subprocess.Popen(line, stdout=log, stderr=log, cwd=self.folder)
        self._until_it_keeps()

    def kill(self) -> None:
        """Without a chance to tidy up."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def _until_it_keeps(self) -> None:
        """It answers long before it has room for an object."""
        deadline = time.monotonic() + UP_SECONDS
        while True:
            try:
                prepare(self.client(ADMIN))
                return self._probe()
            except (MinioException, HTTPError, TidegateError):
                assert time.monotonic() < deadline, (self.folder / "weed.log").read_text()[-2000:]
                time.sleep(0.2)

    def _probe(self) -> None:
        self.client(ADMIN).put_object(BUCKETS[0], "probe", io.BytesIO(b"probe"), 5)


@contextlib.contextmanager
def seaweed(program: Path, folder: Path) -> Iterator[Seaweed]:
    made = Seaweed(program, folder, free_ports())
    try:
        made.start()
        yield made
    finally:
        made.kill()
