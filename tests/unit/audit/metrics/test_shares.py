"""Shares, their intervals, and what chance does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.audit.metrics import Share, binomial_tail


def test_known_intervals() -> None:
    # Wilson's interval for 0 of 10 is 0 .. z²/(n + z²).
    assert Share(0, 10).interval == pytest.approx((0, 3.8415 / 13.8415), abs=1e-4)
    assert Share(5, 10).interval == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert Share(12, 12).share == 1


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_the_share_and_mirrors(counts: tuple[int, int]) -> None:
    hits, n = counts
    low, high = Share(hits, n).interval or (None, None)
    assert low is not None
    assert high is not None
    assert 0 <= low <= hits / n <= high <= 1
    other = Share(n - hits, n).interval
    assert other == pytest.approx((1 - high, 1 - low))


def test_of_nothing_nothing_is_said() -> None:
    assert Share.of([]) == Share(0, 0)
    assert Share(0, 0).as_dict() == {"share": None, "low": None, "high": None, "hits": 0, "n": 0}


def test_ties_count_in_parts() -> None:
    assert Share.of([1.0, 0.5, 0.0, 0.5]).share == 0.5


@pytest.mark.parametrize(("hits", "n"), [(3, 2), (-1, 2), (0, -1)])
def test_impossible_shares_are_refused(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        Share(hits, n)


def test_chance_of_at_least_so_many() -> None:
    assert binomial_tail(0, [0.1] * 5) == 1
    assert binomial_tail(1, [0.1] * 5) == pytest.approx(1 - 0.9**5)
    assert binomial_tail(2, [0.5, 0.25]) == pytest.approx(0.125)
    exact = sum(math.comb(30, k) * 0.2**k * 0.8 ** (30 - k) for k in range(9, 31))
    assert binomial_tail(9, [0.2] * 30) == pytest.approx(exact)
