"""A cohort's volume and its jobs, run one after the other in this process as the cluster would run them in pods."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import model_kit
from cohort_kit import NOW, FolderSource
from provisioner.domain.loading import Line, Order, Result, Stage
from provisioner.loader import work as wiring
from tidegate.ledger import Record

GIB = 1024**3


def order(**changes: Any) -> Order:
    body = {
        "project": model_kit.project(),
        "datasets": (model_kit.dataset(),),
        "licences": (model_kit.licence(),),
        "version": 1,
        "now": NOW,
        "capacity_bytes": GIB,
    }
    return Order(**{**body, **changes})


@dataclass
class Jobs:
    """Runs stages on one volume. Only `pull` may have the source."""

    root: Path
    source: FolderSource
    patch: pytest.MonkeyPatch
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.volume = self.root / "volume"
        self.volume.mkdir(parents=True, exist_ok=True)
        self.places = wiring.Places(self.volume, self.root / "secrets", self.root / "result")
        self.patch.setattr(wiring, "XnatSource", lambda _credentials: self.source)

    def run(self, stage: Stage, **changes: Any) -> Result:
        return wiring.work(stage, order(**changes), self.places, self.said.append)

    def through(self, *stages: Stage, **changes: Any) -> Result:
        results = [self.run(stage, **changes) for stage in stages]
        return results[-1]

    def records(self) -> list[Record]:
        lines = [Line.model_validate_json(text) for text in self.said]
        return [line.record for line in lines if line.record]

    def steps(self) -> list[dict[str, Any]]:
        return [step for text in self.said if (step := json.loads(text).get("step"))]

    def view(self) -> Path:
        return self.volume / "cohorts" / "breast-density" / "v1"


Make = Callable[[FolderSource], Jobs]
