from __future__ import annotations

from typing import Any

import pytest

from fsp_ray.faces import aggregate


def test_age_is_the_weighted_median_and_side_views_do_not_count(fakes: Any) -> None:
    got = aggregate(
        [
            fakes.summary("a", 0, 9, 1, age=[30, 31, 80, 5], frontal=[True, True, False, False]),
            fakes.summary("b", 9, 18, 1, age=[33, 90, 90, 90], weight=[3, 0.1, 0.1, 0.1]),
        ]
    )
    assert got is not None
    assert got.age_years == pytest.approx(33)


def test_gender_is_the_weighted_majority(fakes: Any) -> None:
    got = aggregate(
        [fakes.summary("a", 0, 9, 1, female=[0.1, 0.1, 0.9, 0.9], weight=[1.0, 1.0, 0.2, 0.2])]
    )
    assert got is not None
    assert got.gender == "male"
    assert 0.7 < got.gender_confidence < 0.9


def test_side_views_speak_where_there_is_nothing_else(fakes: Any) -> None:
    got = aggregate(
        [fakes.summary("a", 0, 9, 1, age=[50] * 4, female=[0.1] * 4, frontal=[False] * 4)]
    )
    assert got is not None
    assert got.age_years == 50
    assert got.gender == "male"


def test_a_person_never_seen_well_is_not_guessed(fakes: Any) -> None:
    assert aggregate([fakes.summary("a", 0, 9)]) is None


def test_a_person_without_tracks_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one track"):
        aggregate([])
