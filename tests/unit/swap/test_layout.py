"""What a synthetic face has of its own stays its own when it is made a little older."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fsp_ray.core.face_types import F32
from fsp_ray.swap.layout import DISTANCES, own_shares
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.swap.shape import displacement
from fsp_ray.synthesis import BankGenerator, FaceBank, load_age_model
from tests.fakes.faces import make_source

COUNT = 2 * len(DISTANCES)


def test_own_shares_fill_their_range_evenly() -> None:
    generator, source = BankGenerator(FaceBank.default()), make_source()
    faces = [
        generator.generate("p", 30, "female", source, np.random.default_rng(seed))
        for seed in range(40)
    ]
    shares = np.stack([own_shares(face, COUNT) for face in faces])
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert abs(shares.mean() - 0.5) < 0.1
    assert shares.std(axis=0).mean() > 0.2


def test_a_face_made_older_keeps_its_own_layout() -> None:
    """Else the age that it reads as would jump with every correction."""
    generator, source = BankGenerator(FaceBank.default()), make_source()
    ages, settings = load_age_model(), SwapSettings()
    other: list[F32] = []
    older: list[float] = []
    for seed in range(6):
        face = generator.generate("p", 40, "male", source, np.random.default_rng(seed))
        shape = (face.shape + ages.mean_shape("male", 43) - ages.mean_shape("male", 40)).astype(
            "f4"
        )
        shift = displacement(source, face, settings)
        shifts = [displacement(source, f, settings) for f in (face, replace(face, shape=shape))]
        older.append(float(np.abs(shifts[1] - shifts[0]).mean()))
        other.append(shift)
    apart = np.abs(np.diff(other, axis=0)).mean()
    assert np.mean(older) < 0.35 * apart
