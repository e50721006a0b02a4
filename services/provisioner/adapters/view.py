"""Cohorts on the disk of one machine: `cohorts/<project>/v<N>` to be mounted, `.v<N>` beside it for the records.

View files are copies of the vault's blobs, not hard links. A link would be cheaper, but its link count tells the
researcher that another project holds the same image, its inode number is the same for two people who compare, and
whatever spoils one spoils both, so a view could not be made again from the vault. A file system that shares blocks
between copies may do so beneath us.

The modes are 0444 and 0555 whoever reads: other users of the machine are kept out by the folder above (0700), and the
sandbox gets the view by a read-only bind.
"""

import io
import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import parquet

from provisioner.adapters.view_files import (
    close_folders,
    copy_new,
    hash_of,
    remove_tree,
    write_new,
    write_whole,
)
from provisioner.domain.manifest import Gathered, Pack, Row
from provisioner.ports import CohortVault
from tidegate.model import TidegateError, digest_of
from tidegate.model.status import CohortStatus
from tidegate.objects.sealed_view import fault_of, looks_of

PARQUET: Final = "manifest.parquet"
NOTES_WITH_BLOBS: Final = "gathered.json"


class FolderShelf:
    """The `CohortShelf` of the pipeline, below the state folder."""

    def __init__(self, state: Path, vault: CohortVault) -> None:
        self._cohorts = state / "cohorts"
        self._packs = state / "packs"
        self._vault = vault
        for folder in (self._cohorts, self._packs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def work(self, project: str, version: int) -> Path:
        folder = self._cohorts / project / f".v{version}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def note(self, project: str, version: int, name: str) -> str | None:
        try:
            return (self._cohorts / project / f".v{version}" / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write_note(self, project: str, version: int, name: str, text: str) -> None:
        write_whole(self.work(project, version) / name, text.encode())

    def drop_note(self, project: str, version: int, name: str) -> None:
        (self.work(project, version) / name).unlink(missing_ok=True)

    def view(self, project: str, version: int) -> Path:
        return self._cohorts / project / f"v{version}"

    def build(
        self,
        project: str,
        version: int,
        gathered: Gathered,
        documents: Mapping[str, bytes],
        each: Callable[[int], None],
    ) -> dict[str, str]:
        """See `CohortShelf.build`. What an earlier, killed build left is taken away first."""
        work = self.work(project, version)
        for leftover in work.glob("view-*"):
            remove_tree(leftover)
        fresh = work / f"view-{secrets.token_hex(8)}"
        fresh.mkdir(mode=0o755)
        try:
            hashes = self._fill(fresh, gathered, documents, each)
            close_folders(fresh)
            self._put_in_place(fresh, self.view(project, version))
        finally:
            remove_tree(fresh)
        return hashes

    def _fill(
        self, fresh: Path, gathered: Gathered, documents: Mapping[str, bytes], each: Callable[[int], None]
    ) -> dict[str, str]:
        for done, row in enumerate(gathered.rows, start=1):
            target = fresh / row.path
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._copy(row, target)
            each(done)
        pages = {**documents, PARQUET: _parquet(gathered.rows)}
        return {name: write_new(fresh / name, content) for name, content in sorted(pages.items())}

    def _copy(self, row: Row, target: Path) -> None:
        try:
            if copy_new(self._vault.blob(row.sha256), target) == row.sha256:
                return
        except FileNotFoundError:
            pass
        self._vault.discard(row.sha256)
        raise TidegateError(
            "VAULT_DAMAGED",
            f"The vault has lost or spoiled a file it kept ({row.path}).",
            "The next attempt pulls it again; if this comes back, have the disk checked.",
        )

    def _put_in_place(self, fresh: Path, place: Path) -> None:
        """A view in this place has no seal or is broken: it moves aside, the new one moves in, the old one goes."""
        if place.is_symlink():
            place.unlink()
        if place.exists():
            aside = fresh.with_name(f"view-{secrets.token_hex(8)}")
            _move(place, aside)
            _move(fresh, place)
            remove_tree(aside)
        else:
            _move(fresh, place)

    def looks(self, view: Path) -> str:
        """See `CohortShelf.looks`; a view that is gone looks like none."""
        return looks_of(view) if view.is_dir() else digest_of(None)

    def looks_whole(self, cohort: CohortStatus) -> bool:
        return fault_of(cohort) == ""

    def differences(self, view: Path, expected: Mapping[str, str]) -> tuple[str, ...]:
        if view.is_symlink() or not view.is_dir():
            return (".",)
        found = {
            str(path.relative_to(view)): path for path in view.rglob("*") if path.is_symlink() or not path.is_dir()
        }
        strangers = set(found) ^ set(expected)
        changed = {
            name
            for name, path in found.items()
            if name in expected and (path.is_symlink() or not path.is_file() or hash_of(path) != expected[name])
        }
        return tuple(sorted(strangers | changed))

    def remove(self, view: Path) -> None:
        # The folder it lies in must be ours; the view itself may have been swapped for a link, which is then removed.
        if not (view.parent.resolve() / view.name).is_relative_to(self._cohorts.resolve()):
            raise TidegateError("COHORT_PATH", f"{view} is no copy of a cohort, so it is not removed.")
        remove_tree(view)

    def pack(self, project: str) -> Pack | None:
        try:
            return Pack.model_validate_json((self._packs / f"{project}.json").read_bytes())
        except FileNotFoundError:
            return None

    def write_pack(self, pack: Pack) -> None:
        write_whole(self._packs / f"{pack.project}.json", pack.model_dump_json().encode())

    def blobs_in_use(self) -> frozenset[str]:
        notes = self._cohorts.glob(f"*/.v*/{NOTES_WITH_BLOBS}")
        return frozenset(row["sha256"] for note in notes for row in json.loads(note.read_bytes())["rows"])


def _move(source: Path, target: Path) -> None:
    """A folder can be renamed by its owner only while it is writable: its `..` entry changes."""
    mode = source.stat().st_mode & 0o777
    source.chmod(mode | 0o200)
    source.replace(target)
    target.chmod(mode)


def _parquet(rows: tuple[Row, ...]) -> bytes:
    """The manifest for pandas and DuckDB; a column for each field, also where there is no row."""
    columns = {name: pa.int64() if name == "size" else pa.string() for name in Row.model_fields}
    table = pa.Table.from_pylist([row.model_dump() for row in rows], schema=pa.schema(columns.items()))
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()
