"""What a loader's job is given beside its order. Made by `LoaderFiles`, handed to the job by `Jobs`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Given:
    """Secret files by name, and which alias tokens they hold: the token's name by its server."""

    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    tokens: Mapping[str, str] = field(default_factory=dict)


NOTHING: Final = Given()
