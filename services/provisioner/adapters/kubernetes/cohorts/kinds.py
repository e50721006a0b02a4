"""The kinds that only cohorts need."""

from typing import Final

from tidegate.cluster.port import Resource

JOB: Final = Resource("batch/v1", "Job", "jobs")
SECRET: Final = Resource("v1", "Secret", "secrets")
EVENT: Final = Resource("v1", "Event", "events")
