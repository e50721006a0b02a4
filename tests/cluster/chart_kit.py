"""Renders the chart with Helm, and runs the scanners of an environment of their own in the cache."""

import hashlib
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.places import BIN, CACHE, HERE, REPOSITORY
from cluster.shell import attempt, run

CHART: Final = REPOSITORY / "charts" / "tidegate"
CASES: Final = tuple(sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")))
KUBERNETES: Final = "1.34.4"
SCANNERS: Final = CACHE / "scanners"
LOCK: Final = HERE / "requirements" / "scanners.txt"
INSTALL_SECONDS: Final = 900
Manifest = dict[str, Any]


def helm(*arguments: str) -> str:
    """Helm's output; built where it is missing."""
    run(str(HERE / "build" / "build"), "helm", seconds=1800)
    return run(str(BIN / "helm"), *arguments)


def values_of(case: str) -> Path:
    return CHART / "ci" / f"{case}-values.yaml"


def rendered(case: str, *more: str, release: str = "tidegate") -> str:
    given = ("--namespace", "tidegate", "--kube-version", KUBERNETES, "--values", str(values_of(case)))
    return helm("template", release, str(CHART), *given, *more)


def manifests(case: str, *more: str, release: str = "tidegate") -> list[Manifest]:
    """Everything the chart makes of these values, hooks and tests included, its custom resources' definitions not."""
    return [document for document in yaml.safe_load_all(rendered(case, *more, release=release)) if document]


def refusal(case: str, *more: str) -> str:
    """What Helm says instead of rendering; empty where it renders."""
    given = ("--kube-version", KUBERNETES, "--values", str(values_of(case)))
    done = attempt(str(BIN / "helm"), "template", "tidegate", str(CHART), *given, *more)
    return done.stderr if done.returncode else ""


def pods(found: list[Manifest]) -> dict[str, Manifest]:
    """The pod's spec of everything that makes pods, by the component it is."""
    specs = {}
    for each in found:
        spec = each if each["kind"] == "Pod" else each.get("spec", {}).get("template")
        if spec:
            specs[spec["metadata"]["labels"]["app.kubernetes.io/component"]] = spec["spec"]
    return specs


def of_kind(found: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in found if each["kind"] == kind}


def scanner(name: str) -> str:
    """The path of a scanner, installed from hashed requirements where it is missing."""
    stamp, key = SCANNERS / ".installed", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != key:
        run(sys.executable, "-m", "venv", "--clear", str(SCANNERS), seconds=INSTALL_SECONDS)
        install = ("-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK))
        run(str(SCANNERS / "bin" / "python"), *install, seconds=INSTALL_SECONDS)
        stamp.write_text(key)
    return str(SCANNERS / "bin" / name)
