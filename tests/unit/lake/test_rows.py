from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest

from fsp_ray.core.errors import LakeError
from fsp_ray.lake.rows import to_arrow
from fsp_ray.lake.tables import PERSONS, RUNS, VIDEOS

Make = Callable[..., dict[str, object]]


def one(row: dict[str, object], column: str) -> object:
    return to_arrow(VIDEOS, [row | {"commit_id": "c"}]).column(column)[0].as_py()


def test_a_row_keeps_its_values(video_row: Make) -> None:
    row = video_row("a.mp4", attempts=None)
    (stored,) = to_arrow(VIDEOS, [row | {"commit_id": "c"}]).to_pylist()
    assert stored == row | {"commit_id": "c", "reason": None, "recorded_on": date(2026, 3, 1)}


@pytest.mark.parametrize(
    ("given", "day"),
    [
        ("2026-03-01T23:30:00-05:00", date(2026, 3, 2)),
        ("2026-03-01", date(2026, 3, 1)),
        (datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5))), date(2026, 3, 2)),
        (date(2026, 3, 1), date(2026, 3, 1)),
        (None, None),
        ("", None),
    ],
)
def test_days_are_those_of_utc(video_row: Make, given: object, day: object) -> None:
    assert one(video_row("a.mp4", recorded_on=given), "recorded_on") == day


def test_times_are_utc(video_row: Make) -> None:
    there = datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    stored = one(video_row("a.mp4", finished_at=there), "finished_at")
    assert stored == datetime(2026, 2, 28, 23, tzinfo=UTC)


def test_numbers_of_numpy_are_numbers(video_row: Make) -> None:
    row = video_row("a.mp4", num_frames=np.int64(7), duration_s=np.float32(0.5))
    assert (one(row, "num_frames"), one(row, "duration_s")) == (7, 0.5)


def test_settings_become_json(run_row: Make) -> None:
    (row,) = to_arrow(RUNS, [run_row(settings={"b": 1, "a": {"c": "é"}})]).to_pylist()
    assert row["settings"] == '{"a": {"c": "\\u00e9"}, "b": 1}'


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("age_years", 121.0),
        ("age_years", float("nan")),
        ("age_years", float("inf")),
        ("age_years", "30"),
        ("age_years", True),
        ("visible_s", None),
        ("age_group", "25-35"),
        ("gender", "Female"),
        ("gender_confidence", 0.4),
        ("num_frames", 1.5),
        ("num_frames", 2**63),
        ("num_frames", -1),
        ("replaced", ""),
        ("replaced", 3),
        ("run_id", None),
        ("person_id", "\udce9"),
    ],
)
def test_a_wrong_value_is_named_but_not_shown(person_row: Make, column: str, value: object) -> None:
    row = person_row("a.mp4") | {"commit_id": "c", column: value}
    with pytest.raises(LakeError) as caught:
        to_arrow(PERSONS, [row])
    assert "persons" in str(caught.value)
    assert column in str(caught.value)


@pytest.mark.parametrize("value", ["yesterday", 20260301, "2026-13-01"])
def test_a_wrong_date_is_named(video_row: Make, value: object) -> None:
    with pytest.raises(LakeError, match="recorded_on"):
        one(video_row("a.mp4", recorded_on=value), "recorded_on")


@pytest.mark.parametrize("value", ["{", [1], {"x": float("nan")}, {"x": object()}])
def test_wrong_json_is_named(run_row: Make, value: object) -> None:
    with pytest.raises(LakeError, match="settings"):
        to_arrow(RUNS, [run_row(settings=value)])


def test_unknown_columns_are_refused_and_the_known_listed(person_row: Make) -> None:
    with pytest.raises(LakeError, match="embedding") as caught:
        to_arrow(PERSONS, [person_row("a.mp4", embedding=[0.1, 0.2])])
    assert "age_years" in caught.value.advice
    assert "0.1" not in str(caught.value)


def test_a_key_given_twice_is_refused(person_row: Make) -> None:
    row = person_row("a.mp4") | {"commit_id": "c"}
    with pytest.raises(LakeError, match="more than once"):
        to_arrow(PERSONS, [row, row])
