"""Heads are cut out small, with all that a swap may touch; looks that are kept differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fsp_ray.core.face_types import F32, HeadView
from fsp_ray.stages.head_views import LONG_SIDE_PX, cut_head, pick_views
from fsp_ray.synthesis import load_topology, with_rings
from tests.fakes.media import texture


def mesh(width_px: float, x: float, y: float, yaw_deg: float = 0.0) -> F32:
    turn = np.radians(yaw_deg)
    matrix = [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    shape = load_topology().mean_shape @ np.transpose(matrix)
    return (shape * width_px + [x, y, 0]).astype(np.float32)


def test_a_small_head_is_cut_out_as_it_is() -> None:
    frame = texture(0, 640, 480)
    points = mesh(60, 320, 240)
    view = cut_head(frame, points, 0.7)
    assert view is not None
    assert view.weight == 0.7
    left, top = (points - view.points)[0, :2]
    np.testing.assert_allclose(points - view.points, np.tile([left, top, 0], (468, 1)), atol=1e-3)
    height, width = view.rgb.shape[:2]
    np.testing.assert_array_equal(
        view.rgb, frame[int(top) : int(top) + height, int(left) : int(left) + width]
    )
    rings = with_rings(view.points)[:, :2]
    assert rings.min() >= 0
    assert (rings.max(axis=0) <= (width, height)).all()


def test_a_large_head_is_made_small_and_the_points_go_along() -> None:
    frame = texture(0, 1600, 1200)
    points = mesh(600, 800, 600)
    view = cut_head(frame, points, 1.0)
    assert view is not None
    assert max(view.rgb.shape) == LONG_SIDE_PX
    before, after = np.ptp(points[:, :2], axis=0), np.ptp(view.points[:, :2], axis=0)
    scale = after / before
    np.testing.assert_allclose(scale, scale.mean(), rtol=0.01)
    np.testing.assert_allclose(
        np.ptp(view.points[:, 2]) / np.ptp(points[:, 2]), scale[0], rtol=0.02
    )
    # The colour under a point stays the colour under the point.
    spot = points[4, :2].astype(int)
    near = frame[spot[1] - 3 : spot[1] + 4, spot[0] - 3 : spot[0] + 4].reshape(-1, 3).mean(axis=0)
    x, y = view.points[4, :2].astype(int)
    assert np.abs(view.rgb[y, x] - near).max() < 25


def test_a_head_at_the_border_is_cut_off_and_one_outside_is_none() -> None:
    frame = texture(0, 200, 150)
    cut = cut_head(frame, mesh(80, 5, 70), 1.0)
    assert cut is not None
    assert cut.points[:, 0].min() < 0
    assert cut_head(frame, mesh(80, -400, 70), 1.0) is None


def test_the_frame_is_not_held() -> None:
    frame = texture(0, 640, 480)
    view = cut_head(frame, mesh(60, 320, 240), 1.0)
    assert view is not None
    assert not np.shares_memory(view.rgb, frame)


def test_the_best_look_comes_first_and_then_the_most_different() -> None:
    picture = texture(0, 64, 64)
    looks = [
        HeadView(picture, mesh(50, 32, 32, yaw), weight)
        for yaw, weight in ((0, 0.9), (1, 0.89), (-2, 0.88), (28, 0.6), (2, 1.0))
    ]
    picked = pick_views(looks, 2)
    assert [view.weight for view in picked] == [1.0, 0.6]
    assert len(pick_views(looks)) == 4
    assert len({id(view) for view in pick_views(looks, 5)}) == 5
    assert pick_views([]) == ()
    assert pick_views([replace(looks[0])], 3)[0].weight == 0.9
