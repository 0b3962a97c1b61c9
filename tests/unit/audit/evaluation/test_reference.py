"""Thresholds by cohort; people who are in the folder twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from fsp_ray.audit.evaluation.reference import Reference, histogram, is_grown, one_person


@dataclass
class Recogniser:
    same_person_distance: float = 0.5
    dimensions: int = 16

    def embed(self, rgb, landmarks):
        raise NotImplementedError


def _units(seed: int, count: int, dimensions: int = 16):
    vectors = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def reference() -> Reference:
    """Sixty grown people, all different; sixty children, all alike."""
    grown, children = _units(0, 60, 64), _units(1, 60, 64) * np.float32(0.6)
    children[:, 0] += 1
    children /= np.linalg.norm(children, axis=1, keepdims=True)
    vectors = {"j": np.concatenate([grown, children])}
    ages = is_grown([15.0] * 60 + [14.0] * 60)
    return Reference.of(vectors, ages, {"j": Recogniser(dimensions=64)})


def test_children_do_not_lift_the_threshold_of_the_grown(reference: Reference) -> None:
    thresholds = reference.thresholds()["j"]
    assert thresholds["grown"].pairs == thresholds["child"].pairs == 60 * 59 // 2
    grown, child = thresholds["grown"].at["0.01"], thresholds["child"].at["0.01"]
    assert grown is not None
    assert child is not None
    assert grown + 0.2 < child
    assert sum(thresholds["grown"].histogram) == thresholds["grown"].pairs


def test_each_is_judged_by_the_own_threshold(reference: Reference) -> None:
    thresholds = reference.thresholds()["j"]
    between = np.array([(thresholds["grown"].at["0.01"] + thresholds["child"].at["0.01"]) / 2] * 2)
    share = reference.matched("j", between, np.array([True, False]))["0.01"]
    assert (share.hits, share.n) == (1, 2)
    roc = reference.roc("j", between, np.array([True, False]))
    assert roc[0] is None  # 1,770 pairs say nothing about .1 %
    assert sorted(v for v in roc if v is not None) == [v for v in roc if v is not None]


def test_a_cohort_without_a_threshold_is_not_counted() -> None:
    grown = is_grown([40.0] * 60)
    reference = Reference.of({"j": _units(0, 60)}, grown, {"j": Recogniser()})
    share = reference.matched("j", np.ones(5), np.array([True, True, False, False, False]))["0.01"]
    assert (share.hits, share.n) == (2, 2)


def test_who_is_there_twice_is_left_out_only_where_all_judges_agree() -> None:
    first, second = _units(0, 60), _units(1, 60)
    first[1], second[1] = first[0], second[0]  # twice for both recognisers
    first[3] = first[2]  # twice for one of them
    recognisers = {"a": Recogniser(), "b": Recogniser()}
    vectors = {"a": first, "b": second}
    grown = np.ones(60, np.bool_)
    pairs = np.array([[0, 1], [2, 3], [4, 5]])
    assert one_person(vectors, pairs, grown, recognisers).tolist() == [True, False, False]
    assert one_person(vectors, pairs, ~grown, recognisers).tolist() == [False] * 3
    reference = Reference.of(vectors, grown, recognisers)
    assert reference.left_out >= 1
    assert reference.impostors["a"]["grown"].max() >= 0.999  # the pair that only one is sure of
    assert len(reference.impostors["a"]["grown"]) == 60 * 59 // 2 - reference.left_out


def test_histograms_lose_nothing() -> None:
    assert sum(histogram(np.array([-2.0, -0.5, 0.0, 0.999, 1.0, 3.0]))) == 6
