"""The adapter on a real S3 passes the suite that the folder passes, and what only a bucket can get wrong."""

import hashlib
import io
import os
import shutil

import pytest

from objects_contract import TEXT, ObjectStoreContract
from seaweed_kit import Site
from tidegate.model import TidegateError
from tidegate.objects.purposes import BUCKETS, QUARANTINE
from tidegate.objects.s3 import PART, S3Objects, key_of

LARGE = 5 * PART // 2


class TestContract(ObjectStoreContract):
    @pytest.fixture
    def store(self, site: Site) -> S3Objects:
        objects = site.objects("egress", QUARANTINE)
        for content in (TEXT, b"", TEXT[:4], TEXT + b"!"):
            objects.delete(hashlib.sha256(content).hexdigest())
        return objects


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, LARGE])
def test_an_object_in_several_parts_comes_back_whole(site: Site, size: int) -> None:
    store, content = site.objects("egress", QUARANTINE), os.urandom(size)
    name = hashlib.sha256(content).hexdigest()
    assert store.put(io.BytesIO(content), name).size == size
    with store.open(name) as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == name
    assert store.size(name) == size


def test_a_large_object_without_an_announced_hash_is_measured_first(site: Site) -> None:
    store, content = site.objects("egress", QUARANTINE), os.urandom(LARGE)
    assert store.put(io.BytesIO(content)).sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("flaw", ["other last byte", "one byte more", "one byte less"])
def test_a_large_upload_that_ends_otherwise_than_announced_is_never_seen(site: Site, flaw: str) -> None:
    store, content = site.objects("egress", QUARANTINE), os.urandom(LARGE)
    name = hashlib.sha256(content).hexdigest()
    sent = {"other last byte": content[:-1] + b"!", "one byte more": content + b"!", "one byte less": content[:-1]}
    with pytest.raises(TidegateError) as raised:
        store.put(io.BytesIO(sent[flaw]), name)
    assert raised.value.code == "OBJECT_MISMATCH"
    assert not store.exists(name)
    assert versions(site, name) == 0


def test_a_large_upload_past_its_limit_is_never_seen(site: Site) -> None:
    store, content = site.objects("egress", QUARANTINE), os.urandom(LARGE)
    name = hashlib.sha256(content).hexdigest()
    with pytest.raises(TidegateError) as raised:
        store.put(io.BytesIO(content), name, LARGE - 1)
    assert (raised.value.code, versions(site, name)) == ("OBJECT_TOO_LARGE", 0)


def versions(site: Site, name: str) -> int:
    found = site.client("admin").list_objects(QUARANTINE, prefix=key_of(name), include_version=True, recursive=True)
    return sum(not item.is_delete_marker for item in found)


def test_an_object_replaced_behind_our_back_is_not_given_whole(site: Site) -> None:
    store, content = site.objects("egress", QUARANTINE), os.urandom(3_000_000)
    name = store.put(io.BytesIO(content)).sha256
    other = content[:-1] + bytes([content[-1] ^ 1])
    site.client("egress").put_object(QUARANTINE, key_of(name), io.BytesIO(other), len(other))
    assert not store.verify(name)
    given = io.BytesIO()
    with store.open(name) as file, pytest.raises(TidegateError) as raised:
        shutil.copyfileobj(file, given, 65536)
    assert raised.value.code == "OBJECT_CHANGED"
    assert len(given.getvalue()) < len(content)
    store.put(io.BytesIO(content), name)
    assert store.verify(name)
    store.delete(name)


def test_what_is_read_in_small_pieces_is_whole(site: Site) -> None:
    store, content = site.objects("egress", QUARANTINE), os.urandom(100_001)
    name = store.put(io.BytesIO(content)).sha256
    with store.open(name) as file:
        assert b"".join(iter(lambda: file.read(7001), b"")) == content


@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_bucket_of_a_site_keeps_versions_under_object_lock(site: Site, bucket: str) -> None:
    site.objects("admin", bucket).check()


def test_a_bucket_that_forgets_is_refused_at_the_start(site: Site) -> None:
    admin = site.client("admin")
    if not admin.bucket_exists("tidegate-conformance-plain"):
        admin.make_bucket("tidegate-conformance-plain")
    with pytest.raises(TidegateError) as raised:
        site.objects("admin", "tidegate-conformance-plain").check()
    assert raised.value.code == "OBJECT_STORE_UNSAFE"
    admin.remove_bucket("tidegate-conformance-plain")


def test_a_bucket_that_is_not_there_is_refused_and_not_waited_for(site: Site) -> None:
    with pytest.raises(TidegateError) as raised:
        site.objects("admin", "tidegate-conformance-none").check()
    assert raised.value.code == "OBJECT_STORE_REFUSED"
