"""What a measurement is held to, what was seen, and whether it held. Every bench prints these."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """`bar` is what the design promises, `seen` what this run showed, each in a reader's words."""

    bar: str
    seen: str
    held: bool

    def __str__(self) -> str:
        return f"  bar   {self.bar}\n  seen  {self.seen}\n  {'HELD' if self.held else 'NOT HELD'}"


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a benchmark's output
