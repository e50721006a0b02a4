"""What the policy asks of an engine and of the store. The fail-closed wrapper calls both; adapters are elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from tidegate.model import AnyResource, Kind


class Point(StrEnum):
    """A question with an answer of its own. Each is one entry rule in Rego."""

    PROJECT_APPROVE = "project.approve"
    WORKSPACE_START = "workspace.start"
    EGRESS_RELEASE = "egress.release"


@dataclass(frozen=True)
class Bundle:
    """All that an engine decides from: rules, data, and the names of both.

    Attributes:
        modules: file name to Rego source.
        data: the document rules see as `data`.
        version: digest of rules and shipped data.
        revision: digest of the compiled licences.
    """

    modules: Mapping[str, str]
    data: Mapping[str, Any]
    version: str
    revision: str


class Engine(Protocol):
    def evaluate(self, point: Point, payload: Mapping[str, Any]) -> object:
        """The value of the point's entry rule.

        Raises:
            Exception: anything; the wrapper turns it into a refusal.
        """
        ...


EngineOf = Callable[[Bundle], Engine]


class Register(Protocol):
    """The part of a `ResourceStore` that deciding reads."""

    def get(self, kind: Kind, name: str) -> AnyResource | None: ...

    def list(self, kind: Kind) -> tuple[AnyResource, ...]: ...

    def generation(self) -> int: ...
