"""Grown people do not get a child's features."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, TEXTURE_PX, SourceFace, SyntheticFace
from fsp_ray.swap import SwapSettings
from fsp_ray.swap.maturity import grown_up
from fsp_ray.swap.shape import displacement, expression_basis
from fsp_ray.synthesis import load_age_model, load_topology

_GREY = np.full((TEXTURE_PX, TEXTURE_PX, 3), 128, np.uint8)
GENDERS: tuple[Gender, ...] = ("female", "male")


def face(shape: F32, age_years: float, gender: Gender) -> SyntheticFace:
    return SyntheticFace("p", _GREY, shape, age_years, gender)


def childhood(gender: Gender) -> F32:
    """What makes a grown person's shape a child's, less what an expression may be."""
    ages = load_age_model()
    grown_apart = ages.mean_shape(gender, 8) - ages.mean_shape(gender, 30)
    mirrored = grown_apart[load_topology().mirror] * np.array([-1, 1, 1], np.float32)
    change = (grown_apart + mirrored).ravel() / 2
    basis = expression_basis()
    change = change - basis @ (basis.T @ change)
    return np.asarray(change.reshape(-1, 3), np.float32)


def towards(shift: F32, gender: Gender) -> float:
    direction = childhood(gender)
    return float((shift * direction).sum() / np.linalg.norm(direction))


@pytest.mark.parametrize("gender", GENDERS)
def test_a_grown_face_is_not_shifted_to_a_childs(gender: Gender) -> None:
    ages = load_age_model()
    old, child = ages.mean_shape(gender, 60), ages.mean_shape(gender, 5)
    weight = np.ones((TEXTURE_PX, TEXTURE_PX), np.float32)
    source = SourceFace(old, _GREY, weight, 1)
    settings = SwapSettings(shape_gain=2.3, layout_gain=0, max_shift=0.3)
    grown = displacement(source, face(child, 40, gender), settings)
    small = displacement(source, face(child, 5, gender), settings)
    assert towards(grown, gender) < 0.2
    assert towards(small, gender) > 1.5 * towards(grown, gender)


@pytest.mark.parametrize("gender", GENDERS)
def test_what_makes_a_face_look_older_stays(gender: Gender) -> None:
    shift = -childhood(gender).astype(np.float64)
    kept = grown_up(shift, face(np.zeros_like(childhood(gender)), 40, gender), expression_basis())
    np.testing.assert_array_equal(kept, shift)


@pytest.mark.parametrize("gender", GENDERS)
def test_no_expression_is_changed(gender: Gender) -> None:
    rng = np.random.default_rng(0)
    shift = rng.normal(0, 0.02, childhood(gender).shape) + 3 * childhood(gender)
    kept = grown_up(shift, face(np.zeros_like(childhood(gender)), 40, gender), expression_basis())
    moved = (kept - shift).ravel()
    assert np.linalg.norm(moved) > 0.1
    np.testing.assert_allclose(expression_basis().T @ moved, 0, atol=1e-9)
