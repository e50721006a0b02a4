"""Prints the walk: one line a step with its time, a bar for what takes long. Plain text where stdout is no terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tidegate.model import Step, TidegateError


class Report:
    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, soft_wrap=True)
        self._number = 0
        self._began = time.monotonic()

    def note(self, text: str) -> None:
        """A line of detail below the step."""
        self._console.print(f"       {text}")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step of the walk; a failure is printed and passed on."""
        self._number += 1
        began = time.monotonic()
        self._console.print(f"[{self._number:2}]   {title}")
        try:
            yield
        except TidegateError as error:
            self._console.print(f"       FAILED after {time.monotonic() - began:.1f} s: {error}")
            raise
        self._console.print(f"       held, {time.monotonic() - began:.1f} s")

    @contextmanager
    def bar(self, title: str) -> Iterator["Bar"]:
        """A progress bar that a provisioner's step drives."""
        columns = (TextColumn("       {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as progress:
            yield Bar(progress, title)

    def end(self) -> None:
        self._console.print(f"Every step held; {time.monotonic() - self._began:.0f} s in all.")


class Bar:
    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None)

    def show(self, step: Step) -> None:
        self._progress.update(
            self._task, description=step.message or step.name, completed=step.done, total=step.total or None
        )
