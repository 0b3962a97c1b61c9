"""Thresholds keep the false accept rate they are asked for; AUC is a matter of ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fsp_ray.audit.metrics import auc, threshold_at

SIMILARITIES = arrays(np.float64, st.integers(300, 900), elements=st.floats(-1, 1, width=32))


@given(SIMILARITIES, st.sampled_from([0.01, 0.02, 0.1, 0.5]))
def test_no_more_impostors_are_accepted_than_asked_for(impostors, far) -> None:
    threshold = threshold_at(impostors, far)
    assert threshold is not None
    assert (impostors > threshold).mean() <= far
    # And it is the lowest such threshold: at the next lower value, too many would be.
    lower = impostors[impostors < threshold]
    if len(lower):
        assert (impostors > lower.max()).mean() > far


def test_a_known_threshold() -> None:
    impostors = np.arange(1000) / 1000
    assert threshold_at(impostors, 0.01) == pytest.approx(0.989)
    assert (impostors > 0.989).sum() == 10


def test_too_few_impostors_say_nothing() -> None:
    assert threshold_at(np.linspace(0, 1, 299), 0.01) is None
    assert threshold_at(np.linspace(0, 1, 300), 0.01) is not None
    assert threshold_at(np.empty(0), 0.01) is None


@pytest.mark.parametrize("far", [0, 1, -0.1])
def test_a_rate_is_a_rate(far) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at(np.zeros(10), far)


def test_known_areas() -> None:
    assert auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1
    assert auc(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 0
    assert auc(np.array([1.0]), np.array([0.0, 1.0, 2.0])) == 0.5
    assert auc(np.empty(0), np.array([1.0])) is None


@given(
    arrays(np.int64, st.integers(1, 30), elements=st.integers(-5, 5)),
    arrays(np.int64, st.integers(1, 30), elements=st.integers(-5, 5)),
)
def test_the_area_is_what_counting_pairs_gives(genuine, impostors) -> None:
    wins = (genuine[:, None] > impostors).mean() + (genuine[:, None] == impostors).mean() / 2
    area = auc(genuine.astype(float), impostors.astype(float))
    assert area == pytest.approx(wins)
    # Only the order counts.
    assert auc(np.exp(genuine), np.exp(impostors)) == pytest.approx(area)
