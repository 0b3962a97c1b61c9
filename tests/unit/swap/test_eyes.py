"""Drawn eyes: not the source's, but they look where its eyes look, and shut when they shut."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import F32, U8, SyntheticFace
from fsp_ray.swap import MeshSwapper, SwapSettings
from fsp_ray.swap.eyes import iris_colour
from fsp_ray.swap.gaze import EYES, IRIS_RADIUS, EyeFrame, eye_frame, look_at
from fsp_ray.synthesis import load_topology
from fsp_ray.synthesis.topology import LEFT_BROW, RIGHT_BROW

from .conftest import pose, source_of, synthetic_face

SKIN = (205, 160, 140)
WHITE = (222, 214, 208)
KEEP_SHAPE = SwapSettings(shape_gain=0, layout_gain=0, expression_weight=0)
PLACES = [(-0.14, 0.0), (-0.08, 0.02), (0.0, 0.0), (0.05, -0.02), (0.1, 0.02), (0.15, 0.0)]


def eye_of(points: F32, side: int) -> EyeFrame:
    eye = eye_frame(points, EYES[side])
    assert eye is not None
    return eye


def portrait(
    points: F32,
    gaze: tuple[float, float] = (0.0, 0.0),
    *,
    iris: tuple[int, int, int] = (60, 110, 190),
    lids: float = 1.0,
) -> U8:
    """Plain skin with two drawn eyes; `lids` 0 shuts them, leaving a line of lashes."""
    rgb = np.full((420, 420, 3), SKIN, np.uint8)
    for side in (0, 1):
        eye = eye_of(points, side)
        upper = eye.upper.copy()
        upper[:, 1] = eye.lower[:, 1] + lids * (upper[:, 1] - eye.lower[:, 1])
        rim = np.concatenate([upper, eye.lower[::-1]]) @ eye.axes.T + eye.middle
        opening = np.zeros(rgb.shape[:2], np.uint8)
        cv2.fillPoly(opening, [np.round(rim).astype(np.int32)], 1)
        ball = rgb.copy()
        cv2.fillPoly(ball, [np.round(rim).astype(np.int32)], WHITE)
        at = np.round(eye.axes @ np.array(gaze) + eye.middle).astype(int).tolist()
        radius = IRIS_RADIUS * eye.width_px
        cv2.circle(ball, at, round(radius), iris, -1, cv2.LINE_AA)
        cv2.circle(ball, at, round(0.4 * radius), (15, 15, 15), -1, cv2.LINE_AA)
        rgb = np.where(opening[:, :, None] > 0, ball, rgb)
        lashes = np.round(upper @ eye.axes.T + eye.middle).astype(np.int32)
        if eye.width_px > 15:
            thick = 2 if eye.width_px > 40 else 1
            cv2.polylines(rgb, [lashes], False, (90, 60, 50), thick, cv2.LINE_AA)
    noise = np.random.default_rng(0).normal(0, 2, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def blinking(points: F32, lids: float) -> F32:
    """Return the mesh with its eyes open to that share."""
    blink = points.copy()
    for upper, lower in EYES:
        low = points[list(lower)]
        blink[list(upper)] = low + np.float32(lids) * (points[list(upper)] - low)
    return blink


def swapped(rgb: U8, points: F32, face: SyntheticFace | None = None, *, lids: float = 1.0) -> U8:
    """Put a face on the last of a few frames: open eyes, then eyes open to the share `lids`."""
    session = MeshSwapper(KEEP_SHAPE).session(face or synthetic_face(), source_of(rgb, points))
    if lids < 1:
        for _ in range(3):
            session.apply(portrait(points), points)
    out = rgb.copy()
    session.apply(out, blinking(points, lids))
    return out


def opening_of(rgb: U8, points: F32, side: int = 0, reach: float = 0.3) -> np.ndarray:
    """The pixels in the middle of an opening, f64[N, 3]."""
    eye = eye_of(points, side)
    rim = np.concatenate([eye.upper, eye.lower[::-1]])
    rim[:, 1] *= 0.6
    rim[:, 0] = np.clip(rim[:, 0], -reach, reach)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(rim @ eye.axes.T + eye.middle).astype(np.int32)], 1)
    return rgb[mask > 0].astype(np.float64)


def plain_face() -> SyntheticFace:
    """Skin without a mark: drawn, it is as light as the source's."""
    grey = np.full((256, 256, 3), 128, np.uint8)
    return SyntheticFace("p", grey, load_topology().mean_shape.copy(), 30, "male")


@pytest.fixture(scope="module")
def points() -> F32:
    return pose(220, (210, 210))


@pytest.mark.parametrize("size", [120, 170, 240])
@pytest.mark.parametrize("roll", [0.0, 0.5])
def test_the_gaze_is_found(size: int, roll: float) -> None:
    mesh = pose(size, (210, 210), roll=roll)
    found: list[np.ndarray] = []
    for gaze in PLACES:
        look = look_at(portrait(mesh, gaze), eye_of(mesh, 0))
        assert look is not None
        assert look.sure > 0.3
        found.append(look.place)
    across = np.array(found)[:, 0]
    assert np.corrcoef(across, np.array(PLACES)[:, 0])[0, 1] > 0.97
    np.testing.assert_allclose(across, np.array(PLACES)[:, 0], atol=0.07)


def test_the_drawn_eyes_look_where_the_source_looks(points: F32) -> None:
    seen = []
    for gaze in PLACES:
        look = look_at(swapped(portrait(points, gaze), points), eye_of(points, 1))
        assert look is not None
        seen.append(look.place[0])
    assert np.corrcoef(seen, np.array(PLACES)[:, 0])[0, 1] > 0.95
    assert np.ptp(seen) > 0.8 * np.ptp(np.array(PLACES)[:, 0])


def test_the_iris_is_not_the_sources(points: F32) -> None:
    """Two sources with irises of different colours get the same iris, not each their own."""
    dark = SyntheticFace(
        "p", np.full((256, 256, 3), 70, np.uint8), load_topology().mean_shape.copy(), 30, "male"
    )
    irises = [
        opening_of(swapped(portrait(points, iris=colour), points, dark), points, reach=0.12)
        for colour in ((60, 110, 190), (120, 70, 40))
    ]
    one, other = (np.median(iris, axis=0) for iris in irises)
    assert one[0] > one[2] + 5  # brown, as goes with dark brows, where the source's is blue
    np.testing.assert_allclose(one, other, atol=25)


def test_shut_lids_stay_shut(points: F32) -> None:
    open_eyes, shut_eyes = portrait(points), portrait(points, lids=0)
    inside = opening_of(swapped(shut_eyes, points, plain_face(), lids=0), points)
    assert np.abs(inside - SKIN).mean() < 14
    assert inside.std() < 1.5 * opening_of(shut_eyes, points).std() + 2
    assert np.abs(opening_of(swapped(open_eyes, points), points) - SKIN).mean() > 30


def test_shaded_whites_stay_shaded(points: F32) -> None:
    """Eyes in deep sockets: whites well below the skin's light are not lit up."""
    rgb = portrait(points)
    shaded = rgb.astype(np.float64)
    for side in (0, 1):
        eye = eye_of(points, side)
        rim = np.concatenate([eye.upper, eye.lower[::-1]]) @ eye.axes.T + eye.middle
        opening = np.zeros(rgb.shape[:2], np.uint8)
        cv2.fillPoly(opening, [np.round(rim).astype(np.int32)], 1)
        shaded[opening > 0] *= 0.5
    before = shaded.astype(np.uint8)
    whites = [
        np.percentile(opening_of(out, points, reach=0.4), 80)
        for out in (before, swapped(before, points), swapped(rgb, points))
    ]
    assert whites[1] < 1.1 * whites[0]
    assert whites[1] < 0.85 * whites[2]


def test_fallen_lids_take_on_the_drawn_skin(points: F32) -> None:
    """Not the source's: a lighter synthetic lid goes on over the shut eye."""
    shut, face = portrait(points, lids=0), synthetic_face(3)
    eye = eye_of(points, 0)
    out = swapped(shut, points, face, lids=0)
    across = np.linspace(-0.2, 0.2, 9)
    rows = [np.interp(across, eye.upper[:, 0], eye.upper[:, 1]) + down for down in (-0.12, 0.08)]
    places = [np.stack([across, row], axis=1) @ eye.axes.T + eye.middle for row in rows]
    above, lid = (out[tuple(np.round(p).astype(int).T[::-1])].mean(axis=0) for p in places)
    assert np.abs(above - SKIN).max() > 10
    np.testing.assert_allclose(lid, above, atol=8)


def test_a_half_shut_eye_is_half_drawn(points: F32) -> None:
    eye = eye_of(points, 0)
    places = np.stack([np.linspace(-0.15, 0.15, 9), np.full(9, 0.75 * eye.upper[4, 1])], axis=1)
    x, y = np.round(places @ eye.axes.T + eye.middle).astype(int).T
    under_the_lid = [
        swapped(portrait(points, lids=lids), points, plain_face(), lids=lids)[y, x].astype(float)
        for lids in (1.0, 0.6)
    ]
    assert np.abs(under_the_lid[0] - SKIN).mean() > 20
    assert np.abs(under_the_lid[1] - SKIN).mean() < 13


def test_grey_pictures_get_grey_eyes(points: F32) -> None:
    rgb = portrait(points)
    grey = np.repeat(rgb.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    flat = synthetic_face()
    out = opening_of(swapped(grey, points, flat), points)
    assert np.ptp(out, axis=1).max() <= 4


def test_gaze_is_steady_on_a_still_and_leaps_with_the_source(points: F32) -> None:
    left, right = portrait(points, PLACES[0]), portrait(points, PLACES[-1])
    session = MeshSwapper(KEEP_SHAPE).session(synthetic_face(), source_of(left, points))
    places = []
    for rgb in (left, left, left, right, right):
        out = rgb.copy()
        session.apply(out, points)
        look = look_at(out, eye_of(points, 0))
        assert look is not None
        places.append(look.place[0])
    assert np.ptp(places[:3]) < 0.02
    assert places[3] - places[2] > 0.2


def test_small_eyes_keep_their_place_and_darkness() -> None:
    """Too small to draw: what is there before and after differs less than eye and skin."""
    small = pose(34, (210, 210))
    rgb = portrait(small)
    change = np.abs(opening_of(swapped(rgb, small), small) - opening_of(rgb, small)).mean()
    assert change < 0.7 * np.abs(opening_of(rgb, small) - SKIN).mean()


def test_light_brows_and_skin_allow_light_eyes_dark_ones_do_not(points: F32) -> None:
    mesh = load_topology()
    rgb = portrait(points)

    def colours(brow: int, source_rgb: U8) -> np.ndarray:
        face = SyntheticFace(
            "p", np.full((256, 256, 3), brow, np.uint8), mesh.mean_shape.copy(), 30, "female"
        )
        source = source_of(source_rgb, points)
        return np.array([iris_colour(face, source, np.random.default_rng(i)) for i in range(60)])

    fair, dark = colours(115, rgb), colours(60, rgb)
    assert (fair[:, 2] > fair[:, 0]).mean() > 0.15
    assert (dark[:, 2] < dark[:, 0]).all()
    dusky = colours(115, (rgb * 0.35).astype(np.uint8))
    assert (dusky[:, 2] < dusky[:, 0]).all()
    browed = rgb.copy()  # dark hair stays about the face
    for brow in (LEFT_BROW, RIGHT_BROW):
        hull: Any = cv2.convexHull(points[list(brow), :2].astype(np.float32))
        cv2.fillConvexPoly(browed, hull[:, 0].astype(np.int32), (30, 25, 25))
    dark_haired = colours(115, browed)
    assert (dark_haired[:, 2] < dark_haired[:, 0]).mean() > (fair[:, 2] < fair[:, 0]).mean()


def test_whites_flash_with_the_light_at_once(points: F32) -> None:
    dim, flash = (portrait(points) * 0.45).astype(np.uint8), portrait(points)
    session = MeshSwapper(KEEP_SHAPE).session(plain_face(), source_of(dim, points))
    for _ in range(4):
        session.apply(dim.copy(), points)
    lit, steady = flash.copy(), swapped(flash, points, plain_face())
    session.apply(lit, points)
    whites = [np.percentile(opening_of(out, points, reach=0.45), 85) for out in (lit, steady)]
    assert whites[0] > 0.85 * whites[1]
