"""What is in front of the face stays in front; in doubt the synthetic skin covers it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import F32, U8, SourceFace
from fsp_ray.swap import MeshSwapper, SwapSettings
from fsp_ray.synthesis import SourceFaceBuilder
from fsp_ray.synthesis.topology import FACE_OVAL, LEFT_BROW

from .conftest import pose, synthetic_face

SKIN = np.array([205, 160, 140])
HAND = np.array([170, 112, 88])
HAIR = np.array([46, 34, 30])
SETTINGS = SwapSettings(shape_gain=0, layout_gain=0)
POINTS = pose(220, (210, 210))


def head(seed: int, light: float = 0.0) -> U8:
    """A head of plain skin with brows and lips, lit from the right as strongly as said."""
    rng = np.random.default_rng(seed)
    rgb = np.full((420, 420, 3), (90, 100, 110), np.float32)
    oval = np.round(POINTS[list(FACE_OVAL), :2] + 3 * (POINTS[list(FACE_OVAL), :2] > 210))
    cv2.fillPoly(rgb, [oval.astype(np.int32)], SKIN.tolist())
    for brow in (LEFT_BROW, (276, 283, 282, 295, 285, 300, 293, 334, 296, 336)):
        hull = cv2.convexHull(np.round(POINTS[list(brow), :2]).astype(np.int32))
        cv2.fillConvexPoly(rgb, hull, (70, 50, 45))
    shade = np.exp(light * (np.arange(420) - 210) / 110)[None, :, None]
    rgb = cv2.GaussianBlur(rgb, (0, 0), 1.5) * shade + rng.normal(0, 2, rgb.shape)
    return np.clip(rgb, 0, 255).astype(np.uint8)


def source(views: int) -> SourceFace:
    builder = SourceFaceBuilder()
    for seed in range(views):
        builder.add(head(seed), POINTS, 1.0)
    face = builder.build()
    assert face is not None
    return face


def swapped(rgb: U8, views: int = 6, frames: int = 6) -> U8:
    session = MeshSwapper(SETTINGS).session(synthetic_face(), source(views))
    session.apply(head(99), POINTS)
    out = rgb.copy()
    for _ in range(frames):
        out = rgb.copy()
        session.apply(out, POINTS)
    return out


def with_patch(rgb: U8, at: F32, size: tuple[int, int], colour: np.ndarray) -> tuple[U8, U8]:
    """A rectangle with a little structure over a place; and where it is."""
    where = np.zeros(rgb.shape[:2], np.uint8)
    x, y = at[:2].astype(int)
    where[y - size[1] : y + size[1], x - size[0] : x + size[0]] = 1
    noise = np.random.default_rng(5).normal(0, 3, rgb.shape)
    patch = np.clip(colour + noise, 0, 255).astype(np.uint8)
    return np.where(where[:, :, None] > 0, patch, rgb), where


def kept(out: U8, rgb: U8, where: U8) -> float:
    same = np.abs(out.astype(int) - rgb).max(axis=2) <= 14
    return float(same[where > 0].mean())


def test_a_hand_before_the_cheek_stays() -> None:
    rgb, where = with_patch(head(50), POINTS[205], (24, 28), HAND)
    assert kept(swapped(rgb), rgb, where) > 0.8


def test_a_microphone_before_the_chin_stays() -> None:
    rgb, where = with_patch(head(50), POINTS[200], (18, 22), np.array([30, 30, 34]))
    assert kept(swapped(rgb), rgb, where) > 0.8


def test_a_hand_that_comes_and_goes_leaves_no_hole() -> None:
    session = MeshSwapper(SETTINGS).session(synthetic_face(), source(6))
    hand, where = with_patch(head(50), POINTS[205], (24, 28), HAND)
    for _ in range(5):
        session.apply(hand.copy(), POINTS)
    for _ in range(12):
        out = head(51)
        session.apply(out, POINTS)
    assert kept(out, head(51), where) < 0.35


@pytest.mark.parametrize("light", [-0.45, 0.3, 0.5])
def test_light_from_the_side_hides_nothing(light: float) -> None:
    """The face stays covered when the light comes from elsewhere than it mostly did."""
    rgb = head(50, light)
    well_inside = np.zeros(rgb.shape[:2], np.uint8)
    cv2.circle(well_inside, POINTS[4, :2].astype(int).tolist(), 60, 1, -1)
    assert kept(swapped(rgb), rgb, well_inside) < 0.45


def test_one_picture_alone_shows_no_hand() -> None:
    """From a single view a hand can't be told from a face: the synthetic skin covers it."""
    rgb, where = with_patch(head(50), POINTS[205], (24, 28), HAND)
    assert kept(swapped(rgb, views=1), rgb, where) < 0.5


def test_eyes_and_brows_are_never_shown() -> None:
    rgb, where = with_patch(head(50), POINTS[159], (30, 22), HAND)
    out = swapped(rgb)
    hull = cv2.convexHull(np.round(POINTS[list(LEFT_BROW), :2]).astype(np.int32))
    brow = cv2.fillConvexPoly(np.zeros_like(where), hull, 1)
    assert kept(out, rgb, brow * where) < 0.5


def test_what_covers_most_of_the_face_is_a_change_of_light() -> None:
    rgb, where = with_patch(head(50), POINTS[4], (85, 95), HAND)
    assert kept(swapped(rgb), rgb, where) < 0.5


def test_a_fringe_stays_before_the_forehead() -> None:
    rgb = head(50)
    top, brow = POINTS[10, 1], POINTS[[105, 334], 1].min()
    rows = np.arange(420)[:, None] + 4 * np.sin(np.arange(420) / 3)
    fringe = (rows < top + 0.55 * (brow - top)) & (np.abs(np.arange(420) - 210) < 60)
    noise = np.random.default_rng(3).normal(0, 4, rgb.shape)
    rgb = np.where(fringe[:, :, None], np.clip(HAIR + noise, 0, 255), rgb).astype(np.uint8)
    out = swapped(rgb, views=1, frames=1)
    forehead = fringe & (rows > top + 8)
    assert out[forehead].mean() < 105
    cheek = np.zeros(rgb.shape[:2], np.uint8)
    cv2.circle(cheek, POINTS[205, :2].astype(int).tolist(), 20, 1, -1)
    assert kept(out, rgb, cheek) < 0.6
