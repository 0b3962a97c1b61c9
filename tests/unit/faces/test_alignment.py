from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fsp_ray.faces import alignment as a
from fsp_ray.faces.geometry import apply_affine


def test_arcface_points_are_in_order(fakes: Any) -> None:
    left, right, nose, mouth_left, mouth_right = a.arcface_kps(fakes.mesh_of((100, 100, 80))[None])[
        0
    ]
    assert left[0] < nose[0] < right[0]
    assert mouth_left[0] < mouth_right[0]
    assert left[1] < nose[1] < mouth_left[1]


@pytest.mark.parametrize("chip_px", [112, 224])
def test_arcface_chips_put_the_template_in_place(chip_px: int) -> None:
    template = a.ARCFACE_TEMPLATE_112.astype(np.float32)
    kps = (template * 3 + 40)[None]
    mapped = apply_affine(a.arcface_matrices(kps, chip_px), kps)
    np.testing.assert_allclose(mapped[0], template * chip_px / 112, atol=1e-3)


@pytest.mark.parametrize(("chip_px", "padding"), [(150, 0.25), (64, 0.2), (32, 0.2)])
def test_dlib_chips_put_the_five_points_in_place(chip_px: int, padding: float) -> None:
    mesh = np.zeros((1, 468, 3), np.float32)
    mesh[0, a.DLIB_POINTS, :2] = a.DLIB_TEMPLATE * 90 + [200, 50]
    matrix = a.dlib_chip_matrices(mesh, chip_px, padding)
    got = apply_affine(matrix, mesh[:, a.DLIB_POINTS, :2])[0]
    unit = (a.DLIB_TEMPLATE + padding) / (1 + 2 * padding)
    np.testing.assert_allclose(got, unit * chip_px + 0.5, atol=1e-3)


def test_attribute_chips_are_padded_by_a_fifth(fakes: Any) -> None:
    mesh = fakes.mesh_of((100, 100, 80))[None]
    np.testing.assert_array_equal(
        a.attribute_chip_matrices(mesh, 64), a.dlib_chip_matrices(mesh, 64, 0.2)
    )


def test_the_image_left_eye_stays_left(fakes: Any) -> None:
    mesh = fakes.mesh_of((100, 100, 80))[None]
    eyes = apply_affine(a.dlib_chip_matrices(mesh), mesh[:, [33, 263], :2])[0]
    assert eyes[0, 0] < 75 < eyes[1, 0]
    assert (eyes[:, 1] < 75).all()
