"""The main job, from licence to released file, each step as the person who does it would.

Every step first looks at what stands already, so a walk that was cut off anywhere goes on where it was.
"""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from egress_review.domain.status import Status
from tidegate.demo import cells
from tidegate.demo.browser import Page, Person
from tidegate.demo.notebook import Notebook
from tidegate.demo.report import Report
from tidegate.demo.review import Asked, Review
from tidegate.demo.stage import password_of
from tidegate.model import Approval, Kind, Project, ProjectPhase, ProjectStatus, StepState, TidegateError, Verdict
from tidegate.store import SqliteStore

PROJECT: Final = "breast-density"
DEPLOY_SECONDS: Final = 300
SPAWN_SECONDS: Final = 90
DISGUISED: Final = frozenset({"results.csv"})
RESULTS: Final = frozenset({"table.csv", "figure.png"})
WITH_AUTHOR: Final = (Status.DRAFT, Status.RETURNED)
SCANNED: Final = (
    Status.SUBMITTED,
    Status.PARTIALLY_REVIEWED,
    Status.REVIEWED,
    Status.APPROVED,
    Status.RELEASING,
    Status.RELEASED,
)


@dataclass
class Walk:
    """One walk. `hub_url` and `review_url` are the public addresses, without a slash at the end."""

    state: Path
    objects: Path
    hub_url: str
    review_url: str
    report: Report
    _people: dict[str, Person] = field(default_factory=dict)
    _notebook: Notebook | None = None
    _request: str = ""
    _frozen: list[str] = field(default_factory=list)

    def run(self) -> None:
        """All steps in order; the first that does not hold ends the walk.

        Raises:
            TidegateError: what did not hold.
        """
        try:
            for title, step in self._steps():
                with self.report.step(title):
                    step()
        finally:
            self._close()

    def _steps(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        return (
            ("Governance: the first officer and checkers get their grants", self._first_grants),
            ("Governance: licence, data set, project and researchers are registered", self._register),
            ("Governance: the officer approves the project, bound to its digest", self._approve),
            (
                "Provisioner: isolation is proved; the cohort is pulled, checked and sealed",
                self._wait_until_ready,
            ),
            ("Researcher: Rosa logs in and opens her workspace", self._open_workspace),
            ("Researcher: her notebook reads a mammogram, and has no network", self._read),
            ("Researcher: it writes a table and a figure", self._write),
            ("Researcher: a DICOM file under another name is tried, and refused", self._try_dicom),
            ("Researcher: a release of the table and the figure is asked for and confirmed", self._ask),
            ("Output checkers: Chidi and Cleo vote without seeing each other's vote", self._review),
            ("Researcher: what was released is downloaded; it is what was reviewed", self._download),
            ("Anyone: the ledger is verified", self._verify),
        )

    def _first_grants(self) -> None:
        self._tidegate("apply", "-f", str(self.objects / "first-grants.yaml"), officer=self._has_officer())

    def _has_officer(self) -> bool:
        return any(entry.record.subject == "Grant/gwen-officer" for entry in self._store().entries("governance"))

    def _register(self) -> None:
        names = ("licence-cc-by-3.0.yaml", "dataset-cbis-ddsm.yaml", "project.yaml")
        files = [part for name in names for part in ("-f", str(self.objects / name))]
        self._tidegate("apply", *files, officer=True)

    def _approve(self) -> None:
        if self._is_approved():
            self.report.note("approved already")
            return
        self._tidegate("approve", "project", PROJECT, "--reason", "Within the licence; aims are clear.", officer=True)

    def _is_approved(self) -> bool:
        """Whether an approval of the project as it stands is on record; the provisioner may not have seen it yet."""
        store = self._store()
        project = store.get(Kind.PROJECT, PROJECT)
        given = [a.spec for a in store.list(Kind.APPROVAL) if isinstance(a, Approval)]
        return isinstance(project, Project) and any(
            spec.subject.digest == project.digest() and spec.verdict is Verdict.APPROVE for spec in given
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + DEPLOY_SECONDS
        with self.report.bar("waiting for the provisioner") as bar:
            while (status := self._status()).phase is not ProjectPhase.DEPLOYED:
                for step in status.steps:
                    if step.state is StepState.RUNNING:
                        bar.show(step)
                if time.monotonic() > deadline:
                    raise TidegateError(
                        "not_deployed", f"The project is not ready after {DEPLOY_SECONDS} s: {_why(status)}"
                    )
                time.sleep(0.2)
        cohort = self._status().cohort
        if cohort is None:
            raise TidegateError("not_deployed", "The project is ready, but has no cohort.")
        size = cohort.total_bytes / 1024**2
        self.report.note(
            f"{cohort.files} files, {size:.0f} MiB, {cohort.refused} refused, manifest {cohort.manifest_sha256[:12]}"
        )

    def _open_workspace(self) -> None:
        rosa = self._person("rosa")
        start = rosa.log_in(f"{self.hub_url}/hub/login", password_of("rosa"))
        doors = start.links(f"/{PROJECT}")
        if not doors:
            raise TidegateError("no_door", f"Rosa's start page has no door to {PROJECT}: {start.text[:300]}")
        page = self._arrive(rosa, doors[0])
        self._notebook = Notebook(rosa, page.url.split(f"/{PROJECT}/")[0] + f"/{PROJECT}/")
        self.report.note(f"at {page.url}")

    def _arrive(self, person: Person, door: str) -> Page:
        """Through the door and past the waiting page, which a browser reloads by itself."""
        deadline = time.monotonic() + SPAWN_SECONDS
        page = person.open(door)
        while f"/user/{person.name}/{PROJECT}/" not in page.url:
            if time.monotonic() > deadline:
                raise TidegateError(
                    "no_workspace", f"No workspace after {SPAWN_SECONDS} s; {page.url} says: {page.text[:300]}"
                )
            time.sleep(0.3)
            page = person.open(page.url)
        return page

    def _read(self) -> None:
        count, *rest = self._cell(cells.READ).split()
        self.report.note(f"{count} images; the first: {' '.join(rest)}")
        refused = self._cell(cells.NO_WAY_OUT).strip()
        if "open" in refused:
            raise TidegateError("kernel_has_network", f"The kernel could make a socket: {refused}")
        self.report.note(f"a socket to the world is refused: {refused}")

    def _write(self) -> None:
        self._cell(cells.WRITE)

    def _try_dicom(self) -> None:
        review, rosa = self._desk(), self._person("rosa")
        open_now = self._open_request()
        if open_now is not None and open_now.files == RESULTS and open_now.status not in WITH_AUTHOR:
            self.report.note("refused in an earlier walk; what was asked for since then is on its way")
            return
        self._cell(cells.COPY_IMAGE)
        request = self._submitted(DISGUISED)
        review.wait_until(rosa, request, Status.RETURNED)
        codes = review.findings(rosa, request)
        self.report.note(f"sent back to Rosa, blocked by {', '.join(codes)}")
        if not any("DICOM" in code for code in codes):
            raise TidegateError("dicom_not_found", f"The DICOM file was not recognised: {codes}")
        review.withdraw(rosa, request)

    def _ask(self) -> None:
        review, rosa = self._desk(), self._person("rosa")
        self._request = self._submitted(RESULTS)
        review.wait_until(rosa, self._request, *SCANNED)
        self._frozen = sorted(review.hashes(rosa, self._request))

    def _submitted(self, files: frozenset[str]) -> str:
        """The address of the open request for these files. Any other that a walk left half-made is withdrawn."""
        review, rosa = self._desk(), self._person("rosa")
        asked = self._open_request()
        if asked is not None and asked.files != files:
            review.withdraw(rosa, asked.address)
            asked = None
        if asked is None:
            self._cell(cells.ASK.format(files=", ".join(map(repr, sorted(files))), context=cells.CONTEXT))
            asked = self._open_request()
        if asked is None or asked.files != files:
            held = ", ".join(sorted(asked.files)) if asked else "no request"
            raise TidegateError("no_draft", f"Rosa asked for {', '.join(sorted(files))}; what stands is {held}.")
        review.submit(rosa, asked.address, cells.CONTEXT)
        return asked.address

    def _open_request(self) -> Asked | None:
        """The request that is open, once nothing asked for in the workspace waits for its answer any more."""
        unanswered = self._cell(cells.SETTLE).strip()
        if unanswered:
            raise TidegateError("not_answered", f"The session server did not answer {unanswered}.")
        return self._desk().open_request(self._person("rosa"))

    def _review(self) -> None:
        review = self._desk()
        for name in ("chidi", "cleo"):
            checker = self._person(name)
            checker.log_in(f"{self.hub_url}/hub/login", password_of(name))
            review.approve_all(checker, self._request)
        review.release(self._person("cleo"), self._request)

    def _download(self) -> None:
        files = self._desk().download(self._person("rosa"), self._request)
        for name, content in sorted(files.items()):
            self.report.note(f"{name}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()[:12]}")
        table = hashlib.sha256(files["table.csv"]).hexdigest()
        if table not in self._frozen:
            raise TidegateError("other_bytes", f"table.csv came out as {table[:12]}, which nobody reviewed.")

    def _verify(self) -> None:
        self._tidegate("ledger", "verify")

    def _cell(self, code: str) -> str:
        if self._notebook is None:
            raise TidegateError("no_workspace", "There is no open notebook.")
        return self._notebook.run(code)

    def _desk(self) -> Review:
        return Review(self.review_url)

    def _person(self, name: str) -> Person:
        return self._people.setdefault(name, Person(name))

    def _store(self) -> SqliteStore:
        return SqliteStore(self.state / "tidegate.db", "governance")

    def _status(self) -> ProjectStatus:
        return self._store().project_status(PROJECT)

    def _tidegate(self, *arguments: str, officer: bool = False) -> None:
        """Run the command line as the person would, and show the command."""
        password = self.state / "secrets" / "password-gwen"
        extra = ("--as", "gwen", "--password-file", str(password)) if officer else ()
        shown = " ".join(Path(part).name if "/" in part else part for part in arguments)
        self.report.note(f"$ tidegate {shown}{' --as gwen' if officer else ''}")
        done = subprocess.run(
            [sys.executable, "-m", "tidegate.cli.main", *arguments, "--state", str(self.state), *extra],
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (done.stdout + done.stderr).strip().splitlines():
            self.report.note(f"  {line}")
        if done.returncode != 0:
            raise TidegateError("command_failed", f"`tidegate {shown}` ended with {done.returncode}.")

    def _close(self) -> None:
        if self._notebook is not None:
            self._notebook.close()
        for person in self._people.values():
            person.close()


def _why(status: ProjectStatus) -> str:
    failed = [f"{step.name}: {step.message} [{step.code}]" for step in status.steps if step.code]
    waiting = [f"{c.type} {c.reason}: {c.message}" for c in status.conditions if not c.status]
    return "; ".join(failed or waiting) or status.phase
