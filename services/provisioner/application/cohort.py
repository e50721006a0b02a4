"""Takes an approved project to a sealed, read-only copy of its data. `reconcile` calls `ensure` until it answers.

plan -> pull -> gate -> record -> view -> pack -> seal. Each stage leaves a record; a run that is killed goes on from
the last one, and a run that finds the seal writes nothing. The seal is the last thing written: what has none is no
cohort, whatever lies on the disk.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from provisioner.application.cohort_run import GATHERED, SEALED, Parts, Run, Seal, read_note
from provisioner.application.gathering import drop_refused, gather
from provisioner.domain.documents import documents
from provisioner.domain.manifest import Gathered, inputs_digest, pack_of
from tidegate.model import Dataset, Licence, Project, Step, TidegateError
from tidegate.model.status import CohortStatus
from tidegate.objects.sealed_view import LOOKS, Looks


class CohortPipeline:
    """The `Cohorts` of the provisioner."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def ensure(
        self,
        project: Project,
        datasets: Sequence[Dataset],
        version: int,
        now: datetime,
        progress: Callable[[Step], None],
    ) -> CohortStatus:
        """The sealed copy of this version.

        Raises:
            TidegateError: ``COHORT_STOPPED``, ``COHORT_EMPTY``, ``COHORT_CHANGED``, ``VAULT_DAMAGED``, ``DISK_FULL``,
                or a code of the source.
        """
        ordered = tuple(sorted(datasets, key=lambda dataset: dataset.name))
        run = Run(self._parts, project, ordered, version, now, progress, inputs_digest(project, ordered))
        seal = self._seal(project.name, version)
        if seal is not None and seal.inputs != run.inputs:
            raise _changed(project, version)
        if seal is not None and self.stands(seal.status):
            return seal.status
        gathered = self._gathered(run) or gather(run)
        return self._make_seal(run, gathered, seal)

    def halt(self, _project: str) -> bool:
        """A run asks between two files whether it may go on, so nobody has to end it."""
        return False

    def stands(self, cohort: CohortStatus) -> bool:
        """Whether the sealed copy is in its place; `verify_view` says whether it is also whole."""
        return (Path(cohort.path) / "manifest.json").is_file()

    def verify_view(self, cohort: CohortStatus) -> None:
        """Hash the whole copy again and note how it looks; see `Cohorts.verify_view`.

        The look is taken before the hashing: whatever is changed meanwhile shows afterwards.
        """
        project, version = Path(cohort.path).parent.name, cohort.version
        looks = self._parts.shelf.looks(Path(cohort.path))
        self.check_view(cohort)
        self._note_looks(project, version, Looks(manifest_sha256=cohort.manifest_sha256, looks=looks))
        if not self.looks_whole(cohort):  # changed while it was being hashed
            raise _tampered(project, version, ())

    def check_view(self, cohort: CohortStatus) -> None:
        """Hash the whole copy and write nothing, so that a volume mounted read-only can be checked too.

        Raises:
            TidegateError: ``COHORT_TAMPERED``.
        """
        project, version = Path(cohort.path).parent.name, cohort.version
        seal = self._seal(project, version)
        gathered = read_note(self._parts.shelf, Gathered, project, version, GATHERED)
        if seal is None or gathered is None or seal.status.manifest_sha256 != cohort.manifest_sha256:
            raise _tampered(project, version, ())
        if gathered.manifest_sha256() != cohort.manifest_sha256:
            raise _tampered(project, version, ())
        expected = {row.path: row.sha256 for row in gathered.rows} | seal.documents
        expected["manifest.json"] = cohort.manifest_sha256
        if wrong := self._parts.shelf.differences(Path(cohort.path), expected):
            raise _tampered(project, version, wrong)

    def _note_looks(self, project: str, version: int, looks: Looks) -> None:
        """Written only where it says something new: a check that finds all as before writes nothing."""
        text = looks.model_dump_json()
        if self._parts.shelf.note(project, version, LOOKS) != text:
            self._parts.shelf.write_note(project, version, LOOKS, text)

    def looks_whole(self, cohort: CohortStatus) -> bool:
        return self._parts.shelf.looks_whole(cohort)

    def discard_view(self, cohort: CohortStatus) -> None:
        """Take a spoiled copy away; the next `ensure` makes it again from the vault, bound to the same digest."""
        self._parts.shelf.remove(Path(cohort.path))

    def _seal(self, project: str, version: int) -> Seal | None:
        return read_note(self._parts.shelf, Seal, project, version, SEALED)

    def _gathered(self, run: Run) -> Gathered | None:
        found = run.note(Gathered, GATHERED)
        return found if found is not None and found.inputs == run.inputs else None

    def _make_seal(self, run: Run, gathered: Gathered, before: Seal | None) -> CohortStatus:
        name, version, total = run.project.name, run.version, len(gathered.rows)
        if before is not None and before.status.manifest_sha256 != gathered.manifest_sha256():
            raise _changed(run.project, version)
        drop_refused(run, gathered)
        run.enter("SEALING", "Sealing the read-only copy.", total=total)
        pages = documents(run.project, run.datasets, self._licences(run.datasets), gathered)
        hashes = self._build(run, gathered, pages)
        self._write_pack(name, version, gathered)
        status = before.status if before is not None else self._status(run, gathered)
        seal = Seal(inputs=run.inputs, status=status, documents=hashes)
        run.write_note(SEALED, seal)
        run.enter("SEALED", f"{total} files sealed, {gathered.refused} left out.", done=total, total=total)
        return status

    def _build(self, run: Run, gathered: Gathered, pages: dict[str, bytes]) -> dict[str, str]:
        total = len(gathered.rows)

        def each(done: int) -> None:
            run.check()
            run.report("SEALING", "Sealing the read-only copy.", done, total)

        try:
            return self._parts.shelf.build(run.project.name, run.version, gathered, pages, each)
        except TidegateError as error:
            if error.code == "VAULT_DAMAGED":  # the blob was thrown away: the next run plans and pulls again
                self._parts.shelf.drop_note(run.project.name, run.version, GATHERED)
            raise

    def _status(self, run: Run, gathered: Gathered) -> CohortStatus:
        return CohortStatus(
            version=run.version,
            files=len(gathered.rows),
            refused=gathered.refused,
            total_bytes=gathered.total_bytes,
            manifest_sha256=gathered.manifest_sha256(),
            path=str(self._parts.shelf.view(run.project.name, run.version)),
            sealed_at=run.now,
        )

    def _write_pack(self, name: str, version: int, gathered: Gathered) -> None:
        """The salt of a pack that stands is kept, so the same cohort gives the same pack."""
        before = self._parts.shelf.pack(name)
        salt = before.salt if before is not None else secrets.token_hex(32)
        pack = pack_of(name, version, gathered, salt)
        if pack != before:
            self._parts.shelf.write_pack(pack)

    def _licences(self, datasets: Iterable[Dataset]) -> dict[str, Licence]:
        names = {dataset.spec.licence.name for dataset in datasets}
        return {name: licence for name in names if (licence := self._parts.licence_of(name)) is not None}


def _changed(project: Project, version: int) -> TidegateError:
    return TidegateError(
        "COHORT_CHANGED",
        f"Version {version} of the data of project {project.name} is sealed, and what it is made from has changed.",
        "Ask for the next version; a sealed one never changes.",
    )


def _tampered(project: str, version: int, paths: tuple[str, ...]) -> TidegateError:
    which = f" ({len(paths)} files differ, the first is {paths[0]})" if paths else ""
    return TidegateError(
        "COHORT_TAMPERED",
        f"The copy of the data of project {project}, version {version}, is not what was sealed{which}.",
        "It will not be mounted; discard it and let it be made again from the vault.",
    )
