"""The synthetic ratios take the strengths of the source's skin, and nothing of its drawing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, SourceFace, SyntheticFace
from fsp_ray.swap.complexion import (
    as_shaven_as,
    as_smooth_as,
    fitted,
    levelled,
    with_lips_of,
    without_stains,
)
from fsp_ray.swap.masks import beard_masks, lip_mask, plain_mask, skin_mask
from fsp_ray.synthesis import load_topology
from fsp_ray.synthesis.texture import areas, blur, encode_ratio

SKIN = np.array([200, 160, 140], np.float32)
NOTHING = np.zeros((256, 256, 3), np.float32)
MOUSTACHE, CHIN, WHISKERS = beard_masks()


def source_with(ratio: npt.NDArray[np.floating], seen: float = 1.0) -> SourceFace:
    """Plain skin times eⁿ, n f32[256, 256]."""
    texture = np.clip(SKIN * np.exp(ratio)[:, :, None], 0, 255).astype(np.uint8)
    shape = load_topology().mean_shape.copy()
    return SourceFace(shape, texture, np.full((256, 256), seen, np.float32), 4)


def marks(sigma: float, strength: float, seed: int = 0) -> F32:
    noise = blur(np.random.default_rng(seed).normal(0, 1, (256, 256)).astype(np.float32), sigma)
    return np.asarray(strength * noise / noise.std(), np.float32)


def colourless(ratio: F32) -> F32:
    return np.repeat(ratio[:, :, None], 3, axis=2)


def face_with(ratio: F32, gender: Gender = "male", age_years: float = 40) -> SyntheticFace:
    shape = load_topology().mean_shape.copy()
    return SyntheticFace("p", encode_ratio(colourless(ratio)), shape, age_years, gender)


def fold_strength(ratio: F32, sigma: float) -> float:
    level = ratio.mean(axis=2)
    return float((level - blur(level, sigma))[plain_mask() > 0].std())


@pytest.mark.parametrize("sigma", [3.0, 6.0, 9.0])
def test_a_smooth_source_gets_no_deep_folds(sigma: float) -> None:
    deep = colourless(marks(sigma, 0.10))
    smooth = as_smooth_as(deep, source_with(marks(sigma, 0.02, seed=1)), 30.0)
    assert fold_strength(smooth, 2 * sigma) < 0.45 * fold_strength(deep, 2 * sigma)


def test_old_faces_may_be_rougher_than_young_ones() -> None:
    deep, source = colourless(marks(3.0, 0.12)), source_with(marks(3.0, 0.02, seed=1))
    left = [float(as_smooth_as(deep, source, age).std()) for age in (20.0, 40.0, 70.0, 100.0)]
    assert left[0] == left[1] < left[2] < left[3] < float(deep.std())


def test_a_rough_source_leaves_the_folds_as_they_are() -> None:
    deep = colourless(marks(3.0, 0.08))
    kept = as_smooth_as(deep, source_with(marks(3.0, 0.12, seed=1)), 30.0)
    assert fold_strength(kept, 6.0) > 0.97 * fold_strength(deep, 6.0)


def test_brows_lips_and_eyes_are_drawn_as_strongly_whatever_the_skin() -> None:
    features = -0.4 * (blur(areas().brows, 1.5) + lip_mask())
    smooth = as_smooth_as(colourless(features), source_with(np.zeros((256, 256))), 30.0)
    change = np.abs(smooth[:, :, 0] - features)
    assert change[areas().brows > 0].max() < 0.1
    assert change[lip_mask() > 0.9].max() < 0.02


def test_a_shaven_man_gets_no_dark_upper_lip() -> None:
    bearded = face_with(-0.4 * (MOUSTACHE + CHIN))
    shaven = fitted(bearded, source_with(np.zeros((256, 256))))
    grown = fitted(bearded, source_with(-0.6 * (MOUSTACHE + CHIN)))
    lip = MOUSTACHE > 0.6
    skin = (plain_mask() > 0) & (areas().cheeks > 0)
    assert shaven[lip].mean() - shaven[skin].mean() > -0.13
    assert grown[lip].mean() - grown[skin].mean() < -0.2


def test_a_bearded_mans_cheeks_are_not_bare_above_his_beard() -> None:
    source = source_with(-0.8 * (MOUSTACHE + CHIN + WHISKERS))
    man = as_shaven_as(NOTHING, source, bearded=True)
    assert man[WHISKERS > 0.8].mean() < -0.06
    woman = as_shaven_as(NOTHING, source, bearded=False)
    np.testing.assert_array_equal(woman, NOTHING)


def test_the_shadow_under_a_nose_is_no_moustache() -> None:
    shaded = as_shaven_as(NOTHING, source_with(-0.1 * MOUSTACHE), bearded=True)
    np.testing.assert_allclose(shaded, NOTHING, atol=0.01)


def test_the_edge_of_a_beard_is_no_line() -> None:
    source = source_with(-0.6 * (MOUSTACHE + CHIN + WHISKERS))
    grown = as_shaven_as(NOTHING, source, bearded=True)[:, :, 1]
    steps = np.abs(np.diff(grown, axis=0))
    assert steps[:, 20:236].max() < 0.12 * np.ptp(grown)


def test_a_face_that_is_darker_altogether_is_not() -> None:
    dark = levelled(NOTHING + np.array([-0.2, -0.15, -0.25], np.float32))
    assert np.abs(dark[skin_mask() > 0]).max() < 0.01


def test_nostrils_are_not_orange_and_lips_stay_red() -> None:
    red = NOTHING.copy()
    red[:, :, 0] += 0.6
    calm = without_stains(red)
    spread = calm[:, :, 0] - calm[:, :, 1]
    assert spread[skin_mask() > 0].max() < 0.35
    assert spread[lip_mask() > 0.99].min() > 0.59
    faint = 0.1 * red
    assert np.abs(without_stains(faint) - faint).max() < 0.006


def test_nothing_of_the_sources_marks_is_taken_over() -> None:
    """Two sources with the same strength of marks, in other places, make the same face."""
    face = face_with(marks(4.0, 0.08, seed=5))
    theirs = marks(3.0, 0.08, seed=1)
    one, other = (fitted(face, source_with(m)) for m in (theirs, theirs[::-1, ::-1]))
    skin = plain_mask() > 0
    assert np.abs(one - other)[skin].mean() < 0.012
    change = (one - other).mean(axis=2)[skin]
    assert abs(np.corrcoef(change, (theirs - theirs[::-1, ::-1])[skin])[0, 1]) < 0.15


def test_lips_come_near_the_mean_colour_of_the_sources_and_skin_stays() -> None:
    lips = lip_mask() > 0.9
    skin = np.array([200, 160, 140], np.uint8)
    texture = np.tile(skin, (256, 256, 1)).astype(np.uint8)
    texture[lip_mask() > 0.5] = (170, 90, 90)
    shape = np.zeros((468, 3), np.float32)
    source = SourceFace(shape, texture, np.ones((256, 256), np.float32), 1)
    drawn = with_lips_of(NOTHING, source)
    wanted = np.log((170 + 4) / (200 + 4)), np.log((90 + 4) / (160 + 4)), np.log((90 + 4) / 144)
    for channel, value in enumerate(wanted):
        assert 0.6 * value > drawn[lips][:, channel].mean() > 1.1 * value
    assert np.abs(drawn[skin_mask() > 0]).max() < 0.01
    unseen = SourceFace(shape, texture, np.zeros((256, 256), np.float32), 1)
    np.testing.assert_array_equal(with_lips_of(NOTHING, unseen), NOTHING)
