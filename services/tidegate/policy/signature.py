"""Signs a bundle the way Open Policy Agent checks it: a JWS over the SHA-256 of each file. Used by `bundle` alone.

The bundle is built where the key is, and OPA servers hold the public half, so whoever can write to the object store can
still not change a rule or a licence.
"""

import base64
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from tidegate.model import TidegateError, canonical_json

KEY_ID: Final = "tidegate"
SCOPE: Final = "read"
MIN_RSA_BITS: Final = 3072
P256_BYTES: Final = 32

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def load_key(file: Path) -> Key:
    """The private key of a PEM file: of the curve P-256, or RSA of 3072 bits or more.

    Raises:
        TidegateError: ``bundle_key_invalid``.
    """
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= MIN_RSA_BITS:
        return key
    raise TidegateError(
        "bundle_key_invalid",
        f"{file} holds no private key that can sign the policy bundle.",
        "Make one with 'openssl ecparam -name prime256v1 -genkey -noout', and give its public half to the OPA servers.",
    )


def algorithm_of(key: Key) -> str:
    """The name OPA's configuration has for it."""
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"


def signatures(files: Mapping[str, bytes], key: Key) -> bytes:
    """The file ``.signatures.json``.

    JSON files must be canonical: OPA hashes what they say, in the form of `canonical_json`, and not their bytes.
    """
    listed = [
        {"name": name, "hash": sha256(content).hexdigest(), "algorithm": "SHA-256"}
        for name, content in sorted(files.items())
    ]
    header = {"alg": algorithm_of(key), "kid": KEY_ID, "typ": "JWT"}
    claims = {"files": listed, "keyid": KEY_ID, "scope": SCOPE}
    signed = f"{_base64(canonical_json(header))}.{_base64(canonical_json(claims))}"
    token = f"{signed}.{_base64(_sign(signed.encode(), key))}"
    return canonical_json({"signatures": [token]})


def _sign(content: bytes, key: Key) -> bytes:
    """The same content gives the same signature, so that the same bundle has the same bytes."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    der = key.sign(content, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return b"".join(number.to_bytes(P256_BYTES, "big") for number in utils.decode_dss_signature(der))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
