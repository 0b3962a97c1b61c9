from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.synthesis.expressions import build_expressions, load_expressions, neutralise
from fsp_ray.synthesis.topology import load_topology

MEAN = load_topology().mean_shape


def smiling(amount: float):
    """The mean shape with corners of the mouth out and up, and cheeks after them."""
    shape = MEAN.astype(np.float64)
    for corner, way in ((61, -1), (291, 1)):
        near = np.exp(-((MEAN[:, :2] - MEAN[corner, :2]) ** 2).sum(axis=1) / (2 * 0.09**2))
        shape = shape + amount * near[:, None] * [0.03 * way, -0.03, 0.02]
    return shape.astype(np.float32)


def test_fields_are_orthonormal_and_symmetric():
    fields = load_expressions().reshape(3, -1)
    np.testing.assert_allclose(fields @ fields.T, np.eye(3), atol=1e-9)
    mirrored = load_expressions()[:, load_topology().mirror] * [-1, 1, 1]
    np.testing.assert_allclose(mirrored, load_expressions(), atol=1e-6)


def test_most_of_a_smile_goes():
    left = np.abs(neutralise(smiling(1.0)) - MEAN).max()
    assert left < 0.6 * np.abs(smiling(1.0) - MEAN).max()


def test_neutralising_twice_is_neutralising_once():
    rng = np.random.default_rng(0)
    shape = (MEAN + rng.normal(0, 0.01, MEAN.shape)).astype(np.float32)
    once = neutralise(shape)
    np.testing.assert_allclose(neutralise(once), once, atol=1e-6)
    np.testing.assert_allclose(neutralise(MEAN), MEAN, atol=1e-7)


def test_a_long_nose_and_a_broad_jaw_stay():
    shape = MEAN.copy()
    shape[[1, 2, 4, 5, 19, 94], 1] += 0.03
    shape[[58, 132, 172], 0] -= 0.03
    shape[[288, 361, 397], 0] += 0.03
    kept = np.linalg.norm(neutralise(shape) - MEAN) / np.linalg.norm(shape - MEAN)
    assert kept > 0.85


@pytest.mark.parametrize("amount", [0.5, -0.5])
def test_fields_built_from_smiling_faces_undo_their_smile(tmp_path, amount):
    rng = np.random.default_rng(1)
    shapes = np.stack([smiling(a) for a in rng.uniform(-1, 1, 80)])
    shapes = shapes + rng.normal(0, 0.0005, shapes.shape)
    build_expressions(shapes.astype(np.float32), tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz") as stored:
        field = stored["fields"].reshape(3, -1)
    smile = (smiling(amount) - MEAN).ravel()
    unit = np.linalg.qr(field.T)[0]
    assert np.linalg.norm(smile - unit @ (unit.T @ smile)) < 0.2 * np.linalg.norm(smile)
