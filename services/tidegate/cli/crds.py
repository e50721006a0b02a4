"""Writes the custom resources' definitions: `python -m tidegate.cli.crds` renders `charts/tidegate/crds/` anew.

For developers, after a change of the models; a test fails while a file is stale.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.definitions import definition
from tidegate.model import Kind

FOLDER: Final = Path(__file__).resolve().parents[3] / "charts" / "tidegate" / "crds"
HEAD: Final = "# Written by `python -m tidegate.cli.crds` from the models in services/tidegate/model; do not edit.\n"


def rendered() -> Mapping[str, str]:
    """Each file's name and text."""
    return {
        f"{CUSTOM[kind].plural}.yaml": HEAD + yaml.safe_dump(definition(kind), sort_keys=False, width=120)
        for kind in Kind
    }


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in rendered().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name} is current.\n")


if __name__ == "__main__":
    main()
