from __future__ import annotations

from typing import Any

import numpy as np

from fsp_ray.faces import box_from_points, smooth_track


def motion(fakes: Any, xs: np.ndarray) -> np.ndarray:
    return np.stack([fakes.mesh_of((float(x), 100.0, 80.0)) for x in xs])


def test_jitter_is_cut(fakes: Any) -> None:
    rng = np.random.default_rng(0)
    true = motion(fakes, 100 + 2.0 * np.arange(60))
    noise = rng.normal(0, 0.5, (60, 1, 3)) + rng.normal(0, 0.4, true.shape)
    track = fakes.still_track((true + noise).astype(np.float32))
    smooth = smooth_track(track).points

    def shake(points: np.ndarray) -> float:
        return float(np.abs(np.diff(points - true, n=2, axis=0))[:, :, :2].mean())

    assert shake(smooth) < 0.5 * shake(track.points)
    assert np.abs(smooth - true)[:, :, :2].mean() < np.abs(track.points - true)[:, :, :2].mean()


def test_nothing_lags(fakes: Any) -> None:
    steady = motion(fakes, 100 + 3.0 * np.arange(40))
    swinging = motion(fakes, 200 + 40 * np.sin(np.arange(60) * 2 * np.pi / 20))
    for true in (steady, swinging):
        smooth = smooth_track(fakes.still_track(true)).points
        assert np.abs(smooth - true)[:, :, :2].max() < 0.5


def test_a_blink_survives(fakes: Any) -> None:
    points = motion(fakes, np.full(30, 100.0))
    lid = [159, 160]
    points[14:18, lid, 1] += 6
    smooth = smooth_track(fakes.still_track(points)).points
    assert (smooth[15:17, lid, 1] - smooth[0, lid, 1]).mean() > 4


def test_runs_are_smoothed_apart_and_gaps_are_left_alone(fakes: Any) -> None:
    points = motion(fakes, np.r_[np.full(10, 100.0), np.zeros(5), np.full(10, 160.0)])
    presence = np.r_[np.ones(10), np.zeros(5), np.ones(10)].astype(np.float32)
    points[10:15] = 0
    track = fakes.still_track(points, presence)
    smooth = smooth_track(track)
    np.testing.assert_allclose(smooth.points, track.points, atol=1e-3)
    np.testing.assert_array_equal(smooth.points[10:15], 0)


def test_boxes_follow_their_meshes(fakes: Any) -> None:
    rng = np.random.default_rng(1)
    points = motion(fakes, 100 + rng.normal(0, 1, 30))
    smooth = smooth_track(fakes.still_track(points))
    np.testing.assert_allclose(smooth.xyxy, box_from_points(smooth.points), atol=0.01)


def test_short_tracks_pass(fakes: Any) -> None:
    for length in range(1, 9):
        points = motion(fakes, 100 + 1.0 * np.arange(length))
        smooth = smooth_track(fakes.still_track(points))
        np.testing.assert_allclose(smooth.points, points, atol=1e-2)


def test_a_blink_of_one_frame_neither_begins_early_nor_stays_half_open(fakes: Any) -> None:
    points = motion(fakes, np.full(30, 100.0))
    upper, lower = [160, 159, 158, 387, 386, 385], [144, 145, 153, 373, 374, 380]
    points[15, upper] = points[15, lower]
    smooth = smooth_track(fakes.still_track(points)).points
    gap = np.linalg.norm(smooth[:, lower] - smooth[:, upper], axis=2)
    assert gap[15].max() < 0.05 * gap[0].min()
    np.testing.assert_allclose(gap[[13, 14, 16, 17]], gap[[0] * 4], rtol=0.05)


def test_where_the_eyes_are_is_smoothed_all_the_same(fakes: Any) -> None:
    rng = np.random.default_rng(2)
    true = motion(fakes, np.full(60, 100.0))
    shaken = true.copy()
    both = [159, 145]  # up and down together
    shaken[:, both, 1] += rng.normal(0, 1, (60, 1))
    smooth = smooth_track(fakes.still_track(shaken)).points
    middle = [points[:, both, 1].mean(axis=1) for points in (smooth, shaken)]
    assert np.diff(middle[0], n=2).std() < 0.5 * np.diff(middle[1], n=2).std()
