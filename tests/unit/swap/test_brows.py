"""Raised brows stay in the range of people's, whatever face the source wears."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.core.face_types import F32
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.brows import Brows, brow_height
from fsp_ray.swap.layout import DISTANCES, change_layout
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
