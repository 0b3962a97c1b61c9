from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fsp_ray.faces import BestViews, Observation


def observe(
    fakes: Any, frame: int, *, yaw: float = 0, size: float = 120, track: str = "t", base: int = 0
) -> Observation:
    points = fakes.mesh_of((200, 200, size), yaw_deg=yaw)
    return Observation(frame, track, (base + frame) * 100, points, 0.95, 0.0)


def test_frontal_large_and_sharp_views_weigh_more(fakes: Any) -> None:
    views = BestViews()
    faces = [
        observe(fakes, 0),
        observe(fakes, 10, yaw=45),
        observe(fakes, 20, size=50),
        observe(fakes, 30),
    ]
    chosen = views.choose(faces, [1.0, 1.0, 1.0, 0.1])
    weight = [view.weight for view in chosen]
    assert [view.observation.frame for view in chosen] == [0, 10, 20, 30]
    assert weight[0] > max(weight[1:])
    assert [view.frontal for view in chosen] == [True, False, True, True]


def test_views_are_spread_in_time(fakes: Any) -> None:
    views = BestViews(max_views=8)
    for base in range(0, 640, 32):
        views.choose([observe(fakes, i, base=base) for i in range(32)], [1.0] * 32)
    pts = np.array([view.observation.pts for view in views.kept("t")])
    assert len(pts) == 8
    assert pts[-1] - pts[0] > 0.7 * 64000
    assert np.diff(pts).min() > 1500


def test_few_views_are_measured_for_nothing(fakes: Any) -> None:
    views = BestViews(max_views=8)
    measured = sum(
        len(views.choose([observe(fakes, i, base=base) for i in range(32)], [1.0] * 32))
        for base in range(0, 640, 32)
    )
    assert 8 <= measured <= 80


def test_better_views_push_out_worse_ones(fakes: Any) -> None:
    views = BestViews(max_views=4)
    views.choose([observe(fakes, i, yaw=40) for i in range(32)], [1.0] * 32)
    views.choose([observe(fakes, i, base=32) for i in range(32)], [1.0] * 32)
    assert sum(view.frontal for view in views.kept("t")) >= 3


def test_tracks_are_kept_apart_and_unknown_ones_are_empty(fakes: Any) -> None:
    views = BestViews()
    views.choose([observe(fakes, 0, track="a"), observe(fakes, 0, track="b")], [1.0, 1.0])
    assert len(views.kept("a")) == len(views.kept("b")) == 1
    assert views.kept("c") == ()


def test_tiny_and_turned_away_faces_are_not_measured(fakes: Any) -> None:
    faces = [observe(fakes, 0, size=15), observe(fakes, 10, yaw=85)]
    assert BestViews().choose(faces, [1.0, 1.0]) == ()


def test_each_observation_needs_its_sharpness(fakes: Any) -> None:
    with pytest.raises(ValueError, match="sharpness"):
        BestViews().choose([observe(fakes, 0)], [])
    with pytest.raises(ValueError, match="max_views"):
        BestViews(0)
