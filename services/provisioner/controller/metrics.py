"""What the controller counts, for Prometheus. No person, file or project is a label."""

from collections import Counter as Tally
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tidegate.model import ProjectPhase, ProjectStatus, StepState

BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._looks = Histogram(
            "tidegate_reconcile_seconds", "How long a look at a project took.", registry=self.registry, buckets=BUCKETS
        )
        self._outcomes = Counter(
            "tidegate_reconciles_total", "Looks by phase found, or 'raised'.", ["outcome"], registry=self.registry
        )
        self._failures = Counter(
            "tidegate_step_failures_total", "Looks that left a failed step, by code.", ["code"], registry=self.registry
        )
        self._writes = Counter(
            "tidegate_cluster_writes_total", "Writes sent to the API.", ["method", "kind"], registry=self.registry
        )

        self._resyncs = Counter("tidegate_resyncs_total", "Times everything was looked at.", registry=self.registry)

    def resynced(self) -> None:
        self._resyncs.inc()

    def looked(self, seconds: float, outcome: str, status: ProjectStatus | None) -> None:
        self._looks.observe(seconds)
        self._outcomes.labels(outcome).inc()
        for step in status.steps if status is not None else ():
            if step.state is StepState.FAILED:
                self._failures.labels(step.code).inc()

    def wrote(self, method: str, kind: str) -> None:
        self._writes.labels(method, kind).inc()

    def watch(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """A number that is read when it is asked for. Names end in their unit."""
        Gauge(f"tidegate_{name}", meaning, registry=self.registry).set_function(read)

    def watch_phases(self, read: Callable[[], Tally[ProjectPhase]]) -> None:
        gauge = Gauge("tidegate_projects", "Projects by phase.", ["phase"], registry=self.registry)
        for phase in ProjectPhase:
            gauge.labels(phase).set_function(lambda phase=phase: read()[phase])  # type: ignore[misc]

    def page(self) -> bytes:
        return generate_latest(self.registry)
