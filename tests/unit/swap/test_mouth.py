"""The drawn mouth opens a little farther than the mesh says, and no wider for it."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.swap.mouth import parted
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


def test_a_shut_mouth_stays_shut() -> None:
    assert np.abs(parted(mouth(0))).max() < 1e-3


@pytest.mark.parametrize("gap_px", [1.0, 2.0, 3.5])
def test_a_small_gap_nearly_doubles(gap_px: float) -> None:
    points = mouth(gap_px)
    assert gap(points + parted(points)) == pytest.approx(1.9 * gap_px, rel=0.02)


def test_a_wide_mouth_is_hardly_wider() -> None:
    points = mouth(40)
    opened = gap(points + parted(points))
    assert 40 < opened < 40 + 0.02 * FACE_PX


def test_the_gap_never_shrinks_as_the_mouth_opens() -> None:
    gaps = [gap(points + parted(points)) for points in map(mouth, np.linspace(0, 40, 41))]
    assert (np.diff(gaps) > 0).all()


def test_corners_and_outline_stay_and_lips_keep_their_thickness() -> None:
    points = mouth(10)
    shift = parted(points)
    assert np.abs(shift[[INNER_LIP_UPPER[0], INNER_LIP_UPPER[-1]]]).max() < 0.05
    assert np.abs(shift[list(FACE_OVAL)]).max() < 0.3
    np.testing.assert_allclose(
        shift[OUTER_LIP_LOWER[MIDDLE]], shift[INNER_LIP_LOWER[MIDDLE]], atol=1e-4
    )
    assert np.linalg.norm(shift, axis=1).max() < 0.01 * FACE_PX
