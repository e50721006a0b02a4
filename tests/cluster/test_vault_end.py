"""What a closed project alone names leaves the vault, by the very credentials the loader and the provisioner have."""

import hashlib
import io
import secrets

import pytest

from cluster.objects import key_of, place
from provisioner.adapters.kubernetes.vault_references import VaultReferences, name_of
from tidegate.model import canonical_json
from tidegate.objects.named import S3Named
from tidegate.objects.purposes import VAULT
from tidegate.objects.s3 import S3Objects, connect


@pytest.mark.usefixtures("cluster")
def test_files_and_list_are_gone_and_another_projects_stay() -> None:
    loader, provisioner = (connect(place(), key_of(purpose)) for purpose in ("loader", "provisioner"))
    mark = secrets.token_hex(4)
    mine, both = f"mine {mark}".encode(), f"both {mark}".encode()
    sealed = {f"end{mark}": [mine, both], f"stay{mark}": [both]}
    for name, contents in sealed.items():
        kept = [S3Objects(loader, VAULT).put(io.BytesIO(content)).sha256 for content in contents]
        S3Named(loader, VAULT).write(name_of(name, 1), canonical_json(kept))
    files, lists = S3Objects(provisioner, VAULT), S3Named(provisioner, VAULT)
    vault = VaultReferences(files, lists, lambda: [(name, 1) for name in sealed])
    vault.erase(f"end{mark}")
    assert [files.exists(hashlib.sha256(content).hexdigest()) for content in (mine, both)] == [False, True]
    assert [lists.read(name_of(name, 1)) is None for name in sealed] == [True, False]
    vault.erase(f"end{mark}")
    vault.erase(f"stay{mark}")
