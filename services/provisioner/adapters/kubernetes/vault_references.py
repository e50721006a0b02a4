"""Deletes from the object store what only a closed project names: its cohorts' files, then the list of them.

One of the `Outside` parts that the end of a project calls, before its namespace goes. What a bucket's own rules keep of
deleted objects is theirs to say; nothing names it any more. Packs of hashed identifiers stay: reviews need them.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tidegate.model import TidegateError
from tidegate.model.names import SHA256
from tidegate.objects.port import ObjectStore

A_SHA256: Final = re.compile(SHA256)


class References(Protocol):
    def read(self, name: str) -> bytes | None: ...

    def forget(self, name: str) -> None: ...


@dataclass(frozen=True)
class VaultReferences:
    """`versions` are those of every cohort of every project there is, as ``(project, version)``."""

    files: ObjectStore
    references: References
    versions: Callable[[], Iterable[tuple[str, int]]]

    def erase(self, project: str) -> None:
        """Again after a failure it goes on: the list is forgotten last, as it tells what to delete.

        Raises:
            TidegateError: ``VAULT_DAMAGED`` where a list cannot be read, or what the object store said.
        """
        known = sorted(set(self.versions()))
        mine = [name_of(*version) for version in known if version[0] == project]
        others = self._named([name_of(*version) for version in known if version[0] != project])
        for sha256 in sorted(self._named(mine) - others):
            self.files.delete(sha256)
        for name in mine:
            self.references.forget(name)

    def _named(self, names: Sequence[str]) -> set[str]:
        return {digest for name in names for digest in self._digests(name)}

    def _digests(self, name: str) -> list[str]:
        """A list that cannot be understood might name anything, so nothing is deleted then."""
        content = self.references.read(name)
        if content is None:
            return []
        try:
            found = json.loads(content)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(d, str) and A_SHA256.fullmatch(d) for d in found):
            raise TidegateError(
                "VAULT_DAMAGED",
                f"The list {name} of the vault cannot be read, so nothing of the vault is deleted.",
                "The operator should bring its last good version back; it is tried again.",
            )
        return found


def name_of(project: str, version: int) -> str:
    """As the loader writes it."""
    return f"references/{project}/v{version}.json"
