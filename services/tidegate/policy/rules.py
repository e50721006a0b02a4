"""Finds and reads the shipped policies: `policies/` of the repository, or the copy inside the installed package."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tidegate
from tidegate.model import TidegateError, digest_of

PACKAGE = Path(tidegate.__file__).parent
PLACES = (PACKAGE / "policies", PACKAGE.parents[1] / "policies")


@dataclass(frozen=True)
class Rules:
    """Rego sources by file name, the data beside them by stem, and the digest of both."""

    modules: dict[str, str]
    data: dict[str, Any]
    version: str


def policies_folder() -> Path:
    """Where the policies are.

    Raises:
        TidegateError: ``policies_missing``.
    """
    for place in PLACES:
        if (place / "tidegate").is_dir():
            return place
    raise TidegateError(
        "policies_missing",
        f"The policies are in neither {PLACES[0]} nor {PLACES[1]}.",
        "Install Tidegate again; nothing is allowed without them.",
    )


def load_rules(folder: Path, *, tests: bool = False) -> Rules:
    """Everything an engine needs but the licences. `tests` adds the Rego tests."""
    paths = [path for path in sorted((folder / "tidegate").glob("*.rego")) if tests or not _is_test(path)]
    modules = {path.name: path.read_text(encoding="utf-8") for path in paths}
    data = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "data").glob("*.json"))
    }
    return Rules(modules, data, digest_of([modules, data]))


def _is_test(path: Path) -> bool:
    return path.name.endswith("_test.rego")
