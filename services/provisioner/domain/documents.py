"""The pages that lie beside the images: what this is, whom to thank, what the gate left out. Codes, never values."""

import json

from provisioner.domain.manifest import Gathered, OutCount
from tidegate.model import Dataset, Licence, Project


def documents(
    project: Project, datasets: tuple[Dataset, ...], licences: dict[str, Licence], gathered: Gathered
) -> dict[str, bytes]:
    """Every document of the view by its name; `manifest.parquet` is made by the adapter from the same rows."""
    return {
        "manifest.json": gathered.manifest(),
        "README.md": readme(project, datasets, gathered).encode(),
        "ATTRIBUTION.md": attribution(datasets, licences).encode(),
        "gate-report.json": report(gathered),
    }


def readme(project: Project, datasets: tuple[Dataset, ...], gathered: Gathered) -> str:
    lines = [
        f"# {project.spec.title}",
        "",
        f"A read-only copy of {len(gathered.rows)} images for the project `{project.name}`.",
        f"{gathered.refused} files stayed out; `gate-report.json` counts the reasons.",
        "",
        "| file | what it holds |",
        "|---|---|",
        "| `projects/` | the images, by XNAT project, experiment and scan |",
        "| `manifest.parquet`, `manifest.json` | a row for each image: path, UIDs, pseudonym, SHA-256, licence |",
        "| `ATTRIBUTION.md` | the words of thanks that the licences ask for |",
        "| `gate-report.json` | what the de-identification gate left out, counted by reason |",
        "",
        "SHA-256 of `manifest.json`, as the ledger has it:",
        "",
        f"    {gathered.manifest_sha256()}",
        "",
        "## Data sets",
        "",
        *[f"- **{dataset.spec.title}** (`{dataset.name}`), held by {dataset.spec.custodian}" for dataset in datasets],
    ]
    return "\n".join(lines) + "\n"


def attribution(datasets: tuple[Dataset, ...], licences: dict[str, Licence]) -> str:
    parts = ["# Attribution", "", "Every release that uses these images carries the words below."]
    for dataset in datasets:
        parts += ["", f"## {dataset.spec.title}", "", *_duties(dataset, licences.get(dataset.spec.licence.name))]
    return "\n".join(parts) + "\n"


def _duties(dataset: Dataset, licence: Licence | None) -> list[str]:
    if licence is None:
        return [f"Licence `{dataset.spec.licence.name}`."]
    outputs = licence.spec.outputs
    return [
        f"{licence.spec.title} ({licence.spec.spdx}), {licence.spec.licensor}.",
        *(["", outputs.attribution] if outputs.attribution else []),
        *(["", "Please cite:", ""] if outputs.citations else []),
        *[f"- {citation}" for citation in outputs.citations],
    ]


def report(gathered: Gathered) -> bytes:
    """Counts by code and by tag. A file counts once under `out`, and once for each of its reasons under `reasons`."""
    content = {
        "passed": len(gathered.rows),
        "stayed_out": gathered.refused,
        "out": [_count(count) for count in gathered.out],
        "reasons": [_count(count) for count in gathered.reasons],
    }
    return json.dumps(content, indent=2, sort_keys=True).encode() + b"\n"


def _count(count: OutCount) -> dict[str, str | int]:
    described: dict[str, str | int] = {"code": count.code, "files": count.files}
    return {**described, "tag": count.tag} if count.tag else described
