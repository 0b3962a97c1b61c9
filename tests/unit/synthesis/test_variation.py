from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsp_ray.core.ages import GENDERS
from fsp_ray.synthesis.bank import FaceBank
from fsp_ray.synthesis.finish import without_glare, without_smear
from fsp_ray.synthesis.generator import BankGenerator
from fsp_ray.synthesis.texture import areas, blur, decode_ratio
from fsp_ray.synthesis.variation import (
    HALF_PX,
    NUM_MODES,
    SIDE_PX,
    Scores,
    limit,
    load_variation,
    pack,
    read_scores,
    unpack,
)
from fsp_ray.synthesis.variation_build import Portraits, build_variation, symmetric_half
from tests.unit.synthesis.faces import face_ratio, plain_source

MODEL = load_variation()
USUAL = Scores(None, -0.35, 0.05)


def spread(faces) -> float:
    """Return how far faces lie apart over the face: root mean square between any two."""
    ratios = np.stack([blur(decode_ratio(face.texture).mean(axis=2), 2.0) for face in faces])
    deviation = (ratios - ratios.mean(axis=0))[:, (areas().core * areas().face) > 0.5]
    return float(np.sqrt(2 * (deviation**2).mean()))


@pytest.mark.parametrize("gender", GENDERS)
def test_made_people_differ_as_much_as_real_ones(gender):
    # Root mean square between two portraits of one gender at 22 to 38 years, with the
    # photographer's light taken out: .15 (women), .19 (men). Faces of the bank: .09 and .08.
    generator = BankGenerator(FaceBank.default())
    rng = np.random.default_rng(0)
    faces = generator.draw("p", [30.0] * 12, gender, plain_source(), rng)
    assert 0.115 < spread(faces) < 0.2


def test_one_bank_face_gives_many():
    bank = FaceBank.default()
    few = bank.take(np.concatenate([bank.of(gender)[:8] for gender in GENDERS]))
    generator = BankGenerator(few)
    faces = [
        generator.generate("p", 30.0, "female", plain_source(), np.random.default_rng(seed))
        for seed in range(12)
    ]
    assert spread(faces) > 0.1


@pytest.mark.parametrize("gender", GENDERS)
def test_deviations_are_as_large_as_the_statistics_say(gender):
    rng = np.random.default_rng(1)
    row = GENDERS.index(gender)
    drawn = np.stack([MODEL.draw(rng, gender, 30.0) for _ in range(200)])
    knot = int(np.argmin(np.abs(MODEL.knots - 30)))
    variance = np.tensordot(MODEL.spread[row, knot] ** 2, MODEL.modes[row] ** 2, axes=1)
    # Cut off at two standard deviations, a normal variable keeps .92 of its variance or so.
    assert 0.8 < drawn.var(axis=0).sum() / variance.sum() < 1.0


def test_scores_are_all_that_a_face_knows_of_a_texture():
    source = plain_source()
    # Texels shuffled within skin alone: another texture, the same scores.
    rng = np.random.default_rng(0)
    texture = source.texture.copy()
    lips = (areas().skin == 0) & (areas().brows == 0) & (areas().chin == 0) & (areas().cheeks == 0)
    texture[lips] = rng.integers(0, 255, (int(lips.sum()), 3))
    other = type(source)(source.shape + 0.01, texture, source.weight, 7)
    one, two = read_scores(source), read_scores(other)
    np.testing.assert_allclose(one.tone, two.tone, atol=1e-6)
    assert one.brow == pytest.approx(two.brow, abs=1e-6)
    generator = BankGenerator(FaceBank.default())
    made = [
        generator.generate("p", 40.0, "male", each, np.random.default_rng(3))
        for each in (source, other)
    ]
    np.testing.assert_array_equal(made[0].shape, made[1].shape)
    difference = made[0].texture.astype(int) - made[1].texture
    assert np.abs(difference).max() <= 1


def test_dark_brows_ask_for_dark_brows():
    dark, pale = (
        MODEL.along("female", 30.0, Scores(None, brow, 0.05))[:, :] for brow in (-0.8, -0.1)
    )
    brows = areas().brows[::2, ::2][:, :HALF_PX] > 0
    assert dark[brows].mean() < pale[brows].mean() - 0.05


@given(st.floats(-3, 3), st.floats(0.02, 0.5))
@settings(max_examples=20, deadline=None)
def test_limits_hold(level, darkest):
    out = limit(np.full((SIDE_PX, HALF_PX), level, np.float32), darkest)
    skin = (blur(areas().skin, 4.0) > 0.99) & (areas().core > 0.95)
    assert out[skin].max() < 0.13
    assert out[skin].min() > -darkest - 0.05


def test_no_nose_is_smeared():
    dark = without_smear(np.full((256, 256, 3), -0.4, np.float32))
    bridge = dark[115:125, 126:130]
    assert (bridge > -0.2).all()
    np.testing.assert_allclose(dark[60, 60], -0.4)
    pale = np.full((256, 256, 3), 0.05, np.float32)
    np.testing.assert_array_equal(without_smear(pale), pale)


def test_no_muzzle_about_the_mouth():
    about = (blur(areas().chin, 4.0) > 0.9) & (blur(areas().skin, 4.0) > 0.97)
    for sign in (-1, 1):
        limited = limit(np.full((SIDE_PX, HALF_PX), sign * 5, np.float32), 0.28)
        assert np.abs(limited[about]).max() < 0.15


def test_nothing_shines():
    ratio = face_ratio(np.random.default_rng(0)) + np.float32(0.4) * areas().brows[:, :, None]
    ratio[100:130, 60:90] += 0.5
    calm = without_glare(ratio).mean(axis=2)
    assert blur(calm, 2.4).max() < 0.25
    assert calm[areas().brows > 0].max() < 0.15
    dark = np.full((256, 256, 3), -0.3, np.float32)
    np.testing.assert_allclose(without_glare(dark), dark, atol=1e-6)


def test_packing_loses_a_127th():
    values = np.random.default_rng(0).normal(0, 3, (2, 5, 8, 4))
    steps, scale = pack(values)
    limits = np.abs(values).max(axis=(2, 3), keepdims=True) / 127
    assert (np.abs(unpack(steps, scale) - values) <= 0.51 * limits).all()


def test_the_mean_grows_older_smoothly():
    young, child = MODEL.mean_texture("male", 27.0), MODEL.mean_texture("male", 4.0)
    # A boy's mean has no beard; a man's has some.
    chin = areas().chin > 0
    assert child.mean(axis=2)[chin].mean() > young.mean(axis=2)[chin].mean() + 0.02
    step = MODEL.mean_texture("male", 40.0) - MODEL.mean_texture("male", 40.5)
    assert np.abs(step).max() < 0.05


def portraits(count, *, row=140, size=0.1):
    """People in whom one blotch and the brows vary, each by chance."""
    rng = np.random.default_rng(0)
    blotch = np.zeros((256, 256), np.float32)
    blotch[row : row + 30, 70:100] = 1
    blotch = blur(blotch + blotch[:, ::-1], 4.0)
    sizes = rng.normal(0, size, count)
    brows = rng.normal(-0.3, 0.1, count)
    half = np.stack(
        [
            symmetric_half((s * blotch + b * areas().brows)[:, :, None].repeat(3, axis=2))
            for s, b in zip(sizes, brows, strict=True)
        ]
    )
    scores = np.column_stack([rng.normal(0, 0.1, (count, 3)), brows, rng.normal(0, 0.1, count)])
    return Portraits(
        half=half,
        scores=scores.astype(np.float32),
        smile=rng.normal(0, 1, count).astype(np.float32),
        age_years=rng.uniform(1, 80, count).astype(np.float32),
        female=np.arange(count) % 2 == 0,
    )


def test_statistics_find_what_varies_and_what_goes_along(tmp_path):
    build_variation(portraits(840), portraits(840, row=170, size=0.05), tmp_path / "v.npz")
    with np.load(tmp_path / "v.npz") as stored:
        modes = unpack(stored["modes"], stored["modes_scale"])
        effects = unpack(stored["effects"], stored["effects_scale"])
        spread_ = stored["spread"]
    strength = np.abs(modes[0] * spread_[0, 8][:, None, None]).sum(axis=0)
    assert modes.shape == (2, NUM_MODES, SIDE_PX, HALF_PX)
    row, column = np.unravel_index(strength.argmax(), strength.shape)
    assert 83 <= row <= 102  # where the made ones differ, as much as people do
    assert 32 <= column <= 54
    assert strength[row, column] == pytest.approx(0.1, rel=0.3)
    brows = areas().brows[::2, ::2][:, :HALF_PX] > 0
    assert np.abs(effects[0, 3][brows]).mean() > 5 * np.abs(effects[0, 0][brows]).mean()


def test_too_few_portraits_are_refused(tmp_path):
    with pytest.raises(ValueError, match="400 needed"):
        build_variation(portraits(840), portraits(420), tmp_path / "v.npz")
