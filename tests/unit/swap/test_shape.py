"""Laws of the displacement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.core.face_types import F32, NUM_POINTS, TEXTURE_PX, SourceFace, SyntheticFace
from fsp_ray.swap import SwapSettings, strain
from fsp_ray.swap.layout import DISTANCES, NATURAL_RANGE, change_layout, layout
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
PLAIN = SwapSettings(layout_gain=0)
_GREY = np.full((TEXTURE_PX, TEXTURE_PX, 3), 128, np.uint8)


def source(shape: F32) -> SourceFace:
    return SourceFace(shape, _GREY, np.ones((TEXTURE_PX, TEXTURE_PX), np.float32), 1)


def face(shape: F32) -> SyntheticFace:
    return SyntheticFace("p", _GREY, shape, 30, "female")


def shift_of(source_shape: F32, face_shape: F32, settings: SwapSettings) -> F32:
    return displacement(source(source_shape), face(face_shape), settings)


def stretched(**spreads: float) -> F32:
    """The mean shape with some distances changed, in spreads."""
    wanted = [spreads.get(d.name.replace(" ", "_"), 0.0) for d in DISTANCES]
    return (MEAN + change_layout(np.array(wanted))).astype(np.float32)


def test_the_same_shape_does_not_move() -> None:
    np.testing.assert_array_equal(shift_of(MEAN, MEAN, PLAIN), 0)


def test_the_expression_basis_is_orthonormal() -> None:
    basis = expression_basis()
    np.testing.assert_allclose(basis.T @ basis, np.eye(8), atol=1e-9)


@given(st.lists(st.floats(-0.4, 0.4), min_size=8, max_size=8))
def test_expressions_are_not_taken_for_identity(strengths: list[float]) -> None:
    """A smile or an open mouth of the source brings no displacement of its own."""
    moved = MEAN + (expression_basis() @ strengths).reshape(NUM_POINTS, 3).astype(np.float32)
    np.testing.assert_allclose(shift_of(moved, MEAN, PLAIN), 0, atol=2e-4)


@given(st.integers(0, 50), st.floats(0, 0.1))
def test_no_point_moves_beyond_the_bound_and_rims_move_as_one(seed: int, spread: float) -> None:
    settings = SwapSettings(max_shift=0.1)
    shift = shift_of(MEAN, synthetic_face(seed, spread).shape, settings)
    assert np.linalg.norm(shift, axis=1).max() <= 0.1 + 1e-5
    for upper, lower in ((LEFT_EYE_UPPER, LEFT_EYE_LOWER), (INNER_LIP_UPPER, INNER_LIP_LOWER)):
        np.testing.assert_allclose(shift[list(upper)], shift[list(lower)], atol=1e-6)


@given(st.integers(0, len(DISTANCES) - 1), st.floats(-3, 3))
def test_a_distance_changes_by_what_was_asked_and_no_other(which: int, spreads: float) -> None:
    wanted = np.zeros(len(DISTANCES))
    wanted[which] = spreads
    moved = (MEAN + change_layout(wanted)).astype(np.float32)
    np.testing.assert_allclose(layout(moved) - layout(MEAN), wanted, atol=1e-3)


@given(st.integers(0, 30))
def test_the_layout_is_led_away_from_the_sources(seed: int) -> None:
    """Even where the synthetic shape is the source's own, within the natural range."""
    shape = synthetic_face(seed, 0.01).shape
    after = layout(shape + shift_of(shape, shape, SwapSettings(layout_gain=2)))
    assert np.abs(after - layout(shape)).mean() > 1
    assert np.abs(after).max() < NATURAL_RANGE + 0.8  # the bound and the smoothing shift a little


def test_no_feature_goes_beyond_the_natural_and_strain_says_so() -> None:
    wild = stretched(eyes_apart=6, mouth_width=-6)
    settings = SwapSettings(shape_gain=2, layout_gain=0, max_shift=0.3)
    after = layout(MEAN + shift_of(MEAN, wild, settings))
    assert np.abs(after).max() < NATURAL_RANGE + 0.5
    assert strain(face(wild), source(MEAN), settings) > 5
    mild = stretched(eyes_apart=0.5, mouth_width=-0.5)
    assert strain(face(mild), source(MEAN), settings) == 0


@pytest.mark.parametrize("name", ["brow height", "upper lip", "mouth width", "brow tilt"])
@pytest.mark.parametrize("spreads", [-6.0, 6.0])
def test_what_reads_as_a_mood_is_bounded_sooner(name: str, spreads: float) -> None:
    which = [distance.name for distance in DISTANCES].index(name)
    wild = stretched(**{name.replace(" ", "_"): spreads})
    settings = SwapSettings(shape_gain=2, layout_gain=0, max_shift=0.3)
    after = layout(MEAN + shift_of(MEAN, wild, settings))[which]
    low, high = DISTANCES[which].range
    assert low - 0.4 < after < high + 0.4
    assert max(-low, high) < NATURAL_RANGE


@given(st.integers(0, 30))
def test_a_lopsided_mesh_does_not_slant_the_face(seed: int) -> None:
    """What the fit sees differ between both halves is not carried on."""
    mirror, flip = load_topology().mirror, np.array([-1, 1, 1])
    shift = shift_of(synthetic_face(seed + 40, 0.03).shape, synthetic_face(seed, 0.03).shape, PLAIN)
    # The expressions that are left out are not quite symmetric in the mean mesh.
    np.testing.assert_allclose(shift, shift[mirror] * flip, atol=0.004)


def test_a_source_beyond_the_natural_is_not_forced_back() -> None:
    wide = stretched(eyes_apart=4)
    shift = shift_of(wide, wide, PLAIN)
    assert np.abs(shift).max() < 1e-6


def test_a_smile_is_kept() -> None:
    """The corners of the mouth stay as far up as they were, whatever the synthetic face."""
    smiling = MEAN + (expression_basis()[:, 2] * 0.8).reshape(NUM_POINTS, 3).astype(np.float32)
    for seed in range(8):
        shift = shift_of(smiling, synthetic_face(seed, 0.03).shape, SwapSettings())
        corners = shift[[61, 291], 1].mean() - shift[[0, 17], 1].mean()
        assert abs(corners) < 0.004


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
        ("layout_gain", 4),
        ("expression_weight", 2),
        ("feather", 0),
    ],
)
def test_settings_check_themselves(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        SwapSettings(**{name: value})


def test_strong_moves_more_than_standard() -> None:
    other = synthetic_face(3, 0.02).shape
    standard, strong = (
        np.linalg.norm(shift_of(MEAN, other, SwapSettings.for_privacy(p)), axis=1).mean()
        for p in ("standard", "strong")
    )
    assert strong > 1.1 * standard
