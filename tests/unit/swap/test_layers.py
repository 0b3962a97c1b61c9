"""The maps: exact where it matters, continuous where the background bends."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.swap.layers import draw_layers
from fsp_ray.swap.raster import Window, affine_coefficients, evaluate, paint_triangles
from fsp_ray.synthesis import with_rings

from .conftest import pose


def drawn_and_read(size: float, yaw: float) -> tuple[np.ndarray, np.ndarray]:
    read = with_rings(pose(size, (400, 380), yaw=yaw))
    return read, read + np.float32(0)


@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_coarse_maps_agree_with_exact_ones(yaw: float) -> None:
    """Upscaled texel places differ from those of the triangles by under 1.5 texels, creases too."""
    read, drawn = drawn_and_read(310, yaw)
    layers = draw_layers(read, drawn, (800, 800, 3))
    assert layers.step == 3
    height, width = layers.maps.shape[:2]
    uv, visible = layers.texels(Window(0, 0, width, height))
    exact = evaluate(layers.painted, layers.coefficients)[:, :, 2:]
    error = np.abs(uv - exact).max(axis=2)[visible == 255] * 256
    assert np.percentile(error, 99.5) < 1.5
    assert error.max() < 25 * (yaw > 0) + 5


def test_without_displacement_nothing_shifts() -> None:
    read, drawn = drawn_and_read(200, 0.3)
    np.testing.assert_allclose(draw_layers(read, drawn, (800, 800, 3)).shift(), 0, atol=1e-3)


def test_an_affine_map_is_reproduced() -> None:
    corners = np.array([[[2, 2], [40, 3], [5, 37]]], np.float32)
    values = np.stack([corners @ [1, 2], corners @ [-3, 0.5] + 7], axis=2).astype(np.float32)
    painted = paint_triangles(corners, np.array([0]), (40, 44))
    out = evaluate(painted, affine_coefficients(corners, values))
    rows, columns = np.nonzero(painted)
    assert len(rows) > 500
    at = np.stack([columns, rows], axis=1) + 0.5
    np.testing.assert_allclose(out[rows, columns, 0], at @ [1, 2], atol=1e-3)
    np.testing.assert_allclose(out[rows, columns, 1], at @ [-3, 0.5] + 7, atol=1e-3)


def test_a_sliver_does_not_reach_beyond_its_corners() -> None:
    corners = np.array([[[2, 2], [30, 2.1], [16, 2.2]]], np.float32)
    values = np.array([[[0], [1], [0.2]]], np.float32)
    painted = paint_triangles(corners, np.array([0]), (8, 40))
    out = evaluate(painted, affine_coefficients(corners, values))[painted > 0]
    assert out.min() > -0.03
    assert out.max() < 1.03
    # ... and runs along itself: as one colour, it would be a speck.
    assert np.ptp(out) > 0.9


def test_later_triangles_hide_earlier_ones() -> None:
    corner = np.array([[0, 0], [30, 0], [0, 30]], np.float32)
    painted = paint_triangles(np.stack([corner, corner]), np.array([1, 0]), (20, 20))
    assert painted[3, 3] == 1
