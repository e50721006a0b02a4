"""What the policy asks of an engine and of the store. The fail-closed wrapper calls both; adapters are elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from tidegate.model import AnyResource, Kind
from tidegate.policy.codes import Code


class Point(StrEnum):
    """A question with an answer of its own. Each is one entry rule in Rego."""

    PROJECT_APPROVE = "project.approve"
    WORKSPACE_START = "workspace.start"
    EGRESS_RELEASE = "egress.release"


# Constant queries only: the engine in process keeps every distinct one for ever, and the server lets no other through.
ENTRY: Final = {
    Point.PROJECT_APPROVE: "tidegate.project_approve.decision",
    Point.WORKSPACE_START: "tidegate.workspace_start.decision",
    Point.EGRESS_RELEASE: "tidegate.egress_release.decision",
}


class Refused(Exception):  # noqa: N818 - an outcome on its way to `decide`
    """No answer, and why. The wrapper and engines that know the reason raise it; `decide` makes a denial of it."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


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
            Refused: with a code of the engine's own.
            Exception: anything else; the wrapper makes ``policy_error`` of it.
        """
        ...


EngineOf = Callable[[Bundle], Engine]


class Register(Protocol):
    """The part of a `ResourceStore` that deciding reads."""

    def get(self, kind: Kind, name: str) -> AnyResource | None: ...

    def list(self, kind: Kind) -> tuple[AnyResource, ...]: ...

    def generation(self) -> int: ...
