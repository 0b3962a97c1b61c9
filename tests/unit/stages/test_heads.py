"""A cover stops at the head in front of it, but never short of what is compared for leaks."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.audit import COMPARED_SHARE
from fsp_ray.core.face_types import F32, U8
from fsp_ray.faces import box_from_points
from fsp_ray.stages.heads import Head, cover_behind
from fsp_ray.swap.cover import cover
from tests.fakes.shards import mesh_at


def _noise() -> U8:
    return np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)


def _head(x: float, y: float, width_px: float) -> Head:
    points = mesh_at(x, y, width_px)
    head = Head.about(points, box_from_points(points[None])[0])
    assert head is not None
    return head


def _touched(before: U8, after: U8) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return np.asarray((before != after).any(axis=2))


def _middle(box: F32) -> tuple[slice, slice]:
    center, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * COMPARED_SHARE
    x1, y1 = np.ceil(center - half).astype(int)
    x2, y2 = np.floor(center + half).astype(int)
    return slice(int(y1), int(y2)), slice(int(x1), int(x2))


BOX = np.array([250, 120, 310, 200], np.float32)


def test_the_head_in_front_keeps_its_ears_and_hair() -> None:
    head, before = _head(200, 160, 110), _noise()
    whole, cut = before.copy(), before.copy()
    cover(whole, BOX)
    cover_behind(cut, BOX, None, [head])
    spared = _touched(before, whole) & ~_touched(before, cut)
    assert spared.sum() > 200
    assert (spared <= head.mask(0, 0, 400, 300)).all()
    elsewhere = ~head.mask(0, 0, 400, 300)
    assert (whole[elsewhere] == cut[elsewhere]).all()


def test_what_is_compared_for_leaks_is_covered_whoever_stands_there() -> None:
    before = _noise()
    for x in range(180, 320, 20):
        rgb = before.copy()
        cover_behind(rgb, BOX, None, [_head(x, 160, 110), _head(x, 100, 200)])
        assert _touched(before, rgb)[_middle(BOX)].mean() > 0.95


@pytest.mark.parametrize("width_px", [40, 62])
def test_nothing_is_kept_of_a_head_that_is_not_in_front(width_px: float) -> None:
    whole, cut = _noise(), _noise()
    cover(whole, BOX)
    cover_behind(cut, BOX, None, [_head(240, 160, width_px)])
    assert (whole == cut).all()


@pytest.mark.parametrize("place", [(-500.0, 160.0), (200.0, 2000.0), (390.0, 290.0)])
def test_heads_and_boxes_may_lie_outside_of_the_frame(place: tuple[float, float]) -> None:
    rgb = _noise()
    box = np.array([380, 250, 450, 340], np.float32)
    cover_behind(rgb, box, None, [_head(*place, 150)])
    assert _touched(_noise(), rgb)[275:, 395:].mean() > 0.95


def test_a_box_that_is_not_finite_is_refused_and_nothing_drawn() -> None:
    rgb = _noise()
    with pytest.raises(ValueError, match="finite"):
        cover_behind(rgb, np.array([0, 0, np.nan, 9], np.float32), None, [_head(200, 160, 110)])
    assert (rgb == _noise()).all()


def test_a_mesh_without_extent_is_no_head() -> None:
    assert Head.about(np.zeros((468, 3), np.float32), BOX) is None
    assert Head.about(np.full((468, 3), np.nan, np.float32), BOX) is None


def test_a_head_leans_with_its_face() -> None:
    upright = _head(200, 150, 80)
    points = mesh_at(0, 0, 80)
    turned = points.copy()
    turned[:, 0], turned[:, 1] = -points[:, 1], points[:, 0]  # a quarter turn clockwise
    turned[:, :2] += [200, 150]
    lying = Head.about(turned, box_from_points(turned[None])[0])
    assert lying is not None
    assert np.allclose(upright.half, lying.half, rtol=1e-3)
    tall, wide = upright.mask(0, 0, 400, 300), lying.mask(0, 0, 400, 300)
    assert np.ptp(np.flatnonzero(tall.any(axis=0))) < np.ptp(np.flatnonzero(tall.any(axis=1)))
    assert np.ptp(np.flatnonzero(wide.any(axis=0))) > np.ptp(np.flatnonzero(wide.any(axis=1)))
