"""The site's S3 in the world: SeaweedFS with versioning, object lock and a credential of its own for each purpose.

`cluster` starts it; tests stop and start it by the name `s3`. Buckets, rights and policies are `seaweed_kit`'s,
only the secrets are random here.
"""

import io
import json
from pathlib import Path
from typing import Any, Final

from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

import seaweed_kit
from cluster.places import CACHE, RUN, S3_ADDRESS, S3_DOOR, S3_PORT, WORLD
from cluster.programs import Program, wait_for
from cluster.secret_files import secret, write_secret
from tidegate.objects.purposes import BUCKETS, PURPOSES
from tidegate.objects.s3 import S3Key, S3Place, connect

FOLDER: Final = RUN / "s3"
WEED: Final = CACHE / "seaweedfs" / "bin" / "weed"
PORTS: Final = {"master": 9333, "volume": 8334, "filer": 8888, "s3": S3_PORT}
READY_SECONDS: Final = 90


def objects() -> Program:
    command = seaweed_kit.command(WEED, FOLDER, S3_ADDRESS, PORTS)
    write_config(FOLDER / "s3.json")
    return Program("s3", tuple(command), RUN, WORLD)


def write_config(place: Path) -> None:
    config = seaweed_kit.config()
    for identity in config["identities"]:
        _give_secret(identity)
    place.write_text(json.dumps(config))
    place.chmod(0o600)


def fill_objects() -> None:
    """Wait until it keeps what it is given, then make the buckets and write each purpose's keys for the services."""
    wait_for("the object store", _is_filled, READY_SECONDS, objects())
    for purpose in PURPOSES:
        write_secret(f"s3-access-key-{purpose}", purpose)
        secret(f"s3-secret-key-{purpose}")


def client(purpose: str) -> Minio:
    """For a test on this machine; `seaweed_kit.ADMIN` may do everything."""
    return connect(place(), key_of(purpose))


def place() -> S3Place:
    return S3Place(endpoint=f"http://127.0.0.1:{S3_DOOR}", region=seaweed_kit.REGION)


def key_of(purpose: str) -> S3Key:
    return S3Key(purpose, secret(f"s3-secret-key-{purpose}"))


def _is_filled() -> bool:
    admin = client(seaweed_kit.ADMIN)
    try:
        seaweed_kit.prepare(admin)
        admin.put_object(BUCKETS[0], "probe", io.BytesIO(b"probe"), 5)
    except (MinioException, HTTPError):
        return False
    return True


def _give_secret(identity: dict[str, Any]) -> None:
    for credential in identity["credentials"]:
        credential["secretKey"] = secret(f"s3-secret-key-{credential['accessKey']}")
