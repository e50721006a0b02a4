"""Every group of writes stands in the ledger before and after; one that fails says with which code."""

import pytest

from model_kit import NOW
from provisioner.adapters.kubernetes.journal import Journal
from tidegate.ledger import Event, Record
from tidegate.model import TidegateError


def test_an_intent_and_its_outcome_surround_the_writes() -> None:
    records: list[Record] = []
    with Journal(lambda record, _now: records.append(record)).group("alpha", "fence", ["Namespace/tg-alpha"], NOW):
        assert [record.event for record in records] == [Event.CLUSTER_WRITE_INTENDED]
    assert [record.event for record in records] == [Event.CLUSTER_WRITE_INTENDED, Event.CLUSTER_WRITTEN]
    assert {record.subject for record in records} == {"Project/alpha"}
    assert records[0].detail == records[1].detail == {"group": "fence", "objects": ["Namespace/tg-alpha"]}


def test_a_failure_is_an_outcome_too() -> None:
    records: list[Record] = []
    journal = Journal(lambda record, _now: records.append(record))
    with pytest.raises(TidegateError), journal.group("alpha", "fence", [], NOW):
        raise TidegateError("cluster_denied", "No.")
    assert records[-1].event == Event.CLUSTER_WRITE_FAILED
    assert records[-1].detail == {"group": "fence", "code": "cluster_denied"}


def test_without_its_intent_nothing_is_written() -> None:
    """The ledger refuses where this process no longer leads."""

    def refuse(_record: Record, _now: object) -> None:
        raise TidegateError("lease_lost", "Another leads.")

    written = []
    with pytest.raises(TidegateError), Journal(refuse).group("alpha", "fence", [], NOW):
        written.append("something")
    assert written == []
