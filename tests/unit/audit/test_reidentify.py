"""Distances between faces before and after, and when they count as a match."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.audit import Closeness, centroid, compare, found_first
from fsp_ray.core.face_types import F32


def _unit(*rows: list[float]) -> F32:
    vectors = np.array(rows, np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_the_same_frame_and_the_others_are_both_compared() -> None:
    source = _unit([1, 0, 0], [0, 1, 0])
    published = _unit([0, 0, 1], [1, 0, 0.01])  # the second is the first frame's face
    close = compare(source, published, threshold=0.1, caution=0.2)
    assert close.distance_mean == pytest.approx(1, abs=0.01)
    assert close.distance_min == pytest.approx(0, abs=0.01)
    assert (close.looks, close.matched_looks) == (2, 1)
    assert close.matches


def test_strangers_do_not_match() -> None:
    close = compare(_unit([1, 0, 0]), _unit([0, 1, 0]), threshold=0.1, caution=0.2)
    assert (close.matched_looks, close.matches) == (0, False)


@pytest.mark.parametrize(
    ("looks", "matched", "matches"), [(8, 1, True), (49, 1, True), (50, 1, False), (50, 2, True)]
)
def test_one_look_in_fifty_may_match_by_chance(looks: int, matched: int, matches: bool) -> None:
    close = Closeness(looks, 0.2, 0.05, matched, 0.067, 0.088, mean_matches=False)
    assert close.matches is matches


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0.01, 1.5))
def test_the_laws_of_a_comparison(looks: int, seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    source, published = (_unit(*rng.normal(size=(looks, 8)).tolist()) for _ in range(2))
    close = compare(source, published, threshold=threshold, caution=1.5)
    assert 0 <= close.distance_min <= close.distance_mean <= 2
    assert (close.matched_looks > 0) == (close.distance_min < threshold)
    itself = compare(source, source, threshold=threshold, caution=1.5)
    assert itself.matched_looks == looks
    assert itself.matches


def test_nothing_to_compare_is_refused() -> None:
    none = np.zeros((0, 8), np.float32)
    with pytest.raises(ValueError, match="look"):
        compare(none, none, threshold=0.1, caution=0.2)


def test_the_nearest_person_of_a_run() -> None:
    gallery = {"a": _unit([1, 0, 0])[0], "b": _unit([0, 1, 0])[0]}
    near_a = _unit([1, 0.2, 0])[0]
    assert found_first("a", near_a, gallery) is True
    assert found_first("b", near_a, gallery) is False
    assert found_first("a", near_a, {"a": gallery["a"]}) is None  # nobody to be mistaken for
    assert found_first("c", near_a, gallery) is None


def test_a_centroid_is_a_unit_vector() -> None:
    assert np.linalg.norm(centroid(_unit([1, 0], [0, 1]))) == pytest.approx(1)


def test_a_person_matches_by_the_mean_where_no_look_does() -> None:
    """Looks that err each in its own direction agree once they are averaged."""
    rng = np.random.default_rng(0)
    person = np.zeros(64)
    person[0] = 1
    looks = person + rng.normal(0, 0.1, (2, 12, 64))
    looks /= np.linalg.norm(looks, axis=2, keepdims=True)
    source, published = looks.astype(np.float32)
    closeness = compare(source, published, threshold=0.15, caution=0.2)
    assert closeness.matched_looks == 0
    assert closeness.mean_matches
    assert closeness.matches
