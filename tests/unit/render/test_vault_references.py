"""At the end of a project the vault keeps what another project names, and nothing else of it."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provisioner.adapters.kubernetes.vault_references import VaultReferences, name_of
from tidegate.model import TidegateError
from tidegate.objects.folder import FolderObjects


@dataclass
class Lists:
    """Named objects, as a bucket has them."""

    kept: dict[str, bytes] = field(default_factory=dict)
    broken: bool = False

    def read(self, name: str) -> bytes | None:
        if self.broken:
            raise TidegateError("OBJECT_STORE_DOWN", "No answer.")
        return self.kept.get(name)

    def forget(self, name: str) -> None:
        self.kept.pop(name, None)


@dataclass
class Vault:
    files: FolderObjects
    lists: Lists
    versions: list[tuple[str, int]]

    def seal(self, project: str, version: int, *contents: bytes) -> None:
        digests = [self.files.put(io.BytesIO(content)).sha256 for content in contents]
        self.lists.kept[name_of(project, version)] = json.dumps(digests).encode()
        self.versions.append((project, version))

    def erase(self, project: str, versions: Iterable[tuple[str, int]] | None = None) -> None:
        VaultReferences(self.files, self.lists, lambda: self.versions if versions is None else versions).erase(project)

    def holds(self, content: bytes, tmp: FolderObjects) -> bool:
        return self.files.exists(tmp.put(io.BytesIO(content)).sha256)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(FolderObjects(tmp_path / "vault"), Lists(), [])


@pytest.fixture
def scratch(tmp_path: Path) -> FolderObjects:
    """Tells the digest of some bytes."""
    return FolderObjects(tmp_path / "scratch")


def test_what_only_this_project_names_goes_in_every_version(vault: Vault, scratch: FolderObjects) -> None:
    vault.seal("alpha", 1, b"old", b"both")
    vault.seal("alpha", 2, b"new", b"both")
    vault.seal("beta", 1, b"both", b"theirs")
    vault.erase("alpha")
    kept = [content for content in (b"old", b"new", b"both", b"theirs") if vault.holds(content, scratch)]
    assert kept == [b"both", b"theirs"]
    assert list(vault.lists.kept) == ["references/beta/v1.json"]
    vault.erase("alpha")
    vault.erase("beta")
    assert not vault.holds(b"both", scratch)


def test_a_list_that_cannot_be_read_deletes_nothing(vault: Vault, scratch: FolderObjects) -> None:
    vault.seal("alpha", 1, b"mine")
    vault.seal("beta", 1, b"theirs")
    for spoiled in (b"{", b"{}", b'["../../etc"]', b"[1]"):
        vault.lists.kept["references/beta/v1.json"] = spoiled
        with pytest.raises(TidegateError) as refusal:
            vault.erase("alpha")
        assert refusal.value.code == "VAULT_DAMAGED"
        assert vault.holds(b"mine", scratch)


def test_a_store_that_is_away_deletes_nothing_and_is_asked_again(vault: Vault, scratch: FolderObjects) -> None:
    vault.seal("alpha", 1, b"mine")
    vault.lists.broken = True
    with pytest.raises(TidegateError):
        vault.erase("alpha")
    assert vault.holds(b"mine", scratch)
    vault.lists.broken = False
    vault.erase("alpha")
    assert not vault.holds(b"mine", scratch)


def test_a_version_that_was_never_kept_is_no_error(vault: Vault) -> None:
    vault.erase("alpha", [("alpha", 1), ("beta", 3)])
