"""`tidegate ledger`: verify the chains and show them."""

import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.console import Output, OutputOption, say, show
from tidegate.cli.placed import placed
from tidegate.cli.session import Place, open_store
from tidegate.ledger import LedgerTable, Witness, verify
from tidegate.ledger.verify import Head, Row, read_row
from tidegate.model import ExitCode, TidegateError, to_text

app = typer.Typer(no_args_is_help=True)
EGRESS_DATABASE = "egress.sqlite"


@app.command("verify")
@placed
def verify_command(place: Place, output: OutputOption = Output.TABLE) -> int:
    """Recompute every hash of every chain. Exit 1 with the places where anything was edited, deleted or re-ordered."""
    chains, witness = read_ledger(place)
    faults = verify(chains, witness)
    rows = [{"chain": fault.chain, "entry": fault.seq, "what": fault.what} for fault in faults]
    if faults or output is not Output.TABLE:
        show(rows, ("chain", "entry", "what"), output)
    counts = ", ".join(f"{chain} {len(entries)}" for chain, entries in sorted(chains.items()))
    if faults:
        raise TidegateError(
            "ledger_broken",
            f"The ledger was changed in {len(faults)} place(s).",
            "Stop, keep everything as it is, tell governance.",
        )
    say(f"The ledger holds: every entry follows the one before it ({counts}).")
    return ExitCode.DONE


@app.command("show")
@placed
def show_command(
    place: Place,
    output: OutputOption = Output.TABLE,
    last: Annotated[int, typer.Option("--last", min=1, help="How many of the newest entries.")] = 20,
) -> None:
    """The newest entries of all chains, in order of time."""
    chains, _ = read_ledger(place)
    entries = [entry for rows in chains.values() for row in rows if (entry := read_row(row)) is not None]
    newest = sorted(entries, key=lambda entry: (entry.at, entry.chain, entry.seq))[-last:]
    rows_out = [
        {
            "at": to_text(entry.at),
            "chain": entry.chain,
            "entry": entry.seq,
            "event": str(entry.record.event),
            "actor": entry.record.actor.subject,
            "subject": entry.record.subject,
            "detail": entry.record.detail,
        }
        for entry in newest
    ]
    show(rows_out, ("at", "chain", "entry", "event", "actor", "subject"), output)


def read_ledger(place: Place) -> tuple[dict[str, tuple[Row, ...]], dict[str, Head]]:
    """All chains of a place, and what its witness saw last."""
    chains = open_store(place).rows()
    if place.is_cluster:
        from tidegate.cli import clusters  # noqa: PLC0415 - its libraries are there only where a cluster is spoken to

        return chains, clusters.witness(place.kubeconfig, place.context).heads()
    egress = place.state / EGRESS_DATABASE
    if egress.exists():
        chains["egress"] = _egress_rows(egress)
    return chains, Witness(place.state / "heads").heads()


def _egress_rows(path: Path) -> tuple[Row, ...]:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return tuple(LedgerTable("egress").rows(db.cursor()))
    finally:
        db.close()
