"""Meshes that movement is measured by: read in a few places, the same for every version."""

from __future__ import annotations

import numpy as np

from fsp_ray.audit.evaluation.movement import fitted
from fsp_ray.core.face_types import F32, NUM_POINTS, U8, FaceRois, Landmarks


class NoisyLandmarker:
    """Answers with the true mesh and an error that depends on the ROI, or on the picture alone."""

    def __init__(self, true: F32, noise_px: float) -> None:
        self.true, self.noise_px = true, noise_px
        self.asked: list[FaceRois] = []

    def landmarks(self, rgb: U8, rois: FaceRois) -> Landmarks:
        self.asked.append(rois)
        points = np.stack([self.true + self._error(i, rgb, rois) for i in range(len(rois))])
        presence = np.linspace(0.6, 0.9, len(rois)).astype(np.float32)
        return Landmarks(points.astype(np.float32), presence)

    def _error(self, row: int, rgb: U8, rois: FaceRois) -> F32:
        place = [float(rgb.sum()), *rois.center[row].tolist(), float(rois.size_px[row])]
        seed = [abs(round(1000 * value)) for value in place]
        error = np.random.default_rng(seed).normal(0, self.noise_px, (NUM_POINTS, 3))
        return error.astype(np.float32)


def _rois(faces: int) -> FaceRois:
    center = np.stack([np.arange(faces) * 90 + 60, np.full(faces, 70)], axis=1)
    size = np.linspace(80, 120, faces)
    return FaceRois(
        center.astype(np.float32), size.astype(np.float32), np.full(faces, 0.2, np.float32)
    )


def _frame(value: int) -> U8:
    return np.full((120, 300, 3), value, np.uint8)


def test_noise_of_single_readings_is_averaged_out() -> None:
    true = np.random.default_rng(0).uniform(0, 100, (NUM_POINTS, 3)).astype(np.float32)
    net = NoisyLandmarker(true, 1.0)
    rois = _rois(2)
    mean, single = fitted(net, _frame(9), rois), net.landmarks(_frame(9), rois)
    errors = [float((read.points - true).std()) for read in (mean, single)]
    assert mean.points.shape == (2, NUM_POINTS, 3)
    assert mean.points.dtype == np.float32
    assert errors[0] < 0.7 * errors[1]


def test_every_version_is_read_in_the_same_places() -> None:
    net = NoisyLandmarker(np.zeros((NUM_POINTS, 3), np.float32), 0.0)
    for value in (3, 200):
        fitted(net, _frame(value), _rois(3))
    one, other = net.asked
    np.testing.assert_array_equal(one.center, other.center)
    np.testing.assert_array_equal(one.size_px, other.size_px)
    assert len(one) == 9


def test_places_lie_close_about_the_given_ones() -> None:
    net = NoisyLandmarker(np.zeros((NUM_POINTS, 3), np.float32), 0.0)
    rois = _rois(2)
    fitted(net, _frame(1), rois)
    centers = net.asked[0].center.reshape(3, 2, 2)
    np.testing.assert_allclose(centers.mean(axis=0), rois.center, atol=1e-3)
    assert np.abs(centers - rois.center).max() < 0.02 * rois.size_px.max()
    np.testing.assert_array_equal(net.asked[0].angle_rad, np.tile(rois.angle_rad, 3))


def test_each_face_keeps_its_own_readings() -> None:
    """Rows are not mixed up between faces."""

    class PlaceTeller(NoisyLandmarker):
        def _error(self, row: int, rgb: U8, rois: FaceRois) -> F32:
            return np.full((NUM_POINTS, 3), rois.center[row, 0], np.float32)

    rois = _rois(3)
    read = fitted(PlaceTeller(np.zeros((NUM_POINTS, 3), np.float32), 0.0), _frame(1), rois)
    np.testing.assert_allclose(read.points[:, 0, 0], rois.center[:, 0], atol=1e-3)
    assert read.presence.shape == (3,)
