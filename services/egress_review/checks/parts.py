"""What a parser hands on: the type it proved, texts and bytes to search, members to parse again, and complaints."""

from dataclasses import dataclass, field

from egress_review.checks.finding import Finding


class NotThisType(Exception):  # noqa: N818 - an answer, not an error
    """The strict parser does not accept these bytes."""


@dataclass(frozen=True)
class Text:
    """A text at its place. `whole` texts (cells, keys, string values) are looked up as they stand too."""

    location: str
    text: str
    whole: bool = False


@dataclass(frozen=True)
class Member:
    """A file within: its own name, which is a hint, and its bytes."""

    location: str
    name: str
    data: bytes


@dataclass
class Parsed:
    kind: str
    texts: list[Text] = field(default_factory=list)
    columns: list[Text] = field(default_factory=list)
    blobs: list[Member] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Budget:
    """What may still be unpacked in this scan, over all members."""

    unpacked: int
    members: int

    def take(self, size: int) -> bool:
        """False, for ever, once it is spent."""
        self.unpacked -= size
        return self.unpacked >= 0

    def take_member(self) -> bool:
        self.members -= 1
        return self.members >= 0
