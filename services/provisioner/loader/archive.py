"""What the stage `vault` keeps beyond the life of the volume: every file once by SHA-256, who names it, and the pack.

Called by `work`. A file that is kept already is not sent again, so a job that was killed goes on where it was.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provisioner.application.cohort_run import GATHERED, Run
from provisioner.application.staged import stage_missing
from provisioner.domain.manifest import Gathered
from tidegate.model import TidegateError, canonical_json
from tidegate.objects.named import S3Named
from tidegate.objects.port import ObjectStore
from tidegate.objects.purposes import PACKS, VAULT
from tidegate.objects.s3 import S3Key, S3Objects, S3Place, connect

PLACE_FILE = "s3.json"
ACCESS_FILE = "s3-access-key"
TRIES = 5
PAUSE_SECONDS = 2.0
SECRET_FILE = "s3-secret-key"  # noqa: S105 - the name of a file


class NamedStore(Protocol):
    def write(self, name: str, content: bytes) -> None: ...


@dataclass(frozen=True)
class Archive:
    """`files` keeps bytes by their hash, `references` who names them, `packs` what egress looks for."""

    files: ObjectStore
    references: NamedStore
    packs: NamedStore

    def keep(self, run: Run) -> None:
        """Everything of a sealed cohort. The reference goes first: a file nobody names could be taken for litter.

        Raises:
            TidegateError: ``COHORT_STAGE_MISSING``, ``VAULT_DAMAGED`` or a code of the object store.
        """
        gathered, pack = run.note(Gathered, GATHERED), run.parts.shelf.pack(run.project.name)
        if gathered is None or pack is None:
            raise stage_missing("sealed")
        digests = sorted({row.sha256 for row in gathered.rows})
        named = f"references/{run.project.name}/v{run.version}.json"
        patiently(lambda: self.references.write(named, canonical_json(digests)))
        self._send(run, digests)
        self.packs.write(f"{run.project.name}.json", pack.model_dump_json().encode())

    def _send(self, run: Run, digests: Iterable[str]) -> None:
        wanted = tuple(digests)
        for done, sha256 in enumerate(wanted, start=1):
            if not self.files.exists(sha256):
                self._send_one(run, sha256)
            run.report("KEEPING", "Keeping the files in the object store.", done, len(wanted))

    def _send_one(self, run: Run, sha256: str) -> None:
        try:
            with run.parts.vault.blob(sha256).open("rb") as file:
                self.files.put(file, expected_sha256=sha256)
        except FileNotFoundError:
            raise TidegateError(
                "VAULT_DAMAGED",
                "A file that was sealed is gone from the volume before it was kept.",
                "The next attempt pulls it again; if this comes back, have the volume checked.",
            ) from None


def patiently(work: Callable[[], None], wait: Callable[[float], None] = time.sleep) -> None:
    """A pod may start some seconds before the network opens its one way out; a store that is away stays away longer."""
    for _ in range(TRIES):
        try:
            return work()
        except TidegateError as error:
            if error.code != "OBJECT_STORE_DOWN":
                raise
        wait(PAUSE_SECONDS)
    return work()


def archive_of(secrets: Path) -> Archive:
    """The object store the controller named for this job.

    Raises:
        TidegateError: ``LOADER_ORDER``, ``s3_endpoint_invalid``.
    """
    try:
        place = S3Place.model_validate_json((secrets / PLACE_FILE).read_bytes())
        key = S3Key(*[(secrets / name).read_text(encoding="ascii").strip() for name in (ACCESS_FILE, SECRET_FILE)])
    except (OSError, ValueError):
        raise TidegateError(
            "LOADER_ORDER",
            "The loader was not told where the object store is.",
            "The operator should look at the provisioner's settings of the object store.",
        ) from None
    client = connect(place, key)
    return Archive(
        files=S3Objects(client, VAULT),
        references=S3Named(client, VAULT),
        packs=S3Named(client, PACKS),
    )
