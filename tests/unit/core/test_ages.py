from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.core.ages import AGE_GROUPS, age_group


@given(st.floats(0, 120))
def test_every_age_has_a_group_that_contains_its_whole_years(age: float) -> None:
    group = age_group(age)
    assert group in AGE_GROUPS
    low, _, high = group.partition("-")
    years = round(age)
    assert int(low.rstrip("+")) <= years
    assert not high or years <= int(high)


@pytest.mark.parametrize("age", [-0.1, 120.5, float("nan")])
def test_impossible_ages_are_refused(age: float) -> None:
    with pytest.raises(ValueError, match="age_years"):
        age_group(age)
