"""Interval schedules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_coordinator.schedules import check_every, next_every_fire_us
from headrace_protocol.errors import ErrorCode, ScheduleError

instants_us = st.integers(-(10**15), 4 * 10**15)


def test_an_interval_fires_at_multiples_from_its_anchor() -> None:
    assert next_every_fire_us(600, 0, 0) == 600_000_000
    assert next_every_fire_us(600, 0, 599_999_999) == 600_000_000
    assert next_every_fire_us(600, 0, 600_000_000) == 1_200_000_000
    assert next_every_fire_us(0.25, 100, 100) == 250_100


def test_an_interval_fires_first_at_its_anchor() -> None:
    assert next_every_fire_us(600, 1_000, 999) == 1_000
    assert next_every_fire_us(600, 1_000, -5) == 1_000


@given(every_s=st.floats(0.001, 10**7), anchor_us=instants_us, after_us=instants_us)
def test_an_interval_is_never_early_never_late_and_aligned(
    every_s: float, anchor_us: int, after_us: int
) -> None:
    every_us = round(every_s * 10**6)
    fire_us = next_every_fire_us(every_s, anchor_us, after_us)
    assert fire_us > after_us
    assert fire_us >= anchor_us
    assert (fire_us - anchor_us) % every_us == 0
    assert fire_us - every_us <= after_us or fire_us == anchor_us


@pytest.mark.parametrize("every_s", [0, -1, 0.0001, float("inf"), float("nan"), 10**11])
def test_an_interval_that_is_no_time_is_refused(every_s: float) -> None:
    with pytest.raises(ScheduleError) as caught:
        check_every(every_s, where="trigger often")
    assert caught.value.code == ErrorCode.SCHEDULE_INVALID
    assert str(every_s) in caught.value.found
    assert caught.value.where == "trigger often"
