"""`tidegate apply` and `tidegate get`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from governance.application.apply import apply
from tidegate.cli.console import Output, OutputOption, say, show
from tidegate.cli.placed import placed
from tidegate.cli.session import AsOption, PasswordFileOption, Place, open_store, who_acts
from tidegate.cluster.names import username_of
from tidegate.model import ONE_MACHINE, AnyResource, ExitCode, Kind, Project, TidegateError, read_resource, utc_now
from tidegate.store import Store

SHORT_NAMES = {kind.lower(): kind for kind in Kind} | {f"{kind.lower()}s": kind for kind in Kind}
# Before there is an officer, whoever runs the installation makes the first grants.
FIRST_GRANTS = "tidegate:first-grants"
FileOption = Annotated[list[Path], typer.Option("--file", "-f", help="YAML file, or '-' for stdin. May be repeated.")]
COLUMNS: dict[Kind, tuple[str, ...]] = {
    Kind.LICENCE: ("name", "title", "spdx", "validTo"),
    Kind.DATASET: ("name", "title", "custodian", "tier", "licence"),
    Kind.PROJECT: ("name", "title", "phase", "ready", "next", "ends"),
    Kind.GRANT: ("name", "person", "role", "project", "until"),
    Kind.APPROVAL: ("name", "subject", "verdict", "by", "at", "counts"),
    Kind.COHORT: ("name", "project", "version"),
}


@placed
def apply_command(
    place: Place,
    file: FileOption,
    officer: AsOption = None,
    password_file: PasswordFileOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge everything, write nothing.")] = False,
) -> None:
    """Register licences, data sets, projects and grants from YAML. All of a call or nothing."""
    resources = [resource for path in file for resource in read_file(path)]
    actor = who_acts(open_store(place, create=True), officer, password_file)
    store = open_store(place, writes_as=username_of(actor) if actor else FIRST_GRANTS)
    # What a cluster offers, its API server knows.
    profiles = () if place.is_cluster else ONE_MACHINE
    for done in apply(store, resources, actor, utc_now(), dry_run=dry_run, profiles=profiles):
        say(f"{done.kind} {done.name} {done.change}{' (dry run)' if dry_run else ''}")


def read_file(path: Path) -> list[AnyResource]:
    """Every document of a YAML file as a resource.

    Raises:
        TidegateError: ``file_unreadable``, ``yaml_invalid``, ``file_empty`` or ``resource_invalid``.
    """
    documents = [document for document in _documents(path) if document is not None]
    if not documents:
        raise TidegateError("file_empty", f"{path} holds no resource.", "Give a file with one or more.", ExitCode.USAGE)
    return [read_resource(document, f"{path}, document {number}") for number, document in enumerate(documents, 1)]


def _documents(path: Path) -> list[object]:
    try:
        text = sys.stdin.read() if path == Path("-") else path.read_text(encoding="utf-8")
        return list(yaml.safe_load_all(text))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise TidegateError("file_unreadable", f"{path} cannot be read: {why}.", "", ExitCode.USAGE) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it does not parse"
        raise TidegateError("yaml_invalid", f"{path}{where} is no YAML: {problem}.", "", ExitCode.USAGE) from error


@placed
def get_command(
    place: Place,
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(sorted(k.lower() for k in Kind))}.")],
    name: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List resources of a kind, or show one with its status."""
    wanted = SHORT_NAMES.get(kind.lower())
    if wanted is None:
        raise TidegateError("kind_unknown", f"There is no kind {kind!r}.", f"Kinds: {', '.join(Kind)}.", ExitCode.USAGE)
    store = open_store(place)
    found = [item for item in store.list(wanted) if name in {None, item.name}]
    if name is not None and not found:
        raise TidegateError("not_found", f"There is no {wanted} named {name}.", "", ExitCode.NOT_FOUND)
    rows = [_row(item, store) for item in found]
    plain = output is Output.TABLE
    show([flat(row) for row in rows] if plain else rows, COLUMNS[wanted], output)


def _row(resource: AnyResource, store: Store) -> dict[str, Any]:
    """All of a resource, and for a project how it stands."""
    row: dict[str, Any] = resource.model_dump(mode="json", by_alias=True)
    if not isinstance(resource, Project):
        return row
    status = store.project_status(resource.name).model_dump(mode="json", by_alias=True)
    return {**row, "status": {**status, "digest": resource.digest()}}


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a table: spec fields, references by name, and for a project its state in short."""
    spec, status = row["spec"], row.get("status", {})
    cells = {
        key: value.get("name") or value.get("subject") if isinstance(value, dict) else value
        for key, value in spec.items()
    }
    ready = next((c for c in status.get("conditions", ()) if c["type"] == "Ready"), None)
    return {
        **cells,
        "name": row["metadata"]["name"],
        "validTo": (spec.get("grant") or {}).get("validTo") or "",
        "phase": status.get("phase", ""),
        "ready": ready["reason"] if ready else "",
        "next": f"{status['nextAt']} {status['nextBecause']}" if status.get("nextAt") else "",
    }
