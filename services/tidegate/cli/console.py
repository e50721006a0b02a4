"""What commands print: data on stdout as a table, JSON or YAML; messages on stderr. Colour only on a terminal."""

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from tidegate.model import TidegateError


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to print the data.")]


def say(message: str) -> None:
    """A message to the person, on stderr."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(message)


def complain(error: TidegateError) -> None:
    """The one line of a refusal."""
    say(f"tidegate: {error}")


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], output: Output) -> None:
    """Rows as a table of these columns, or whole as JSON or YAML."""
    match output:
        case Output.JSON:
            sys.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        case Output.YAML:
            yaml.safe_dump_all(rows, sys.stdout, sort_keys=False, allow_unicode=True)
        case Output.TABLE:
            _show_table(rows, columns)


def _show_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    Console(highlight=False, markup=False).print(table)
