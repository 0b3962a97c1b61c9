"""Which age to ask for is learned from what was read at other ages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fsp_ray.core.ages import age_group
from fsp_ray.swap.choosing_ages import (
    CLOSE_YEARS,
    AgeReading,
    AgeTrail,
    aim_years,
    first_asked_years,
    usual_slope,
    usually_older_years,
)

AGES = st.floats(0, 110)


@given(AGES)
@example(4.5)
@example(34.5)
def test_the_aim_stays_in_the_group_and_near_the_person(age: float) -> None:
    aim = aim_years(age)
    assert age_group(aim) == age_group(age)
    assert abs(aim - age) <= CLOSE_YEARS + 1e-9


@pytest.mark.parametrize(("age", "aim"), [(34.4, 33.0), (34.6, 36.0), (40, 40), (2, 2), (100, 100)])
def test_the_aim_is_clear_of_borders_alone(age: float, aim: float) -> None:
    assert aim_years(age) == pytest.approx(aim)


@given(AGES, st.floats(-CLOSE_YEARS * 0.8, CLOSE_YEARS * 0.8))
def test_who_misses_the_aim_by_little_stays_in_the_group(age: float, miss: float) -> None:
    read = min(max(aim_years(age) + miss, 0), 120)
    assert age_group(read) == age_group(age)


@given(st.floats(30, 60), st.floats(-7, 7), st.floats(0.6, 2), st.integers(0, 3))
def test_a_straight_line_is_hit_after_two_readings(
    age: float, bias: float, slope: float, view: int
) -> None:
    trail = AgeTrail(age)
    for asked in (age, age + 7):
        trail = trail.with_reading(AgeReading(asked, view, bias + slope * (asked - age)))
    asked = trail.next_asked_years()
    assert trail.misses_years(asked) == pytest.approx(0, abs=0.5)
    assert age + bias + slope * (asked - age) == pytest.approx(aim_years(age), abs=0.5)


def test_views_are_averaged() -> None:
    trail = AgeTrail(40).with_reading(AgeReading(40, 0, -4)).with_reading(AgeReading(40, 1, 2))
    assert trail.older_years(40) == pytest.approx(-1)
    assert trail.older_years(50) > trail.older_years(40)


def test_two_views_say_nothing_about_the_slope() -> None:
    trail = AgeTrail(40).with_reading(AgeReading(40, 0, -4)).with_reading(AgeReading(50, 1, 20))
    assert trail.slope() == AgeTrail(40).slope()


def test_unread_it_is_taken_to_be_right() -> None:
    assert AgeTrail(40).next_asked_years() == pytest.approx(40)
    assert not AgeTrail(40).leaves_group(40)


def test_leaving_the_group_is_seen() -> None:
    trail = AgeTrail(34).with_reading(AgeReading(34, 0, 2))
    assert trail.leaves_group(34)
    assert not trail.leaves_group(trail.next_asked_years())


def test_between_two_readings_lies_what_is_wanted() -> None:
    """Even where the slope would lead beyond them."""
    trail = AgeTrail(40)
    for asked, older in ((40, 8.0), (30, 6.0), (20, -20.0)):
        trail = trail.with_reading(AgeReading(asked, 0, older))
    assert 20 < trail.next_asked_years() < 30


def test_at_first_faces_are_made_a_little_older_where_they_read_too_young() -> None:
    for age, older in ((10.0, -2.0), (45.0, -5.0), (60.0, -3.0)):
        (asked,) = first_asked_years(age, np.array([older]))
        assert age < asked
        read = age + older + usual_slope(age) * (asked - age)
        assert read == pytest.approx(aim_years(age), abs=0.2)


def test_at_first_no_face_is_made_much_older_or_younger() -> None:
    younger, older = first_asked_years(50.0, np.array([40.0, -40.0]))
    assert (younger, older) == (28.0, 72.0)
    assert first_asked_years(3.0, np.array([40.0]))[0] == 0


def test_grown_people_read_too_young_and_most_of_that_is_foreseen() -> None:
    assert usually_older_years(40) < -5
    assert all(0.25 < usual_slope(age) < 1 for age in range(100))
