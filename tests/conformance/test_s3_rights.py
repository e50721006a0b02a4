"""A credential a purpose: what the table allows works, all else is refused, and nothing that was kept is lost."""

import io
import itertools
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from minio import Minio
from minio.commonconfig import COMPLIANCE
from minio.error import S3Error
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.retention import Retention
from minio.versioningconfig import VersioningConfig

from seaweed_kit import Site
from tidegate.objects.purposes import BUCKETS, PURPOSES, QUARANTINE, RELEASED, Right
from tidegate.objects.s3 import connect

KEY = "conformance"
Act = Callable[[Minio, str], object]
RIGHTS: dict[Right, Act] = {
    Right.READ: lambda client, bucket: client.get_object(bucket, f"{KEY}/read").read(),
    Right.WRITE: lambda client, bucket: client.put_object(bucket, f"{KEY}/write", io.BytesIO(b"x"), 1),
    Right.FORGET: lambda client, bucket: client.remove_object(bucket, f"{KEY}/forget"),
}
NOBODYS: dict[str, Act] = {
    "list": lambda client, bucket: list(client.list_objects(bucket)),
    "list versions": lambda client, bucket: list(client.list_objects(bucket, include_version=True)),
    "suspend versions": lambda client, bucket: client.set_bucket_versioning(bucket, VersioningConfig("Suspended")),
    "set the lock": lambda client, bucket: client.set_object_lock_config(bucket, ObjectLockConfig(COMPLIANCE, 1, DAYS)),
    "set the policy": lambda client, bucket: client.set_bucket_policy(
        bucket, '{"Version":"2012-10-17","Statement":[]}'
    ),
    "drop the policy": lambda client, bucket: client.delete_bucket_policy(bucket),
    "remove the bucket": lambda client, bucket: client.remove_bucket(bucket),
}


def refused(act: Act, client: Minio, bucket: str) -> bool:
    try:
        act(client, bucket)
    except S3Error as error:
        if error.code != "AccessDenied":
            raise
        return True
    return False


@pytest.fixture(scope="module")
def filled(site: Site) -> Site:
    for bucket, name in itertools.product(BUCKETS, ("read", "write", "forget")):
        site.client("admin").put_object(bucket, f"{KEY}/{name}", io.BytesIO(b"x"), 1)
    return site


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_credential_may_do_what_its_purpose_says_and_no_more(
    filled: Site, purpose: str, bucket: str, right: Right
) -> None:
    allowed = right in PURPOSES[purpose].get(bucket, frozenset())
    assert refused(RIGHTS[right], filled.client(purpose), bucket) is not allowed


@pytest.mark.parametrize("what", NOBODYS)
@pytest.mark.parametrize("bucket", BUCKETS)
def test_no_credential_of_a_service_may_change_a_bucket_or_list_it(filled: Site, bucket: str, what: str) -> None:
    for purpose in PURPOSES:
        assert refused(NOBODYS[what], filled.client(purpose), bucket), purpose


@pytest.mark.parametrize("bucket", BUCKETS)
def test_no_credential_of_a_service_may_end_a_version(filled: Site, bucket: str) -> None:
    version = filled.client("admin").put_object(bucket, f"{KEY}/version", io.BytesIO(b"x"), 1).version_id

    def end(client: Minio, bucket: str) -> None:
        client.remove_object(bucket, f"{KEY}/version", version_id=version)

    for purpose in PURPOSES:
        assert refused(end, filled.client(purpose), bucket), purpose


@pytest.mark.parametrize("bucket", BUCKETS)
def test_an_unknown_key_and_a_wrong_secret_are_refused(filled: Site, bucket: str) -> None:
    keys = filled.keys["egress"]
    for access, secret in ((keys.access, "wrong-secret"), ("unknown-key", keys.secret)):
        client = connect(filled.place, type(keys)(access, secret))
        for act in RIGHTS.values():
            with pytest.raises(S3Error):
                act(client, bucket)


def test_writing_over_an_object_keeps_what_was_there(site: Site) -> None:
    client, content = site.client("egress"), os.urandom(100)
    first = client.put_object(QUARANTINE, f"{KEY}/over", io.BytesIO(content), 100).version_id
    client.put_object(QUARANTINE, f"{KEY}/over", io.BytesIO(b"other"), 5)
    client.remove_object(QUARANTINE, f"{KEY}/over")
    assert site.client("admin").get_object(QUARANTINE, f"{KEY}/over", version_id=first).read() == content


def test_a_released_object_cannot_be_ended_by_anyone_before_its_time(site: Site) -> None:
    """COMPLIANCE: neither the service, nor the administrator, nor by shortening the time."""
    version = site.client("egress-worker").put_object(RELEASED, f"{KEY}/locked", io.BytesIO(b"x"), 1).version_id
    admin = site.client("admin")
    retention = admin.get_object_retention(RELEASED, f"{KEY}/locked", version_id=version)
    assert retention is not None
    assert retention.mode == COMPLIANCE
    with pytest.raises(S3Error):
        admin.remove_object(RELEASED, f"{KEY}/locked", version_id=version)
    sooner = Retention(COMPLIANCE, datetime.now(UTC) + timedelta(seconds=5))
    with pytest.raises(S3Error):
        admin.set_object_retention(RELEASED, f"{KEY}/locked", sooner, version_id=version)
    site.client("egress-worker").put_object(RELEASED, f"{KEY}/locked", io.BytesIO(b"y"), 1)
    assert admin.get_object(RELEASED, f"{KEY}/locked", version_id=version).read() == b"x"


def test_every_signature_names_the_region(site: Site) -> None:
    """A call that had to ask for the region would be refused: no purpose may."""
    for purpose in PURPOSES:
        assert site.client(purpose)._get_region(QUARANTINE) == site.place.region
