"""A leak is covered where nobody knows that it ended, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.audit import Leak
from fsp_ray.core.face_types import F32
from fsp_ray.stages.leak_spans import Sight, Timeline, leaks_followed, leaks_found

Boxes = tuple[float, float, float, float]
FRAMES, STEP = 60, 10
SMALL, LARGE = (20.0, 20.0, 40.0, 45.0), (60.0, 10.0, 180.0, 150.0)


def _timeline(*cuts: int) -> Timeline:
    timeline = Timeline()
    for number in range(FRAMES):
        timeline.push(number * STEP, cut=number in {0, *cuts})
    return timeline


def _box(box: Boxes) -> F32:
    return np.array(box, np.float32)


def _found(**boxes: list[Boxes]) -> dict[int, F32]:
    return {
        int(frame[1:]) * STEP: np.array(of_frame, np.float32).reshape(-1, 4)
        for frame, of_frame in boxes.items()
    }


def _leaks(
    shown: tuple[int, Boxes], found: dict[int, F32], timeline: Timeline | None = None
) -> list[Leak]:
    sight = Sight(shown[0] * STEP, _box(shown[1]), None)
    return list(leaks_found([sight], found, timeline or _timeline()))


def test_it_is_covered_from_the_frame_searched_before_to_the_one_after() -> None:
    (leak,) = _leaks((20, SMALL), _found(f5=[], f20=[SMALL], f35=[]))
    assert (leak.first_pts, leak.pts, leak.last_pts) == (51, 200, 349)


def test_where_every_frame_is_searched_it_is_covered_a_few_frames_longer() -> None:
    (leak,) = _leaks((20, SMALL), _found(f19=[], f20=[SMALL], f21=[]))
    assert (leak.first_pts, leak.last_pts) == (160, 240)


def test_it_is_not_covered_beyond_its_shot() -> None:
    (leak,) = _leaks((20, SMALL), _found(f5=[], f20=[SMALL], f35=[]), _timeline(18, 24))
    assert (leak.first_pts, leak.last_pts) == (180, 239)


def test_it_is_covered_on_its_way_to_where_it_is_found_again() -> None:
    there = (50.0, 22.0, 70.0, 47.0)
    leaks = _leaks((20, SMALL), _found(f5=[], f20=[SMALL], f35=[there]))
    (way,) = [leak for leak in leaks if leak.xyxy != SMALL]
    assert (way.first_pts, way.last_pts) == (210, 340)
    assert way.xyxy == (20.0, 20.0, 70.0, 47.0)


@pytest.mark.parametrize("there", [LARGE, (25.0, 25.0, 31.0, 33.0)])
def test_a_face_of_another_size_is_another_face(there: Boxes) -> None:
    """Else a cover spans the picture, from a poster in a corner to the face in the middle."""
    assert len(_leaks((20, SMALL), _found(f5=[there], f20=[SMALL, there], f35=[there]))) == 1


def test_one_that_grows_is_still_the_same() -> None:
    there = (18.0, 18.0, 44.0, 50.0)
    leaks = _leaks((20, SMALL), _found(f20=[SMALL], f35=[there]))
    assert (18.0, 18.0, 44.0, 50.0) in {leak.xyxy for leak in leaks}


def test_a_face_that_is_followed_is_compared_in_every_frame() -> None:
    (leak,) = leaks_followed([Sight(200, _box(SMALL), "p")], _timeline(19))
    assert (leak.first_pts, leak.last_pts, leak.person_id) == (190, 220, "p")
