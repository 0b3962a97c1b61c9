from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsp_ray.synthesis.texture import (
    areas,
    beard_score,
    blur,
    brow_score,
    decode_ratio,
    encode_ratio,
    log_ratio,
    skin_tone,
)
from tests.unit.synthesis.faces import TINT, face_ratio, plain_source


@given(st.floats(-1.59, 1.58))
def test_encoding_goes_there_and_back(value):
    ratio = np.full((4, 4, 3), value, np.float32)
    assert np.abs(decode_ratio(encode_ratio(ratio)) - ratio).max() <= 0.5 / 80 + 1e-6


def test_the_encoding_is_cores():
    assert (encode_ratio(np.zeros((2, 2, 3), np.float32)) == 128).all()
    assert (encode_ratio(np.full((2, 2, 3), 0.5, np.float32)) == 168).all()


@settings(max_examples=10, deadline=None)
@given(st.floats(0.5, 1.6), st.floats(0.8, 1.2))
def test_tone_and_exposure_do_not_change_the_ratio(exposure, warmth):
    rng = np.random.default_rng(1)
    face = 110 * np.exp(face_ratio(rng)) * TINT
    other = face * exposure * [warmth, 1, 1 / warmth]
    first, second = (log_ratio(np.clip(f, 0, 255).astype(np.uint8)) for f in (face, other))
    seen = areas().face > 0
    unclipped = (other.max(axis=2) < 254) & seen
    assert np.abs(first - second)[unclipped].mean() < 0.03


def test_broad_light_goes_and_brows_stay():
    source = plain_source()
    lit = source.texture * np.linspace(0.7, 1.1, 256)[None, :, None]
    ratio = log_ratio(lit.astype(np.uint8))
    skin = areas().skin * (areas().core > 0.9) > 0.5
    assert np.abs(ratio[skin]).max() < 0.08
    assert ratio[areas().brows > 0].mean() < -0.2


def test_skin_under_dark_hair_is_not_what_the_low_pass_sees():
    plain = plain_source()
    fringe = plain.texture.copy()
    fringe[:60] = 25
    ratio = log_ratio(fringe)
    assert ratio[30:50, 100:156].mean() < -0.8
    below = areas().cheeks > 0
    np.testing.assert_allclose(ratio[below], log_ratio(plain.texture)[below], atol=0.05)


def test_tone_is_measured_on_skin():
    tone = skin_tone(plain_source(140).texture)
    assert tone[0] == pytest.approx(np.log(1.15 / 0.88), abs=0.02)
    assert tone[1] == pytest.approx(np.log(0.75 / 0.88), abs=0.02)
    assert skin_tone(plain_source(60).texture)[2] < tone[2] / 2
    with pytest.raises(ValueError, match="no skin"):
        skin_tone(plain_source().texture, np.zeros((256, 256), np.float32))


def test_beard_and_brow_scores_say_dark():
    rng = np.random.default_rng(2)
    bare = face_ratio(rng)
    bearded = bare - 0.4 * areas().chin[:, :, None]
    assert beard_score(bearded) == pytest.approx(beard_score(bare) + 0.4, abs=0.02)
    dark = bare - 0.3 * areas().brows[:, :, None]
    assert brow_score(dark) == pytest.approx(brow_score(bare) - 0.3, abs=0.01)


@pytest.mark.parametrize("sigma", [1.0, 5.0, 20.0])
def test_blurring_keeps_the_mean_and_spreads_by_sigma(sigma):
    image = np.zeros((256, 256), np.float32)
    image[128, 128] = 1
    out = blur(image, sigma)
    assert out.sum() == pytest.approx(1, rel=0.05)
    at = np.arange(256) - 128
    spread = np.sqrt((out.sum(axis=0) * at**2).sum() / out.sum())
    assert spread == pytest.approx(sigma, rel=0.15)
