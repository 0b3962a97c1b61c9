"""Laws of the displacement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.core.face_types import NUM_POINTS
from fsp_ray.swap import SwapSettings
from fsp_ray.swap.pose import fit_pose
from fsp_ray.swap.shape import displacement, expression_basis
from fsp_ray.synthesis import load_topology
from fsp_ray.synthesis.topology import (
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
)

from .conftest import pose, synthetic_face

MEAN = load_topology().mean_shape
PLAIN = SwapSettings(feature_scale=1)


def test_the_same_shape_does_not_move() -> None:
    np.testing.assert_array_equal(displacement(MEAN, MEAN, PLAIN), 0)


def test_the_expression_basis_is_orthonormal() -> None:
    basis = expression_basis()
    np.testing.assert_allclose(basis.T @ basis, np.eye(8), atol=1e-9)


@given(st.lists(st.floats(-0.4, 0.4), min_size=8, max_size=8))
def test_expressions_are_not_taken_for_identity(strengths: list[float]) -> None:
    """A smile or an open mouth of the source brings no displacement of its own."""
    moved = MEAN + (expression_basis() @ strengths).reshape(NUM_POINTS, 3).astype(np.float32)
    np.testing.assert_allclose(displacement(moved, MEAN, PLAIN), 0, atol=2e-4)


@given(st.integers(0, 50), st.floats(0, 0.1))
def test_no_point_moves_beyond_the_bound_and_rims_move_as_one(seed: int, spread: float) -> None:
    settings = SwapSettings(max_shift=0.1)
    shift = displacement(MEAN, synthetic_face(seed, spread).shape, settings)
    assert np.linalg.norm(shift, axis=1).max() <= 0.1 + 1e-5
    for upper, lower in ((LEFT_EYE_UPPER, LEFT_EYE_LOWER), (INNER_LIP_UPPER, INNER_LIP_LOWER)):
        np.testing.assert_allclose(shift[list(upper)], shift[list(lower)], atol=1e-6)


def test_a_smaller_feature_scale_draws_eyes_together() -> None:
    shift = displacement(MEAN, MEAN, SwapSettings(feature_scale=0.9))
    moved = MEAN + shift
    assert np.ptp(moved[[133, 362], 0]) < np.ptp(MEAN[[133, 362], 0])


@pytest.mark.parametrize(("yaw", "roll"), [(0.0, 0.0), (0.6, -0.4), (-0.9, 1.2)])
def test_the_pose_is_found(yaw: float, roll: float) -> None:
    points = pose(120, (50, 70), yaw=yaw, roll=roll)
    linear = fit_pose(MEAN, points)
    centered = points - points.mean(axis=0)
    np.testing.assert_allclose((MEAN - MEAN.mean(axis=0)) @ linear.T, centered, atol=0.01)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shape_gain", -1),
        ("max_shift", 1),
        ("feature_scale", 0),
        ("expression_weight", 2),
        ("feather", 0),
    ],
)
def test_settings_check_themselves(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        SwapSettings(**{name: value})
