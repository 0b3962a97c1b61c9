"""Raised brows stay in the range of people's, whatever face the source wears."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import F32, SyntheticFace
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.brows import Brows, brow_height, levelled, slant
from fsp_ray.swap.layout import DISTANCES, change_layout, layout
from fsp_ray.swap.pose import fit_pose
from fsp_ray.synthesis import load_topology

from .conftest import pose as posed

MEAN = load_topology().mean_shape
ROW = [distance.name for distance in DISTANCES].index("brow height")


def raising(spreads: float) -> F32:
    """The shift of a shape that raises its brows by so many spreads."""
    return change_layout(spreads * np.eye(len(DISTANCES))[ROW]).astype(np.float32)


def drawn_height(raised: float, change: float, roll: float = 0.3) -> tuple[float, float]:
    """How high brows are in the frame, and how high they are drawn."""
    points = posed(200, (210, 210), roll=roll)
    at_rest: F64 = fit_pose(MEAN, points)
    points = points + (raising(raised) @ at_rest.T).astype(np.float32)
    pose = fit_pose(MEAN, points)
    shift = raising(change) + Brows(MEAN, raising(change)).eased(points, pose)
    return brow_height(points, pose), brow_height(
        points + (shift @ pose.T).astype(np.float32), pose
    )


@pytest.mark.parametrize("change", [-1.5, 0.0, 1.2])
def test_at_rest_the_synthetic_brows_are_where_they_belong(change: float) -> None:
    frame, drawn = drawn_height(0.0, change)
    assert drawn - frame == pytest.approx(change, abs=0.1)


@pytest.mark.parametrize(("raised", "change"), [(2.0, 1.2), (3.0, 1.2), (-2.5, -1.5)])
def test_brows_never_go_beyond_people_or_the_source_s_own(raised: float, change: float) -> None:
    frame, drawn = drawn_height(raised, change)
    assert abs(drawn) <= max(2.2, abs(frame)) + 0.05


def test_brows_rise_as_the_source_raises_them() -> None:
    drawn = np.array([drawn_height(raised, 1.2)[1] for raised in np.linspace(-2, 3, 21)])
    assert (np.diff(drawn) > -0.02).all()
    assert np.ptp(drawn) > 3


def browed(hang: float) -> SyntheticFace:
    """A face with painted brows whose inner ends lie `hang` of the texture below their arches."""
    texture = np.full((256, 256, 3), 128, np.uint8)
    for flip in (False, True):
        places = np.array([(0.28, 0.255), (0.33, 0.25), (0.44, 0.25 + 1.1 * hang)]) * 256
        if flip:
            places[:, 0] = 255 - places[:, 0]
        cv2.polylines(texture, [places.astype(np.int32)], False, (70, 70, 70), 7)
    return SyntheticFace("p", texture, MEAN, 30.0, "male")


def test_the_slant_of_painted_brows_is_read() -> None:
    slants = [slant(browed(hang)) or 0.0 for hang in (-0.01, 0.0, 0.02, 0.04)]
    assert slants == sorted(slants)
    assert slants[1] == pytest.approx(0, abs=0.004)
    assert slants[2] == pytest.approx(0.016, abs=0.006)


def test_brows_that_scowl_are_levelled_and_others_left() -> None:
    tilt = [distance.name for distance in DISTANCES].index("brow tilt")

    def lifted(hang: float) -> float:
        moved = layout((MEAN + levelled(browed(hang))).astype(np.float32)) - layout(MEAN)
        return float(moved[tilt]) * DISTANCES[tilt].spread

    assert lifted(0.03) == pytest.approx(slant(browed(0.03)), abs=0.006)
    assert lifted(0.03) > lifted(0.02) > 0
    assert lifted(-0.02) == pytest.approx(0, abs=1e-4)


def test_where_no_brow_shows_none_is_levelled() -> None:
    blank = SyntheticFace("p", np.full((256, 256, 3), 128, np.uint8), MEAN, 30.0, "male")
    assert slant(blank) is None
    assert not levelled(blank).any()
