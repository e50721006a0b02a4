"""One budget for all that reaches the browser: what is not known or not left is not drawn, and nothing is forgotten."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_kit import RecordingIntake
from workspace.session.budget import Budget, Kind, Refusal
from workspace.session.drawn import report, report_for_ever
from workspace.session.intake import Intake
from workspace.session.journal import FileJournal


class Memory:
    def __init__(self) -> None:
        self.kept: dict[str, int] = {}

    def write(self, pending: object) -> None:
        self.kept = dict(pending)  # type: ignore[call-overload]

    def read(self) -> dict[str, int]:
        return self.kept


def known(cap: int, total: int = 0) -> Budget:
    budget = Budget(cap, Memory())
    budget.recorded({}, total)
    return budget


def test_an_unknown_total_draws_nothing() -> None:
    budget = Budget(1_000, Memory())
    assert budget.draw(Kind.STREAM, 1) is Refusal.UNKNOWN
    assert budget.pending() == {}


def test_what_is_left_is_drawn_and_no_more() -> None:
    budget = known(100, total=60)
    assert budget.draw(Kind.STREAM, 40) is None
    assert budget.draw(Kind.DISPLAY, 1) is Refusal.SPENT


def test_essentials_pass_and_are_counted() -> None:
    budget = known(10)
    assert budget.draw(Kind.STATUS, 50, essential=True) is None
    assert budget.usage().drawn == 50
    assert budget.draw(Kind.STREAM, 1) is Refusal.SPENT


def test_every_refusal_has_a_sentence() -> None:
    assert all(refusal.sentence.endswith(".") for refusal in Refusal)


@given(st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 60)), max_size=40), st.integers(0, 500))
def test_the_cap_is_never_passed(draws: list[tuple[Kind, int]], cap: int) -> None:
    budget = known(cap)
    sent = sum(size for kind, size in draws if budget.draw(kind, size) is None)
    assert sent <= cap
    assert sum(budget.pending().values()) == sent


def test_a_server_killed_before_reporting_forgets_nothing(tmp_path: Path) -> None:
    first = Budget(1_000, FileJournal(tmp_path / "drawn.json"))
    first.recorded({}, 0)
    first.draw(Kind.STREAM, 700)
    second = Budget(1_000, FileJournal(tmp_path / "drawn.json"))
    second.recorded({}, 0)
    assert second.pending() == {"stream": 700}
    assert second.draw(Kind.STREAM, 400) is Refusal.SPENT


def test_what_is_drawn_while_a_report_is_on_its_way_stays_pending() -> None:
    budget = known(1_000)
    budget.draw(Kind.STREAM, 100)
    sent = budget.pending()
    budget.draw(Kind.STREAM, 30)
    budget.recorded(sent, 100)
    assert budget.pending() == {"stream": 30}
    assert budget.usage().drawn == 130


@pytest.mark.parametrize("planted", [b"not json", b"[1]", b'{"stream": "x"}', b"\xff\xff"])
def test_a_damaged_journal_stops_the_server(planted: bytes, tmp_path: Path) -> None:
    """It is in private state, where only the server writes; what it held cannot be guessed."""
    (tmp_path / "drawn.json").write_bytes(planted)
    with pytest.raises((ValueError, AttributeError)):
        Budget(1, FileJournal(tmp_path / "drawn.json"))


def test_a_journal_is_not_opened_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "drawn.json").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        FileJournal(tmp_path / "drawn.json")


def test_reports_reach_the_ledger_and_the_total_comes_back() -> None:
    with RecordingIntake() as intake:
        intake.recorder.total = 500
        budget = Budget(10_000, Memory())

        async def session() -> None:
            client = Intake(intake.url, "t")
            await report(budget, client)
            assert budget.usage().drawn == 500
            budget.draw(Kind.STREAM, 100)
            budget.draw(Kind.CONTENTS, 20)
            await report(budget, client)
            await client.close()

        asyncio.run(session())
        assert intake.recorder.drawn == {"stream": 100, "contents": 20}
        assert intake.recorder.tokens == {"token t"}
        assert budget.usage().drawn == 620


def test_when_the_ledger_is_down_nothing_more_is_drawn_until_it_is_back() -> None:
    with RecordingIntake() as intake:
        budget = known(10_000)

        async def session() -> None:
            client = Intake(intake.url, "t")
            budget.draw(Kind.STREAM, 5)
            intake.recorder.down = True
            await report(budget, client)
            assert budget.draw(Kind.STREAM, 1) is Refusal.UNKNOWN
            intake.recorder.down = False
            running = asyncio.create_task(report_for_ever(budget, client, interval=0.01))
            async with asyncio.timeout(10):
                while budget.usage().drawn is None:  # noqa: ASYNC110 - polled with a deadline
                    await asyncio.sleep(0.01)
            running.cancel()
            await client.close()

        asyncio.run(session())
        assert budget.draw(Kind.STREAM, 1) is None
        assert intake.recorder.total == 5


def test_an_intake_that_is_not_there_counts_as_down() -> None:
    budget = known(10_000)
    budget.draw(Kind.STREAM, 5)

    async def session() -> None:
        client = Intake("http://127.0.0.1:1/intake/v1", "t")
        await report(budget, client)
        await client.close()

    asyncio.run(session())
    assert budget.draw(Kind.STREAM, 1) is Refusal.UNKNOWN
    assert budget.pending() == {"stream": 5}
