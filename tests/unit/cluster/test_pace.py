"""Writes keep below their rate however many threads want to, and a quiet while lets a few through at once."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.cluster.pace import Pace


class Time:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_no_second_has_more_turns_than_the_rate_and_one_burst(pauses: list[float]) -> None:
    time = Time()
    pace = Pace(rate=50, burst=10, clock=lambda: time.now, sleep=time.sleep)
    turns = []
    for pause in pauses:
        time.now += pause
        pace.wait()
        turns.append(time.now)
    for start in turns:
        assert sum(start <= turn < start + 1 for turn in turns) <= 50 + 10


def test_a_quiet_while_lets_a_burst_through_and_no_more() -> None:
    time = Time()
    pace = Pace(rate=50, burst=10, clock=lambda: time.now, sleep=time.sleep)
    for _ in range(10):
        pace.wait()
    assert time.now == 100.0
    pace.wait()
    assert time.now > 100.0


def test_many_writes_take_as_long_as_the_rate_says() -> None:
    time = Time()
    pace = Pace(rate=50, burst=10, clock=lambda: time.now, sleep=time.sleep)
    for _ in range(1500):
        pace.wait()
    assert 29 < time.now - 100 < 30.5
