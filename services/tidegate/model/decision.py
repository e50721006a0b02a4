"""What the policy engine answered, in the form every asker reads."""

from enum import StrEnum

from tidegate.model.clock import Instant
from tidegate.model.names import Frozen


class Outcome(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    NEEDS_HUMAN = "needs_human"


class Denial(Frozen):
    """One reason. `dataset` and `clause` are empty where the rule is ours and not a licence's."""

    code: str
    detail: str = ""
    dataset: str = ""
    clause: str = ""


class Obligation(Frozen):
    """A duty that comes with an allow, for example kind ``attribution`` with the text to print."""

    kind: str
    detail: str = ""
    dataset: str = ""
    clause: str = ""


class Decision(Frozen):
    outcome: Outcome
    deny: tuple[Denial, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    deadline: Instant | None = None
    policy_version: str = ""
    revision: str = ""
    input_digest: str = ""

    @property
    def allowed(self) -> bool:
        return self.outcome is Outcome.ALLOW
