"""The maps: exact where it matters, continuous where the background bends."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import NUM_POINTS
from fsp_ray.swap.layers import draw_layers, soften_edges, with_clear_rings
from fsp_ray.swap.raster import Window, affine_coefficients, evaluate, paint_triangles
from fsp_ray.synthesis import with_rings
from fsp_ray.synthesis.topology import NUM_RING

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


@pytest.mark.parametrize("yaw", [-1.1, -0.8, 0.8, 1.1])
def test_a_turned_face_lies_inside_of_its_outer_ring(yaw: float) -> None:
    points = pose(200, (400, 380), yaw=yaw)
    ring = np.ascontiguousarray(with_clear_rings(points)[NUM_POINTS + NUM_RING :, None, :2])
    behind = with_rings(points)[NUM_POINTS + NUM_RING :, None, :2]
    inside = [cv2.pointPolygonTest(ring, tuple(map(float, p[:2])), True) for p in points]
    assert min(inside) > 10
    without = np.ascontiguousarray(behind)
    assert min(cv2.pointPolygonTest(without, tuple(map(float, p[:2])), True) for p in points) < 0


def test_rings_of_a_face_from_the_front_stay_where_they_are() -> None:
    points = pose(200, (400, 380), roll=0.3)
    np.testing.assert_allclose(with_clear_rings(points), with_rings(points), atol=1e-3)


def test_silhouettes_are_no_saws() -> None:
    view = np.zeros((40, 40, 3), np.uint8)
    slope = np.add.outer(np.arange(40), 3 * np.arange(40)) > 80
    view[slope] = 200
    u = np.where(slope, 200, 20).astype(np.float32)
    softened = view.copy()
    soften_edges(softened, u, u, np.ones((40, 40, 1), np.bool_), 1)
    changed = (softened != view).any(axis=2)
    assert 40 < changed.sum() < 400
    assert len(np.unique(softened)) > 4
    untouched = view.copy()
    soften_edges(untouched, u, u, np.zeros((40, 40, 1), np.bool_), 1)
    np.testing.assert_array_equal(untouched, view)


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
