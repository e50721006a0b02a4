"""The cluster's certificate authority and the files made with it; called by `control_plane` and `node` at each start.

Everything is made anew for each start and is good for a year, which no test cluster lives.
"""

import base64
import datetime as dt
import ipaddress
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tidegate.model import utc_now

A_YEAR: Final = dt.timedelta(days=365)
A_MINUTE: Final = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Authority:
    """Signs certificates into its folder, each as NAME.crt and NAME.key."""

    folder: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def issue(self, file: str, user: str, groups: tuple[str, ...] = (), addresses: tuple[str, ...] = ()) -> None:
        """A certificate for a client (`user` in `groups`) and, with `addresses` (names or IPs), for a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        name = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = _builder(name, self.name, key.public_key()).add_extension(
            x509.ExtendedKeyUsage(usages), critical=False
        )
        if addresses:
            names = x509.SubjectAlternativeName([_alternative(address) for address in addresses])
            builder = builder.add_extension(names, critical=False)
        _write(self.folder / f"{file}.crt", builder.sign(self.key, hashes.SHA256()).public_bytes(_PEM))
        write_key(self.folder / f"{file}.key", key)


def new_authority(folder: Path) -> Authority:
    """An authority of its own in `folder`, and the key that signs the tokens of service accounts."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tidegate-test-cluster")])
    builder = _builder(name, name, key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    _write(folder / "ca.crt", builder.sign(key, hashes.SHA256()).public_bytes(_PEM))
    write_key(folder / "ca.key", key)
    write_key(folder / "service-accounts.key", ec.generate_private_key(ec.SECP256R1()))
    return Authority(folder, name, key)


def write_kubeconfig(place: Path, server: str, authority: Authority, file: str) -> None:
    """How the client whose certificate is `file` reaches `server`."""

    def text(suffix: str) -> str:
        return base64.b64encode((authority.folder / suffix).read_bytes()).decode()

    user = {"client-certificate-data": text(f"{file}.crt"), "client-key-data": text(f"{file}.key")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority-data": text("ca.crt")}}],
        "users": [{"name": file, "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": file}}],
        "current-context": "c",
    }
    _write(place, json.dumps(config, indent=1).encode())


def write_key(place: Path, key: ec.EllipticCurvePrivateKey) -> None:
    kind, secret = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    _write(place, key.private_bytes(_PEM, kind, secret))


_PEM: Final = serialization.Encoding.PEM


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = utc_now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - A_MINUTE)
        .not_valid_after(now + A_YEAR)
    )


def _alternative(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _write(place: Path, content: bytes) -> None:
    """For the owner only from the first byte."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
