"""The drawn mouth is shut where lips are, opens farther than the mesh says, and no wider."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.core.face_types import TEXTURE_PX, SourceFace
from fsp_ray.swap.mouth import Lips, parted, smooth_seam
from fsp_ray.synthesis.topology import (
    FACE_OVAL,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    OUTER_LIP_LOWER,
    load_topology,
)

FACE_PX = 200.0
MIDDLE = 5


def mouth(gap_px: float) -> np.ndarray:
    """Return a face 200 pixels wide whose inner lips stand so far apart, less at the corners."""
    points = load_topology().mean_shape * np.float32(FACE_PX)
    points = points * np.float32(FACE_PX / np.ptp(points[:, 0]))
    upper, lower = list(INNER_LIP_UPPER), list(INNER_LIP_LOWER)
    middle = (points[upper] + points[lower]) / 2
    share = np.sin(np.linspace(0, np.pi, len(upper)))[:, None]
    half = share * np.array([0, gap_px / 2, 0])
    points[upper], points[lower] = middle - half, middle + half
    return points.astype(np.float32)


def gap(points: np.ndarray) -> float:
    return float(points[INNER_LIP_LOWER[MIDDLE], 1] - points[INNER_LIP_UPPER[MIDDLE], 1])


def drawn_gap(gap_px: float, shut: float = 0.0) -> float:
    points = mouth(gap_px)
    return gap(points + parted(points, shut))


def shut_at(gap_px: float) -> float:
    """Return at which gap, face widths, lips are shut that are never seen less far apart."""
    return Lips(source(gap_px)).follow(mouth(gap_px))


def source(gap_px: float) -> SourceFace:
    texture = np.zeros((TEXTURE_PX, TEXTURE_PX, 3), np.uint8)
    weight = np.ones((TEXTURE_PX, TEXTURE_PX), np.float32)
    shape = (mouth(gap_px) / np.float32(FACE_PX)).astype(np.float32)
    return SourceFace(shape, texture, weight, 1)


def test_a_shut_mouth_stays_shut() -> None:
    assert np.abs(parted(mouth(0), 0.0)).max() < 1e-3


def test_a_small_gap_more_than_doubles() -> None:
    assert drawn_gap(2) == pytest.approx(2.2 * 2, rel=0.02)


def test_lips_that_are_shut_but_read_apart_are_drawn_half_as_far_apart() -> None:
    assert drawn_gap(4, shut_at(4)) == pytest.approx(2, rel=0.02)
    assert drawn_gap(2, shut_at(4)) == pytest.approx(1, rel=0.02)


def test_those_lips_open_as_far_as_others() -> None:
    assert drawn_gap(14, shut_at(4)) == pytest.approx(drawn_gap(14), rel=0.02)


def test_a_wide_mouth_is_hardly_wider() -> None:
    assert 40 < drawn_gap(40, shut_at(4)) < 40 + 0.025 * FACE_PX


@pytest.mark.parametrize("shut_px", [0.0, 4.0])
def test_the_gap_never_shrinks_as_the_mouth_opens(shut_px: float) -> None:
    shut = shut_at(shut_px)
    gaps = [drawn_gap(gap_px, shut) for gap_px in np.linspace(0, 40, 41)]
    assert (np.diff(gaps) > 0).all()


def test_a_smaller_gap_is_believed_at_once_a_larger_one_slowly() -> None:
    lips = Lips(source(4))
    before = lips.follow(mouth(4))
    less = [lips.follow(mouth(1)) for _ in range(8)][-1]
    assert less < 0.4 * before
    more = [lips.follow(mouth(4)) for _ in range(8)][-1]
    assert less < more < less + 0.05 * before


def test_speech_is_never_taken_for_shut_lips() -> None:
    lips = Lips(source(4))
    speech = mouth(20)
    shut = [lips.follow(speech) for _ in range(5000)][-1]
    assert drawn_gap(20, shut) > 20


def test_corners_and_outline_stay_and_lips_keep_their_thickness() -> None:
    points = mouth(10)
    shift = parted(points, 0.0)
    assert np.abs(shift[[INNER_LIP_UPPER[0], INNER_LIP_UPPER[-1]]]).max() < 0.05
    assert np.abs(shift[list(FACE_OVAL)]).max() < 0.3
    np.testing.assert_allclose(
        shift[OUTER_LIP_LOWER[MIDDLE]], shift[INNER_LIP_LOWER[MIDDLE]], atol=1e-4
    )
    assert np.linalg.norm(shift, axis=1).max() < 0.01 * FACE_PX


def test_dots_between_the_lips_become_a_line_and_nothing_else_changes() -> None:
    points = mouth(0) + np.float32(FACE_PX / 2)
    skin = np.full((220, 200, 3), 160, np.uint8)
    opacity = np.full((220, 200), 255, np.uint8)
    origin = (10, 10)
    x, y = (points[INNER_LIP_UPPER[MIDDLE], :2] - origin).round().astype(int)
    opacity[y, x - 12 : x + 13 : 2], skin[y, x - 12 : x + 13 : 2] = 0, 0
    before = skin.copy(), opacity.copy()
    smooth_seam(skin, opacity, points, origin)
    line = opacity[y, x - 10 : x + 11].astype(int)
    assert np.ptp(line) <= 0.35 * 255
    assert line.max() < 250
    near = np.s_[y - 8 : y + 9, x - 40 : x + 41]
    for now, was in zip((skin, opacity), before, strict=True):
        was[near] = now[near]
        np.testing.assert_array_equal(now, was)


@pytest.mark.parametrize("origin", [(900, 900), (-900, -900)])
def test_a_mouth_out_of_sight_is_left_alone(origin: tuple[int, int]) -> None:
    skin, opacity = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)
    opacity[::2] = 255
    before = opacity.copy()
    smooth_seam(skin, opacity, mouth(2), origin)
    np.testing.assert_array_equal(opacity, before)
