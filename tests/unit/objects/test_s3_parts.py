"""What the S3 adapter decides without a server: addresses, names, a stream's end, foreign errors; and who may what."""

import hashlib
import io
from collections.abc import Callable
from unittest.mock import Mock

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from minio.error import InvalidResponseError, S3Error

from tidegate.model import TidegateError
from tidegate.objects.purposes import ACTIONS, BUCKETS, NEVER, PURPOSES, RELEASED, VAULT, Right, bucket_policy
from tidegate.objects.s3 import Measured, S3Key, S3Place, connect, explained, key_of

PRINCIPALS = {purpose: f"arn:aws:iam::1:user/{purpose}" for purpose in PURPOSES}


@pytest.mark.parametrize("endpoint", ["", "s3.example", "ftp://s3.example", "https://", "https://s3.example/bucket"])
def test_an_address_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(TidegateError) as raised:
        connect(S3Place(endpoint=endpoint, region="eu-west-2"), S3Key("a", "b"))
    assert raised.value.code == "s3_endpoint_invalid"


def test_an_address_without_a_region_is_refused() -> None:
    with pytest.raises(TidegateError):
        connect(S3Place(endpoint="https://s3.example", region=""), S3Key("a", "b"))


def test_a_client_asks_nobody_for_the_region() -> None:
    client = connect(S3Place(endpoint="https://s3.example", region="eu-west-2"), S3Key("a", "b"))
    assert client._get_region("any-bucket") == "eu-west-2"


def test_a_key_is_shown_by_nothing() -> None:
    shown = repr(S3Key("access-part", "secret-part"))
    assert "access-part" not in shown
    assert "secret-part" not in shown


@given(content=st.binary(max_size=3000), size=st.integers(1, 700))
def test_a_stream_ends_only_on_its_own_digest(content: bytes, size: int) -> None:
    name = hashlib.sha256(content).hexdigest()
    measured = Measured(io.BytesIO(content), None, name)
    assert b"".join(iter(lambda: measured.read(size), b"")) == content
    assert (measured.stored.sha256, measured.stored.size) == (name, len(content))
    other = Measured(io.BytesIO(content + b"!"), None, name)
    with pytest.raises(TidegateError) as raised:
        list(iter(lambda: other.read(size), b""))
    assert (raised.value.code, other.refusal) == ("OBJECT_MISMATCH", raised.value)


@given(content=st.binary(min_size=1, max_size=3000))
def test_a_stream_is_refused_as_soon_as_it_is_too_long(content: bytes) -> None:
    measured = Measured(io.BytesIO(content), len(content) - 1)
    with pytest.raises(TidegateError) as raised:
        list(iter(lambda: measured.read(100), b""))
    assert raised.value.code == "OBJECT_TOO_LARGE"


@pytest.mark.parametrize("name", ["", "..", "A" * 64, "0" * 63, "0" * 64 + "\n", "0" * 64 + "/x"])
def test_no_name_leads_to_another_key(name: str) -> None:
    with pytest.raises(TidegateError) as raised:
        key_of(name)
    assert raised.value.code == "OBJECT_NAME"


def s3_error(code: str, status: int) -> S3Error:
    response = Mock(status=status)
    return S3Error(response, code, "at http://10.0.0.1/bucket", "/bucket", "r", "h")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (s3_error("NoSuchKey", 404), "OBJECT_MISSING"),
        (s3_error("NoSuchBucket", 404), "OBJECT_STORE_REFUSED"),
        (s3_error("AccessDenied", 403), "OBJECT_STORE_REFUSED"),
        (s3_error("SignatureDoesNotMatch", 403), "OBJECT_STORE_REFUSED"),
        (s3_error("SlowDown", 503), "OBJECT_STORE_DOWN"),
        (s3_error("InternalError", 500), "OBJECT_STORE_DOWN"),
        (s3_error("QuotaExceeded", 507), "DISK_FULL"),
        (InvalidResponseError(502, "text/html", "<html>"), "OBJECT_STORE_DOWN"),
        (urllib3.exceptions.MaxRetryError(Mock(), "/x"), "OBJECT_STORE_DOWN"),
        (urllib3.exceptions.ReadTimeoutError(Mock(), "/x", "slow"), "OBJECT_STORE_DOWN"),
        (urllib3.exceptions.ProtocolError("broken"), "OBJECT_STORE_DOWN"),
    ],
)
def test_every_foreign_error_has_a_code_and_repeats_no_address(error: Exception, code: str) -> None:
    with pytest.raises(TidegateError) as raised, explained("0" * 64):
        raise error
    assert raised.value.code == code
    assert "10.0.0.1" not in str(raised.value)


def test_an_error_of_the_sender_passes_as_it_is() -> None:
    with pytest.raises(ConnectionError), explained("x"):
        raise ConnectionError


# Who may do what.


def statements(bucket: str, purpose: str) -> dict[str, set[str]]:
    found = bucket_policy(bucket, PRINCIPALS)["Statement"]
    own = [one for one in found if one["Principal"] == {"AWS": [PRINCIPALS[purpose]]}]
    return {
        effect: {a for one in own if one["Effect"] == effect for a in one["Action"]} for effect in ("Allow", "Deny")
    }


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("bucket", BUCKETS)
def test_what_a_purpose_may_not_is_denied_by_name(bucket: str, purpose: str) -> None:
    said = statements(bucket, purpose)
    for right in Right:
        allowed = right in PURPOSES[purpose].get(bucket, frozenset())
        assert (set(ACTIONS[right]) <= said["Allow"], bool(set(ACTIONS[right]) & said["Deny"])) == (
            allowed,
            not allowed,
        )
    assert {*NEVER, "s3:ListBucket"} <= said["Deny"]
    assert not said["Allow"] & said["Deny"]


RULES: dict[str, Callable[[], bool]] = {
    "only the worker adds to what was released": lambda: (
        [p for p in PURPOSES if writes(p, RELEASED)] == ["egress-worker"]
    ),
    "only the loader adds to the vault": lambda: [p for p in PURPOSES if writes(p, VAULT)] == ["loader"],
    "nobody takes a released file away": lambda: (
        not any(Right.FORGET in buckets.get(RELEASED, ()) for buckets in PURPOSES.values())
    ),
    "review never sees the vault": lambda: VAULT not in PURPOSES["egress"] and VAULT not in PURPOSES["egress-worker"],
    "the policy server reads bundles and nothing else": lambda: (
        PURPOSES["policy"] == {"tidegate-bundles": frozenset({Right.READ})}
    ),
}


def writes(purpose: str, bucket: str) -> bool:
    return Right.WRITE in PURPOSES[purpose].get(bucket, frozenset())


@pytest.mark.parametrize("rule", RULES)
def test_the_table_keeps_to_what_was_promised(rule: str) -> None:
    assert RULES[rule]()
