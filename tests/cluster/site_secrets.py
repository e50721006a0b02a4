"""The Secrets an operator makes before installing the chart, here from random files; called by `site`.

Each service gets a Secret of its own with what it needs and nothing else: a table, one row a Secret.
"""

import base64
import secrets
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster.certificates import write_key
from cluster.secret_files import secret, secret_file, write_secret

NAMESPACE: Final = "tidegate"
BUNDLE_KEY: Final = "bundle-key"
COOKIE_BYTES: Final = 32
Contents = dict[str, str]


def site_secrets() -> list[dict[str, Any]]:
    """As manifests, for the release's namespace."""
    return [_manifest(name, contents) for name, contents in _contents().items()]


def bundle_public_key() -> str:
    """As PEM; the private half is made on first use."""
    key = serialization.load_pem_private_key(_bundle_key().encode(), None)
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()


def _contents() -> dict[str, Contents]:
    return {
        "tidegate-hub-tokens": {name: _token(name) for name in ("hub-token-provisioner", "hub-token-egress")},
        "tidegate-opa": {"credentials": _profile("policy")},
        "tidegate-hub": {
            "database-url": secret("database-url-tidegate_hub"),
            "cookie-secret": _hexadecimal("cookie-secret"),
            "opa-token": _token("opa-token-hub"),
        },
        "tidegate-proxy": {"proxy-token": _token("proxy-token")},
        "tidegate-provisioner": {
            "database-url": secret("database-url-tidegate_provisioner"),
            "opa-token": _token("opa-token-provisioner"),
            BUNDLE_KEY: _bundle_key(),
            **_store("provisioner"),
            **_store("loader", "loader-"),
        },
        "tidegate-egress": {
            **_egress("egress"),
            **_store("egress"),
            "retention-token": _token("retention-token"),
        },
        "tidegate-egress-worker": {**_egress("egress-worker"), **_store("egress-worker")},
        "tidegate-migration": {"database-url": secret("database-url-tidegate_owner")},
        "tidegate-xnat": {"username": "tidegate-loader", "password": secret("xnat-password")},
    }


def _egress(component: str) -> Contents:
    return {
        "database-url": secret("database-url-tidegate_egress"),
        "opa-token": _token(f"opa-token-{component}"),
        "egress-key": _hexadecimal("egress-key"),
    }


def _store(purpose: str, prefix: str = "") -> Contents:
    return {f"{prefix}s3-access-key": purpose, f"{prefix}s3-secret-key": secret(f"s3-secret-key-{purpose}")}


def _profile(purpose: str) -> str:
    return f"[default]\naws_access_key_id = {purpose}\naws_secret_access_key = {secret(f's3-secret-key-{purpose}')}\n"


def _token(name: str) -> str:
    """Text that is text in YAML too, whatever its digits: the policy server reads it as such."""
    return _made_once(name, f"token-{secrets.token_hex(24)}")


def _hexadecimal(name: str) -> str:
    return _made_once(name, secrets.token_hex(COOKIE_BYTES))


def _made_once(name: str, text: str) -> str:
    return secret(name) if secret_file(name).exists() else write_secret(name, text).read_text(encoding="utf-8")


def _bundle_key() -> str:
    place = secret_file(BUNDLE_KEY)
    if not place.exists():
        write_key(place, ec.generate_private_key(ec.SECP256R1()))
    return place.read_text(encoding="utf-8")


def _manifest(name: str, contents: Contents) -> dict[str, Any]:
    data = {key: base64.b64encode(text.encode()).decode() for key, text in contents.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": data,
    }
