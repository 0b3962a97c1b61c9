from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fsp_ray.faces import COVER, SWAP, replacement_modes


def modes(fakes: Any, yaw: Any, *, presence: Any = 1.0, size: float = 80) -> list[int]:
    yaw = np.atleast_1d(np.asarray(yaw, np.float64))
    points = np.stack([fakes.mesh_of((100, 100, size), yaw_deg=float(y)) for y in yaw])
    sure = np.broadcast_to(np.asarray(presence, np.float32), len(yaw)).copy()
    points[sure == 0] = 0
    return replacement_modes(fakes.still_track(points, sure)).tolist()


def test_frontal_faces_are_swapped(fakes: Any) -> None:
    assert modes(fakes, np.zeros(20)) == [SWAP] * 20


def test_profiles_are_covered(fakes: Any) -> None:
    yaw = np.r_[np.zeros(20), np.full(20, 75), np.zeros(20)]
    assert modes(fakes, yaw) == [SWAP] * 20 + [COVER] * 20 + [SWAP] * 20


def test_missing_and_doubtful_meshes_are_covered(fakes: Any) -> None:
    presence = np.r_[np.ones(10), np.zeros(10), np.full(10, 0.4), np.ones(10)]
    got = modes(fakes, np.zeros(40), presence=presence)
    assert got == [SWAP] * 10 + [COVER] * 20 + [SWAP] * 10


def test_tiny_faces_are_covered(fakes: Any) -> None:
    assert modes(fakes, np.zeros(10), size=14) == [COVER] * 10


def test_a_head_at_the_limit_does_not_flicker(fakes: Any) -> None:
    yaw = 39.5 + 2 * np.sin(np.arange(60))
    assert np.abs(np.diff(modes(fakes, np.r_[np.zeros(10), yaw]))).sum() == 0
    assert np.abs(np.diff(modes(fakes, np.r_[np.full(10, 80), yaw]))).sum() == 0


def test_a_short_swap_is_covered_and_a_short_cover_lengthened(fakes: Any) -> None:
    yaw = np.r_[np.full(10, 80), np.zeros(3), np.full(10, 80), np.zeros(20)]
    assert modes(fakes, yaw) == [COVER] * 23 + [SWAP] * 20
    yaw = np.r_[np.zeros(20), 80, np.zeros(20)]
    covered = np.flatnonzero(np.array(modes(fakes, yaw)) == COVER)
    assert 4 <= len(covered) <= 6
    assert 20 in covered


def test_a_short_track_may_be_swapped_all_through(fakes: Any) -> None:
    assert modes(fakes, np.zeros(3)) == [SWAP] * 3
    assert modes(fakes, [0.0], presence=0.0) == [COVER]


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-89, 89)))
def test_doubt_always_covers_and_nothing_is_short(yaw: np.ndarray) -> None:
    got = np.array(modes(_fakes, yaw))
    assert (got[np.abs(yaw) > 60] == COVER).all()
    edges = np.flatnonzero(np.diff(got)) + 1
    runs = np.diff(edges)  # of the inner runs
    assert len(runs) == 0 or runs.min() >= 4


_fakes: Any = None


@pytest.fixture(autouse=True)
def _for_hypothesis(fakes: Any) -> None:
    globals()["_fakes"] = fakes
