"""Views are measured once, side views are averaged with none, and figures stay with their view."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fsp_ray.core.face_types import F32, U8, Attributes, Landmarks, Track
from fsp_ray.core.video_types import FrameBatch
from fsp_ray.faces import Observation, box_from_points
from fsp_ray.stages.measure_views import ViewMeasurer
from fsp_ray.synthesis import load_topology
from tests.fakes.media import texture


def head(x: float, width_px: float, yaw_deg: float = 0.0) -> F32:
    turn = np.radians(yaw_deg)
    matrix = [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    shape = load_topology().mean_shape
    return (shape @ np.transpose(matrix) * width_px + [x, 120, 0]).astype(np.float32)


class PlaceModels:
    """Reads from a face where it is, so that every figure tells which face it was read from."""

    dimensions = 4

    def __init__(self) -> None:
        self.measured: list[float] = []

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        x = box_from_points(landmarks.points)[:, 0]
        self.measured += [float(v) for v in x]
        angle = x / np.float32(1000)
        return np.stack([np.cos(angle), np.sin(angle), 0 * x, 0 * x], axis=1).astype(np.float32)

    def estimate(self, rgb: U8, landmarks: Landmarks) -> Attributes:
        x = box_from_points(landmarks.points)[:, 0]
        return Attributes(x.astype(np.float32), np.full(len(x), 0.25, np.float32))


@pytest.fixture
def roles() -> PlaceModels:
    return PlaceModels()


@pytest.fixture
def measurer(roles: PlaceModels) -> ViewMeasurer:
    models: Any = SimpleNamespace(matcher=roles, attributes=roles)
    return ViewMeasurer(models)


def batch(first: int = 0, num_frames: int = 17) -> FrameBatch:
    rgb = np.stack([texture(first + n, 320, 240) for n in range(num_frames)])
    return FrameBatch(rgb, np.arange(first, first + num_frames, dtype=np.int64))


def seen(frame: int, points: F32, track_id: str = "t", first: int = 0) -> Observation:
    return Observation(frame, track_id, first + frame, points, 1.0, 0.9)


def track_of(meshes: dict[int, F32], track_id: str = "t") -> Track:
    points = np.stack([*meshes.values()])
    n = len(points)
    return Track(
        track_id=track_id,
        pts=np.array([*meshes], np.int64),
        xyxy=box_from_points(points),
        points=points,
        presence=np.ones(n, np.float32),
        det_score=np.array([0.8, *[0] * (n - 1)], np.float32),
        origin=np.zeros(n, np.uint8),
    )


def test_side_views_are_measured_and_not_averaged(
    measurer: ViewMeasurer, roles: PlaceModels
) -> None:
    meshes = {0: head(100, 80), 8: head(150, 80, yaw_deg=45), 16: head(60, 12)}
    measurer.add(batch(), [seen(frame, mesh) for frame, mesh in meshes.items()])
    summary = measurer.summary(track_of(meshes), 2)
    assert len(roles.measured) == 2  # the last one is too small to be read
    assert summary.view_frontal.tolist() == [True, False]
    assert summary.view_weight[0] > summary.view_weight[1] > 0
    assert summary.source is not None
    assert summary.source.num_views == 1
    left = [float(box_from_points(meshes[frame][None])[0, 0]) for frame in (0, 8)]
    np.testing.assert_allclose(summary.view_age_years, left, rtol=1e-5)
    np.testing.assert_allclose(np.arccos(summary.embeddings[:, 0]) * 1000, left, rtol=1e-2)
    assert summary.view_female.tolist() == [0.25, 0.25]
    assert summary.shard_index == 2
    assert (summary.start_pts, summary.last_pts, summary.num_frames) == (0, 16, 3)
    assert summary.mean_det_score == pytest.approx(0.8)


def test_figures_stay_with_their_track(measurer: ViewMeasurer) -> None:
    near, far = head(80, 90), head(230, 60)
    measurer.add(batch(), [seen(0, near, "near"), seen(0, far, "far")])
    for name, mesh in (("near", near), ("far", far)):
        summary = measurer.summary(track_of({0: mesh}, name), 0)
        left = float(box_from_points(mesh[None])[0, 0])
        np.testing.assert_allclose(summary.view_age_years, [left], rtol=1e-5)
        np.testing.assert_allclose(np.arccos(summary.embeddings[:, 0]) * 1000, [left], rtol=1e-2)


def test_a_long_track_is_known_by_few_views(measurer: ViewMeasurer, roles: PlaceModels) -> None:
    meshes: dict[int, F32] = {}
    for first in range(0, 170, 17):
        frames = {frame: head(100 + frame, 60 + first / 5) for frame in range(17)}
        measurer.add(batch(first), [seen(f, mesh, first=first) for f, mesh in frames.items()])
        meshes |= {first + frame: mesh for frame, mesh in frames.items()}
    summary = measurer.summary(track_of(meshes), 0)
    assert 4 <= len(summary.view_weight) == len(summary.embeddings) <= 8
    assert len(roles.measured) < 40


def test_a_track_nobody_looked_at_has_no_views(measurer: ViewMeasurer) -> None:
    summary = measurer.summary(track_of({0: head(100, 80)}), 0)
    assert summary.embeddings.shape == (0, 4)
    assert len(summary.view_weight) == 0
    assert summary.source is None


def test_a_track_keeps_few_looks_at_the_head_the_best_first(measurer: ViewMeasurer) -> None:
    for first in range(0, 170, 17):
        frames = {frame: head(100 + frame, 60 + first / 5) for frame in range(17)}
        measurer.add(batch(first), [seen(f, mesh, first=first) for f, mesh in frames.items()])
    views = measurer.head_views("t")
    assert 2 <= len(views) <= 4
    assert views[0].weight == max(view.weight for view in views)
    assert len({view.weight for view in views}) == len(views)
    assert measurer.head_views("nobody") == ()
