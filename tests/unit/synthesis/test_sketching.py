from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.core.ages import GENDERS
from fsp_ray.synthesis.generator import BankGenerator
from fsp_ray.synthesis.sketching import SKETCH_SIZE
from fsp_ray.synthesis.texture import decode_ratio, grey
from tests.unit.synthesis.faces import plain_source, small_bank

SEEDS = list(range(12))


def small(face):
    whole = grey(decode_ratio(face.texture))
    half = ((whole + whole[:, ::-1]) / 2)[:, :128]
    return half.reshape(32, 8, 16, 8).mean(axis=(1, 3)).ravel()


@pytest.mark.parametrize("gender", GENDERS)
@pytest.mark.parametrize("age", [6.0, 40.0])
def test_sketches_tell_faces_apart_as_the_faces_do(gender, age):
    generator, source = BankGenerator(small_bank()), plain_source()
    sketches = generator.sketch(SEEDS, age, gender, source)
    faces = [
        generator.generate("p", age, gender, source, np.random.default_rng(seed)) for seed in SEEDS
    ]
    made = np.stack([small(face) for face in faces])
    apart, truly = (values - values.mean(axis=0) for values in (sketches, made))
    assert np.corrcoef(apart.ravel(), truly.ravel())[0, 1] > 0.8


def test_faces_that_are_still_to_be_mixed_are_sketched_too():
    generator = BankGenerator(small_bank(12))
    sketches = generator.sketch(SEEDS, 30.0, "male", plain_source())
    assert sketches.shape == (len(SEEDS), SKETCH_SIZE)
    assert len(np.unique(sketches.round(5), axis=0)) == len(SEEDS)


def test_outlines_have_the_shapes_of_the_faces():
    generator, source = BankGenerator(small_bank()), plain_source()
    outlines = generator.outlines(SEEDS[:3], 30.0, "male", source)
    for seed, outline in zip(SEEDS, outlines, strict=False):
        face = generator.generate("p", 30.0, "male", source, np.random.default_rng(seed))
        np.testing.assert_array_equal(outline.shape, face.shape)
        assert np.ptp(outline.texture) == 0 < np.ptp(face.texture)
        assert outline.seed == seed
