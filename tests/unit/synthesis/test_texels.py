from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.synthesis.texels import barycentric, filled, hull, texel_map, unwrap
from fsp_ray.synthesis.topology import FACE_OVAL, Region, load_topology, with_rings

MESH = load_topology()
TEXELS = texel_map()


def head(size_px: float = 300.0, at: tuple[float, float] = (200.0, 220.0)):
    points = MESH.mean_shape * size_px
    return (points + np.array([*at, 0])).astype(np.float32)


def pattern():
    """A smooth picture that tells places and orientations apart."""
    v, u = np.mgrid[0:256, 0:256] / 255.0
    wave = 0.5 + 0.25 * np.sin(9 * u + 4 * v)
    return (np.stack([u, v, wave], axis=2) * 255).astype(np.uint8)


def render(texture, points, shape):
    """Draw a textured mesh triangle by triangle: slow, and no code of the room's own."""
    out = np.zeros((*shape, 3), np.uint8)
    vertices = with_rings(points)[:, :2].astype(np.float32)
    for triangle in MESH.of(Region.SKIN, Region.EYE, Region.MOUTH, Region.INNER_RING):
        source = (MESH.uv[triangle] * 256 - 0.5).astype(np.float32)
        affine = cv2.getAffineTransform(source, vertices[triangle] - 0.5)
        mask = np.zeros(shape, np.uint8)
        cv2.fillConvexPoly(mask, np.rint((vertices[triangle] - 0.5) * 16).astype(np.int32), 1, 8, 4)
        low = np.floor(vertices[triangle].min(axis=0)).astype(int)
        affine[:, 2] -= low
        size = np.ceil(np.ptp(vertices[triangle], axis=0)).astype(int) + 2
        patch = cv2.warpAffine(texture, affine, tuple(map(int, size)), borderMode=1)
        area = (slice(low[1], low[1] + size[1]), slice(low[0], low[0] + size[0]))
        view, keep = out[area], mask[area] > 0
        view[keep] = patch[: keep.shape[0], : keep.shape[1]][keep]
    return out


@given(st.integers(0, 65535))
def test_a_texel_goes_to_the_mesh_and_back(texel):
    assert TEXELS.share[:, texel].sum() == pytest.approx(1, abs=1e-5)
    if TEXELS.triangle.ravel()[texel] < 0:
        return
    assert TEXELS.share[:, texel].min() >= -1e-4
    uv = (TEXELS.share[:, texel, None] * MESH.uv[TEXELS.vertex[:, texel]]).sum(axis=0)
    place = np.array([texel % 256 + 0.5, texel // 256 + 0.5]) / 256
    np.testing.assert_allclose(uv, place, atol=1e-4)


@given(st.floats(0, 1), st.floats(0, 1))
def test_barycentric_weights_give_the_point(first, second):
    corners = np.array([[[1.0, 2.0], [5.0, 1.0], [3.0, 7.0]]])
    at = np.array([[1 + 4 * first, 1 + 6 * second]])
    share = barycentric(corners, at)
    np.testing.assert_allclose((share[:, :, None] * corners).sum(axis=1), at, atol=1e-5)


def test_every_texel_inside_the_inner_ring_is_covered():
    rim = MESH.uv[468:504] * 256
    inside = np.zeros((256, 256), np.uint8)
    cv2.fillPoly(inside, [np.rint(rim).astype(np.int32)], 1)
    inside = cv2.erode(inside, np.ones((5, 5), np.uint8))
    assert (TEXELS.triangle[inside > 0] >= 0).all()
    assert (TEXELS.region[TEXELS.triangle < 0] == Region.OUTER_RING).all()


def test_unwrapping_a_rendered_mesh_gives_the_texture_back():
    texture = pattern()
    points = head(420, (290, 330))
    back, weight = unwrap(render(texture, points, (660, 580)), points)
    seen = weight > 0.5
    assert seen.mean() > 0.4
    error = np.abs(back[seen].astype(int) - texture[seen])
    assert np.percentile(error, 99) <= 8
    assert error.mean() < 1.5


def test_half_pixels_are_kept():
    rgb = np.tile(np.arange(400, dtype=np.float32)[None, :, None], (400, 1, 3))
    points = head(300)
    texture, _ = unwrap((rgb / 2).astype(np.uint8), points)
    row, column = 128, 128
    x = float(TEXELS.spread(with_rings(points)[:504, :1])[0, row, column])
    assert texture[row, column, 0] == pytest.approx((x - 0.5) / 2, abs=0.75)


def test_a_turned_head_shows_one_side():
    angle = np.radians(40)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    rgb = np.full((440, 400, 3), 99, np.uint8)
    _, frontal = unwrap(rgb, head())
    _, turned = unwrap(rgb, (MESH.mean_shape @ turn.T * 300 + [200, 220, 0]).astype(np.float32))
    halves = turned[:, :128].mean(), turned[:, 128:].mean()
    assert max(halves) > 2 * min(halves)
    assert frontal[:, :128].mean() == pytest.approx(frontal[:, 128:].mean(), rel=0.01)


def test_what_lies_outside_the_frame_weighs_nothing():
    rgb = np.full((440, 200, 3), 99, np.uint8)
    texture, weight = unwrap(rgb, head())
    assert weight[:, 140:].max() == 0
    assert weight[:, :100].max() > 0.9
    assert (texture == 99).all()


def test_a_face_far_outside_is_all_gap_and_no_crash():
    _, weight = unwrap(np.zeros((9, 9, 3), np.uint8), head(at=(1e9, 5)))
    assert weight.max() == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_mesh_that_is_not_finite_is_refused(value):
    points = head()
    points[3, 1] = value
    with pytest.raises(ValueError, match="finite"):
        unwrap(np.zeros((50, 50, 3), np.uint8), points)


def test_a_loop_is_filled_to_where_its_points_lie():
    drawn = filled(hull(FACE_OVAL))
    corners = MESH.uv[list(FACE_OVAL)] * 256
    rows, columns = np.nonzero(drawn)
    np.testing.assert_allclose([columns.min(), rows.min()], corners.min(axis=0), atol=1.5)
    np.testing.assert_allclose([columns.max() + 1, rows.max() + 1], corners.max(axis=0), atol=1.5)
    assert drawn[128, 128] == 1
    assert (drawn != drawn[:, ::-1]).mean() < 0.002
