"""Finds any edit, deletion, insertion or re-order in the chains. Pure; used by `tidegate ledger verify`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from tidegate.ledger.events import Event
from tidegate.ledger.record import GENESIS, Entry, digest_of_entry

Row = tuple[str, int, str, str, str, str]
Head = tuple[int, str]


@dataclass(frozen=True)
class Fault:
    """One thing wrong: in which chain, at which entry, and what."""

    chain: str
    seq: int
    what: str


def read_row(row: Row) -> Entry | None:
    """A stored row as an entry, or None where it no longer reads as one."""
    chain, seq, at, previous, record, digest = row
    try:
        body = {"chain": chain, "seq": seq, "at": at, "previous": previous, "digest": digest}
        return Entry.model_validate({**body, "record": json.loads(record)})
    except (ValueError, ValidationError):
        return None


def verify_chain(chain: str, rows: Sequence[Row], witness: Head | None) -> list[Fault]:
    """Faults of one chain, its rows in order of sequence, against its witness."""
    faults: list[Fault] = []
    expected_seq, previous = 1, GENESIS
    for row in rows:
        faults += _faults_of(row, expected_seq, previous)
        expected_seq, previous = row[1] + 1, row[5]
    return faults + _cut_off(chain, rows, witness)


def _faults_of(row: Row, expected_seq: int, previous: str) -> list[Fault]:
    chain, seq = row[0], row[1]
    entry = read_row(row)
    if seq != expected_seq:
        return [Fault(chain, seq, f"entry {expected_seq} is missing")]
    if entry is None:
        return [Fault(chain, seq, "the entry no longer reads as one")]
    if entry.previous != previous:
        return [Fault(chain, seq, "it does not follow the entry before it")]
    if digest_of_entry(entry.chain, entry.seq, entry.at, entry.previous, entry.record) != entry.digest:
        return [Fault(chain, seq, "its content does not match its digest")]
    return []


def _cut_off(chain: str, rows: Sequence[Row], witness: Head | None) -> list[Fault]:
    if witness is None:
        return []
    seq, digest = witness
    by_seq = {row[1]: row[5] for row in rows}
    if seq not in by_seq:
        return [Fault(chain, seq, "the end of the chain was cut off: the witness saw this entry")]
    return [] if by_seq[seq] == digest else [Fault(chain, seq, "the witness saw another entry here")]


def verify_anchors(chains: Mapping[str, Sequence[Row]]) -> list[Fault]:
    """Each chain remembers heads of the others; every remembered head must still stand."""
    faults = []
    for chain, rows in chains.items():
        for seq, other, head in _anchors(rows):
            if _digest_at(chains.get(other, ()), head[0]) != head[1]:
                faults.append(
                    Fault(chain, seq, f"it remembers entry {head[0]} of chain {other}, which is gone or changed")
                )
    return faults


def _anchors(rows: Iterable[Row]) -> Iterable[tuple[int, str, Head]]:
    for row in rows:
        entry = read_row(row)
        if entry is None or entry.record.event is not Event.LEDGER_HEADS_ANCHORED:
            continue
        for other, text in entry.record.detail.items():
            number, _, digest = str(text).partition(":")
            yield entry.seq, other, (int(number) if number.isdigit() else -1, digest)


def _digest_at(rows: Sequence[Row], seq: int) -> str | None:
    return next((row[5] for row in rows if row[1] == seq), None)


def verify(chains: Mapping[str, Sequence[Row]], witness: Mapping[str, Head]) -> list[Fault]:
    """All faults of all chains, in order of chain and entry. Empty means the ledger stands as it was written."""
    faults = [fault for chain in sorted(chains) for fault in verify_chain(chain, chains[chain], witness.get(chain))]
    gone = [Fault(chain, head[0], "the whole chain is gone") for chain, head in witness.items() if chain not in chains]
    return faults + gone + verify_anchors(chains)
