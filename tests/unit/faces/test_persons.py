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


def test_a_view_that_is_certain_does_not_outvote_many(fakes: Any) -> None:
    got = aggregate([fakes.summary("a", 0, 9, 1, female=[1.0, 0.1, 0.1, 0.1])])
    assert got is not None
    assert got.gender == "male"
    assert 0.55 < got.gender_confidence < 0.65


def test_nobody_is_sure_of_a_gender_beyond_what_was_measured(fakes: Any) -> None:
    got = aggregate([fakes.summary("a", 0, 9, 1, female=[1.0] * 4)])
    assert got is not None
    assert 0.99 < got.gender_confidence < 0.995


def test_a_childs_age_is_surer_than_an_adults(fakes: Any) -> None:
    child, adult = (aggregate([fakes.summary("a", 0, 9, 1, age=[years] * 4)]) for years in (4, 45))
    assert child is not None
    assert adult is not None
    assert 1 < child.age_std_years < 3
    assert 7 < adult.age_std_years < 11


def test_views_that_disagree_make_an_age_less_sure_and_more_views_surer(fakes: Any) -> None:
    def std(ages: list[float]) -> float:
        got = aggregate(
            [
                fakes.summary(f"t{n}", 9 * n, 9 * n + 9, 1, age=ages[4 * n : 4 * n + 4])
                for n in range(len(ages) // 4)
            ]
        )
        assert got is not None
        return got.age_std_years

    agree, disagree = std([30.0] * 4), std([18.0, 22.0, 38.0, 42.0])
    assert disagree > agree + 1
    assert agree < std([18.0, 22.0, 38.0, 42.0] * 4) < disagree - 0.5


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
