"""`tidegate ledger verify` finds any edit, deletion or re-order, and nothing in a ledger left alone."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_kit import NOW
from tidegate.ledger import Actor, Event, LedgerTable, Record, Witness, verify
from tidegate.ledger.verify import Row


def _record(number: int) -> Record:
    actor = Actor.service("test")
    return Record(event=Event.RESOURCE_CREATED, actor=actor, subject=f"Project/p{number}", detail={"number": number})


def _rows(count: int, chain: str = "one", extra: list[Record] | None = None) -> list[Row]:
    db = sqlite3.connect(":memory:").cursor()
    table = LedgerTable(chain)
    table.create(db)
    for record in [*map(_record, range(count)), *(extra or [])]:
        table.append(db, record, NOW)
    rows = table.rows(db)
    db.connection.close()
    return rows


@given(st.integers(0, 12))
def test_an_untouched_chain_has_no_fault(count: int) -> None:
    rows = _rows(count)
    head = {"one": (rows[-1][1], rows[-1][5])} if rows else {}
    assert verify({"one": rows}, head) == []


@given(st.data())
def test_an_edit_of_any_field_of_any_entry_is_found(data: st.DataObject) -> None:
    rows = _rows(6)
    at = data.draw(st.integers(0, 5))
    field = data.draw(st.integers(0, 5))
    edited = list(rows[at])
    edited[field] = {0: "two", 1: 77, 2: "2020-01-01T00:00:00Z", 3: "f" * 64, 4: rows[at - 1][4], 5: "e" * 64}[field]
    changed = [*rows[:at], tuple(edited), *rows[at + 1 :]]
    assert verify({"one": changed}, {})


@given(st.integers(0, 4))
def test_a_deletion_from_the_middle_is_found_without_a_witness(at: int) -> None:
    rows = _rows(6)
    assert verify({"one": rows[:at] + rows[at + 1 :]}, {})


@given(st.permutations(range(5)))
def test_any_other_order_is_found(order: list[int]) -> None:
    rows = _rows(5)
    assert bool(verify({"one": [rows[i] for i in order]}, {})) == (order != sorted(order))


def test_entries_renumbered_after_a_deletion_are_found() -> None:
    rows = _rows(4)
    renumbered = [rows[0], *((row[0], row[1] - 1, *row[2:]) for row in rows[2:])]
    assert verify({"one": renumbered}, {})


def test_a_chain_cut_at_its_end_is_found_by_the_witness_alone() -> None:
    rows = _rows(5)
    assert verify({"one": rows[:3]}, {}) == []
    faults = verify({"one": rows[:3]}, {"one": (5, rows[4][5])})
    assert [fault.what for fault in faults] == ["the end of the chain was cut off: the witness saw this entry"]


def test_a_chain_gone_altogether_is_found() -> None:
    assert [fault.what for fault in verify({}, {"one": (1, "a" * 64)})] == ["the whole chain is gone"]


def test_a_chain_rewritten_from_the_start_is_found_by_the_other_chain() -> None:
    """Whoever can rewrite one chain and its witness must rewrite every chain that remembers it."""
    one, forged = _rows(3), _rows(2)
    anchor = Record(
        event=Event.LEDGER_HEADS_ANCHORED,
        actor=Actor.service("test"),
        subject="Ledger/all",
        detail={"one": f"3:{one[2][5]}"},
    )
    two = _rows(1, "two", [anchor])
    assert verify({"one": one, "two": two}, {}) == []
    assert [fault.chain for fault in verify({"one": forged, "two": two}, {})] == ["two"]


@pytest.mark.parametrize("verb", ["UPDATE ledger SET digest = 'x'", "DELETE FROM ledger"])
def test_the_database_itself_refuses_to_change_the_ledger(verb: str) -> None:
    db = sqlite3.connect(":memory:").cursor()
    table = LedgerTable("one")
    table.create(db)
    table.append(db, _record(1), NOW)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(verb)
    db.connection.close()


def test_the_witness_never_goes_back(tmp_path: Path) -> None:
    db = sqlite3.connect(":memory:").cursor()
    table = LedgerTable("one")
    table.create(db)
    entries = [table.append(db, _record(number), NOW) for number in range(3)]
    witness = Witness(tmp_path / "heads")
    for entry in reversed(entries):
        witness.note(entry)
    assert witness.heads() == {"one": (3, entries[2].digest)}
    db.connection.close()
