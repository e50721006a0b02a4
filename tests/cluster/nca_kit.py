"""Which connections manifests allow, worked out by network-config-analyzer in an environment of its own in the cache.

It pins libraries that ours may not have, so it never shares our environment.
"""

import csv
import hashlib
import io
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.places import CACHE, HERE
from cluster.shell import run

ANALYSER: Final = CACHE / "nca"
LOCK: Final = HERE / "requirements" / "nca.txt"
INSTALL_SECONDS: Final = 600
OURS: Final = re.compile(r"app\.kubernetes\.io/component (?:in \((?P<many>[^)]*)\)|= ?(?P<one>\S+))")
Manifest = dict[str, Any]
# From whom, to whom (namespace and pod, or an address), over what.
Flow = tuple[str, str, str]


def analyser() -> Path:
    """The program; its environment is made where it is missing or its lock has changed."""
    done = ANALYSER / "lock.sha256"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not done.is_file() or done.read_text(encoding="utf-8") != digest:
        run(sys.executable, "-m", "venv", "--clear", str(ANALYSER), seconds=INSTALL_SECONDS)
        pip = (str(ANALYSER / "bin" / "pip"), "install", "-q", "--disable-pip-version-check")
        run(*pip, "--require-hashes", "-r", str(LOCK), seconds=INSTALL_SECONDS)
        done.write_text(digest, encoding="utf-8")
    return ANALYSER / "bin" / "nca"


def flows(manifests: Iterable[Manifest], folder: Path) -> frozenset[Flow]:
    """Every connection that is allowed, one row for each pair."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "all.yaml").write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
    said = run(str(analyser()), "--connectivity", "-r", str(folder), "--output_format", "csv", seconds=120)
    table = said[said.index('"query"') :].partition("\n\n")[0]
    rows = [row for row in csv.DictReader(io.StringIO(table)) if row["connection"]]
    return frozenset(
        (source, target, row["connection"])
        for row in rows
        for source in _ends(row["src_ns"], row["src_pods"])
        for target in _ends(row["dst_ns"], row["dst_pods"])
    )


def _ends(namespaces: str, pods: str) -> list[str]:
    """`tg-a/workspace` for each pod of each namespace named together; an address stands by itself."""
    if not namespaces:
        return [pods]
    return [f"{space}/{pod}" for space in _listed(namespaces) for pod in _names(pods)]


def _names(pods: str) -> list[str]:
    found = OURS.search(pods)
    if found is None:
        return _listed(pods)
    return [name.strip() for name in (found["many"] or found["one"].rstrip("]")).split(",")]


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.strip("[]").split(",")]
