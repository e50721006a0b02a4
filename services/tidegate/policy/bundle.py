"""The bundle that OPA servers poll: rules, data and compiled licences in one signed archive.

Called by the provisioner alone, which publishes whenever licences change and at least every `RENEW_AFTER`: servers
refuse to decide from a bundle published more than an hour ago.
"""

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from tidegate.model import canonical_json
from tidegate.policy.opening import Bundles
from tidegate.policy.port import Bundle, Register
from tidegate.policy.rules import load_rules, policies_folder
from tidegate.policy.signature import Key, signatures
from tidegate.policy.stamp import stamp

NAME: Final = "bundle.tar.gz"
RENEW_AFTER: Final = timedelta(minutes=10)
RULES_ROOT: Final = "tidegate"


class Shelf(Protocol):
    """Where bundles are published: one bucket of the object store."""

    def write(self, name: str, content: bytes) -> None:
        """Put a whole object, in place of one of that name.

        Raises:
            TidegateError: with the object store's code; then the old one stands.
        """
        ...


@dataclass(frozen=True)
class Published:
    """`version` is of the rules, `revision` of the licences: what servers must answer with."""

    version: str
    revision: str
    at: datetime


class Publisher:
    """Keeps what OPA servers poll in step with the licences of the store. One in a process; not for many threads."""

    def __init__(self, store: Register, shelf: Shelf, key: Key) -> None:
        self._bundles = Bundles(load_rules(policies_folder()), store)
        self._shelf = shelf
        self._key = key
        self._last: Published | None = None

    def publish(self, now: datetime) -> Published:
        """Publish where licences or rules changed or it is time again; else nothing is written.

        Call it after each change of a licence, and at least every `RENEW_AFTER`.

        Raises:
            TidegateError: with the object store's code; call again later, the servers keep what they have.
        """
        bundle = self._bundles.now()
        wanted = Published(bundle.version, bundle.revision, now)
        if self._last is None or self._due(self._last, wanted):
            self._shelf.write(NAME, archive(bundle, now, self._key))
            self._last = wanted
        return self._last

    @staticmethod
    def _due(last: Published, wanted: Published) -> bool:
        same = (last.version, last.revision) == (wanted.version, wanted.revision)
        return not same or not timedelta() <= wanted.at - last.at < RENEW_AFTER


def archive(bundle: Bundle, published: datetime, key: Key) -> bytes:
    """The signed bundle as a gzipped tar. The same arguments give the same bytes."""
    files = {
        ".manifest": _json(
            {
                "revision": stamp(published, bundle.revision),
                # Nothing else of a server's rules and data can come from a bundle, its own authorisation least of all.
                "roots": sorted({RULES_ROOT, *bundle.data}),
                "rego_version": 1,
            }
        ),
        "data.json": _json(bundle.data),
        **{f"{RULES_ROOT}/{name}": source.encode() for name, source in bundle.modules.items()},
    }
    return _packed({**files, ".signatures.json": signatures(files, key)})


def _json(value: object) -> bytes:
    """Canonical, and with the two characters escaped that Go's JSON escapes: OPA hashes it in that form."""
    return canonical_json(value).replace("\u2028".encode(), b"\\u2028").replace("\u2029".encode(), b"\\u2029")


def _packed(files: Mapping[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)
