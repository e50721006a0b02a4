"""One thing a check saw, in words for the researcher and for the checker."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

Severity = Literal["block", "flag", "info"]

EXCERPT: Final = 40


@dataclass(frozen=True)
class Finding:
    """`location` leads from the file through its members; `excerpt` is masked and never the value itself."""

    code: str
    kind: str
    severity: Severity
    location: str
    excerpt: str
    researcher: str
    checker: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def masked(text: str) -> str:
    """First and last character only, with stars between: enough to find the place, too little to use."""
    if len(text) < 3:  # noqa: PLR2004 - nothing is left between the first and the last
        return "*" * len(text)
    stars = "*" * (min(len(text), EXCERPT) - 2)
    return f"{text[0]}{stars}{text[-1]}"
