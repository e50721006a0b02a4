"""Plan, pull and gate: gathers what a cohort is sealed from. `cohort.py` calls `gather` where no record of it stands.

A pull puts bytes into the vault under their hash, which permits nothing. Only files that the gate passed get a row,
and what stayed out is thrown away (`drop_refused`) once the record stands.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from provisioner.application.case import PROVISIONER
from provisioner.application.cohort_run import EMPTY, GATHERED, Empty, Run
from provisioner.application.gatekeeping import Gatekeeper, Judged
from provisioner.domain.elements import GateCode
from provisioner.domain.gate_list import base_list
from provisioner.domain.manifest import Gathered, OutCount, Row, counted, row_of
from provisioner.domain.plan import Plan
from provisioner.domain.selection import (
    NOT_SELECTED,
    OWNER_NOT_LICENSED,
    SUBJECT_NOT_FOUND,
    Selected,
    select,
    takes_modality,
)
from provisioner.domain.transfer import PulledFile, PullProgress, PullResult
from tidegate.ledger import Event, Record
from tidegate.model import Dataset, Project, TidegateError, digest_of

MEGABYTE: Final = 1_000_000
REFUSED_NAMED: Final = 100


@dataclass(slots=True)
class Tally:
    """What became of the files so far."""

    rows: dict[str, Row] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    out: list[tuple[str, str]] = field(default_factory=list)
    reasons: list[tuple[str, str]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    refused_blobs: set[str] = field(default_factory=set)

    def leave_out(self, code: str, tag: str = "") -> None:
        self.out.append((code, tag))
        self.reasons.append((code, tag))

    def refuse(self, code: str, tag: str = "", sha256: str = "") -> None:
        """Leaves a file out for what it is, not because nobody asked for it: the ledger names each."""
        self.leave_out(code, tag)
        self.refused.append({"code": str(code), "tag": tag, "sha256": sha256})


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be pulled, a part for each data set in order. `digest` covers the plans and the list of the gate."""

    parts: tuple[Selected, ...]
    digest: str


def gather(run: Run) -> Gathered:
    """Everything a seal needs, recorded: `planned`, `pulled` and `judged` in one go.

    Raises:
        TidegateError: ``COHORT_STOPPED``, ``COHORT_EMPTY`` or a code of the source.
    """
    plans = planned(run)
    return judged(run, plans, pulled(run, plans))


def planned(run: Run) -> Planned:
    """What XNAT lists of the data sets, as far as the selection and the licences take it."""
    run.enter("PLANNING", "Listing the files in XNAT.")
    parts = tuple(_plan(run, dataset) for dataset in run.datasets)
    digest = digest_of([base_list().model_dump(mode="json"), *[part.plan.digest() for part in parts]])
    _recall_empty(run, digest)
    return Planned(parts, digest)


def pulled(run: Run, plans: Planned) -> Iterator[PullResult]:
    """Each data set's files into the vault, one data set whenever the next is asked for."""
    for dataset, part in zip(run.datasets, plans.parts, strict=True):
        yield _pull(run, dataset, part.plan)


def judged(run: Run, plans: Planned, pulls: Iterable[PullResult]) -> Gathered:
    """What the gate lets through of what was pulled, as the record that a seal is made from."""
    tally = Tally()
    for dataset, part, result in zip(run.datasets, plans.parts, pulls, strict=True):
        _count_unselected(part, tally)
        _take(run, dataset, result, tally)
    gathered = _gathered_from(run, tally)
    _record_refused(run, tally.refused)
    if not gathered.rows:
        _remember_empty(run, plans.digest, gathered)
    run.write_note(GATHERED, gathered)
    return gathered


def _record_refused(run: Run, refused: Sequence[dict[str, str]]) -> None:
    """Before the note that says all is gathered: a kill in between repeats them, and none is ever missing."""
    told: list[dict[str, str | int]] = [{k: v for k, v in about.items() if v} for about in refused[:REFUSED_NAMED]]
    if len(refused) > REFUSED_NAMED:
        told.append({"more": len(refused) - REFUSED_NAMED})
    subject = f"Cohort/{run.project.name}-v{run.version}"
    for detail in told:
        record = Record(event=Event.COHORT_FILE_REFUSED, actor=PROVISIONER, subject=subject, detail={**detail})
        run.parts.record(record, run.now)


def drop_refused(run: Run, gathered: Gathered) -> None:
    """What stayed out does not stay here, unless another cohort was allowed the same bytes. Safe to repeat."""
    _drop(run, set(gathered.refused_blobs) - {row.sha256 for row in gathered.rows})


def _drop(run: Run, blobs: Iterable[str]) -> None:
    for sha256 in set(blobs) - run.parts.shelf.blobs_in_use():
        run.parts.vault.discard(sha256)


def _plan(run: Run, dataset: Dataset) -> Selected:
    run.check()
    plan = run.parts.source.plan(dataset, run.project.spec.selection)
    return select(plan, run.project.spec.selection, dataset, run.datasets)


def _pull(run: Run, dataset: Dataset, plan: Plan) -> PullResult:
    total = len(plan.lines)
    run.enter("PULLING", f"Pulling {total} files of {dataset.name} from XNAT.", total=total)
    folder = run.parts.shelf.work(run.project.name, run.version) / "pull" / dataset.name
    folder.mkdir(parents=True, exist_ok=True)

    def heard(state: PullProgress) -> None:
        run.check()
        amount = f"{state.bytes_done // MEGABYTE} of {state.bytes_total // MEGABYTE} MB"
        run.report("PULLING", f"Pulling {dataset.name} from XNAT: {amount}.", state.done, state.total)

    return run.parts.source.pull(plan, folder, run.parts.vault.folder, heard, run.now)


def _take(run: Run, dataset: Dataset, result: PullResult, tally: Tally) -> None:
    for refused in result.refused:
        tally.refuse(refused.code, refused.tag)
    total = len(result.files)
    run.enter("CHECKING", f"Checking {total} files of {dataset.name} for identifying data.", total=total)

    def each(done: int) -> None:
        run.check()
        run.report("CHECKING", f"Checking {dataset.name} for identifying data.", done, total)

    keeper = Gatekeeper(
        run.parts.reader,
        base_list().widened(dataset.spec.gate),
        run.parts.shelf.work(run.project.name, run.version) / f"gate-{dataset.name}.jsonl",
    )
    for file, verdict in keeper.judge_all(result.files, run.now, each):
        _sort(run, dataset, file, verdict, tally)


def _recall_empty(run: Run, plans: str) -> None:
    empty = run.note(Empty, EMPTY)
    if empty is not None and (empty.inputs, empty.plans) == (run.inputs, plans):
        _drop(run, empty.refused_blobs)
        raise TidegateError("COHORT_EMPTY", empty.sentence, empty.fix)


def _remember_empty(run: Run, plans: str, gathered: Gathered) -> None:
    sentence, fix = _why_empty(run.project, gathered.out)
    empty = Empty(inputs=run.inputs, plans=plans, sentence=sentence, fix=fix, refused_blobs=gathered.refused_blobs)
    run.write_note(EMPTY, empty)
    _drop(run, empty.refused_blobs)
    raise TidegateError("COHORT_EMPTY", sentence, fix)


def _sort(run: Run, dataset: Dataset, file: PulledFile, verdict: Judged, tally: Tally) -> None:
    if verdict.facts is None:
        tally.refuse(*verdict.refusals[0], file.sha256)
        tally.reasons.extend(verdict.refusals[1:])
        tally.refused_blobs.add(file.sha256)
    elif not takes_modality(run.project.spec.selection, verdict.facts.modality):
        tally.leave_out(NOT_SELECTED)
        tally.refused_blobs.add(file.sha256)
    else:
        row = row_of(file.line, file.sha256, file.size, verdict.facts, dataset)
        if row.path.casefold() in tally.rows:
            tally.refuse(GateCode.DUPLICATE_UID, "(0008,0018)", file.sha256)
            tally.refused_blobs.add(file.sha256)
            return
        tally.rows[row.path.casefold()] = row
        tally.names.append(file.line.name)


def _count_unselected(part: Selected, tally: Tally) -> None:
    for _ in part.not_licensed:
        tally.refuse(OWNER_NOT_LICENSED)
    codes = (
        [(NOT_SELECTED, len(part.not_selected))]
        + [(SUBJECT_NOT_FOUND, part.not_found)]
        + [(left.code, left.files) for left in part.plan.left_out]
    )
    for code, files in codes:
        for _ in range(files):
            tally.leave_out(code)


def _gathered_from(run: Run, tally: Tally) -> Gathered:
    rows = tuple(sorted(tally.rows.values(), key=lambda row: row.path))
    kept = {row.sha256 for row in rows}
    return Gathered(
        inputs=run.inputs,
        rows=rows,
        source_names=tuple(sorted(set(tally.names))),
        out=counted(_plain(tally.out)),
        reasons=counted(_plain(tally.reasons)),
        refused_blobs=tuple(sorted(tally.refused_blobs - kept)),
    )


def _plain(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((str(code), tag) for code, tag in pairs)


def _why_empty(project: Project, out: tuple[OutCount, ...]) -> tuple[str, str]:
    if not out:
        return (
            f"The data sets of project {project.name} hold no file in XNAT.",
            "Check the XNAT project's name in each Dataset, and that its archive is not empty.",
        )
    total, worst = sum(count.files for count in out), out[0]
    where = f" at {worst.tag}" if worst.tag else ""
    reason = f"the commonest reason, for {worst.files} of them, is {worst.code}{where}"
    return (
        f"None of the {total} files for project {project.name} may be used; {reason}.",
        "Have the data de-identified, or add a reviewed gate rule to the Dataset, or widen the selection.",
    )
