from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsp_ray.core.face_types import FaceRois
from fsp_ray.faces import geometry as g

coordinate = st.floats(-500, 500)
angles = st.floats(-3.1, 3.1)
scales = st.floats(0.05, 20)


def points(seed: int, k: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 30, (1, k, 2))


@settings(deadline=None)
@given(st.integers(0, 1000), angles, scales, coordinate, coordinate)
def test_a_similarity_is_found_again(
    seed: int, angle: float, scale: float, dx: float, dy: float
) -> None:
    source = points(seed)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = source @ turn.T + [dx, dy]
    matrix = g.similarity(source, target)
    np.testing.assert_allclose(matrix[0, :, :2], turn, atol=1e-6 * max(scale, 1))
    np.testing.assert_allclose(g.apply_affine(matrix, source), target, atol=1e-6 * (1 + scale))


@settings(deadline=None)
@given(st.integers(0, 1000), angles, scales, coordinate, coordinate)
def test_an_inverse_undoes(seed: int, angle: float, scale: float, dx: float, dy: float) -> None:
    source = points(seed)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.concatenate([turn, [[dx], [dy]]], axis=1)[None]
    back = g.apply_affine(g.invert_affine(matrix), g.apply_affine(matrix, source))
    np.testing.assert_allclose(back, source, atol=1e-6)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_a_similarity_does_not_mirror_and_is_the_best(seed: int) -> None:
    source, target = points(seed), points(seed + 5000)
    matrix = g.similarity(source, target)
    assert np.linalg.det(matrix[0, :, :2]) >= 0
    error = ((g.apply_affine(matrix, source) - target) ** 2).sum()
    rng = np.random.default_rng(seed)
    a, b, *shift = rng.normal(0, 1e-3, 4)
    other = matrix + np.array([[[a, -b, shift[0]], [b, a, shift[1]]]])
    assert error <= ((g.apply_affine(other, source) - target) ** 2).sum() + 1e-9


def test_a_similarity_of_one_point_is_refused() -> None:
    with pytest.raises(ValueError, match="different"):
        g.similarity(np.ones((1, 5, 2)), points(1))


def test_a_singular_map_has_no_inverse() -> None:
    with pytest.raises(ValueError, match="singular"):
        g.invert_affine(np.zeros((1, 2, 3)))


def test_pixel_indices_lie_half_a_pixel_off_their_centres() -> None:
    matrix = np.array([[[2.0, 0, 3], [0, 2.0, 5]]])
    # The pixel with index (0, 0) has its centre at (.5, .5), which goes to (4, 6): index 3.5, 5.5.
    index = g.to_pixel_index(matrix)
    np.testing.assert_allclose(g.apply_affine(index, np.zeros((1, 1, 2))), [[[3.5, 5.5]]])


@settings(deadline=None)
@given(coordinate, coordinate, st.floats(2, 400), angles)
def test_a_roi_fills_its_crop(x: float, y: float, size: float, angle: float) -> None:
    rois = FaceRois(
        np.array([[x, y]], np.float32),
        np.array([size], np.float32),
        np.array([angle], np.float32),
    )
    matrix = g.roi_matrices(rois, 192)
    center = g.apply_affine(matrix, np.array([[[x, y]]], np.float32))
    np.testing.assert_allclose(center, [[[96, 96]]], atol=0.05)
    # The middle of the ROI's right side, turned clockwise as seen (y down), is the crop's.
    side = np.array([[[x + size / 2 * np.cos(angle), y + size / 2 * np.sin(angle)]]])
    np.testing.assert_allclose(g.apply_affine(matrix, side), [[[192, 96]]], atol=0.05)


def test_rois_from_detections_enlarge_and_turn() -> None:
    xyxy = np.array([[10, 20, 50, 80]], np.float32)
    kps = np.array([[[20, 40], [40, 60], [30, 50], [25, 70], [35, 70]]], np.float32)
    rois = g.rois_from_detections(xyxy, kps)
    np.testing.assert_allclose(rois.center, [[30, 50]])
    np.testing.assert_allclose(rois.size_px, [78])
    np.testing.assert_allclose(rois.angle_rad, [np.pi / 4], atol=1e-6)


def test_a_profile_has_no_eye_line() -> None:
    xyxy = np.array([[10, 20, 50, 80]], np.float32)
    kps = np.array([[[30, 40], [31, 43], [30, 50], [25, 70], [35, 70]]], np.float32)
    assert g.rois_from_detections(xyxy, kps).angle_rad[0] == 0


@settings(deadline=None)
@given(angles, st.floats(20, 300))
def test_rois_from_landmarks_follow_the_head(angle: float, size: float) -> None:
    rng = np.random.default_rng(3)
    flat = np.concatenate([rng.uniform(-0.5, 0.5, (468, 2)), np.zeros((468, 1))], axis=1)
    flat[:4, :2] = [[-0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [0.5, -0.5]]
    flat[33, :2], flat[263, :2] = [-0.3, 0], [0.3, 0]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mesh = flat.copy()
    mesh[:, :2] = size * flat[:, :2] @ turn.T + [100, 200]
    rois = g.rois_from_landmarks(mesh[None].astype(np.float32))
    np.testing.assert_allclose(rois.size_px, [1.5 * size], rtol=1e-4)
    np.testing.assert_allclose(rois.center, [[100, 200]], atol=size * 1e-3)
    assert abs(np.exp(1j * rois.angle_rad[0]) - np.exp(1j * angle)) < 1e-3


@pytest.mark.parametrize("yaw", [-80, -40, 0, 25, 60])
def test_yaw_is_positive_where_the_nose_points_right(fakes: Any, yaw: float) -> None:
    mesh = fakes.mesh_of((100, 100, 50), yaw_deg=yaw)
    pose = g.head_pose(mesh[None])
    assert pose.yaw[0] == pytest.approx(yaw, abs=1.5)
    assert pose.roll[0] == pytest.approx(0, abs=1.5)
    nose, middle = mesh[4, 0], mesh[[234, 454], 0].mean()
    assert np.sign(round(float(nose - middle), 3)) == np.sign(yaw)


@pytest.mark.parametrize("degrees", [-50, -10, 15, 45])
def test_pitch_and_roll(fakes: Any, degrees: float) -> None:
    mesh = fakes.mesh_of((0, 0, 50)).astype(np.float64)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    # Looking up lifts the nose (y falls), which points to the viewer (z < 0).
    up = mesh @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]]).T
    lifted = up if up[4, 1] < mesh[4, 1] else mesh @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]).T
    pitch = g.head_pose(lifted[None].astype(np.float32)).pitch[0]
    assert pitch == pytest.approx(abs(degrees), abs=1.5)
    rolled = mesh @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    roll = g.head_pose(rolled[None].astype(np.float32)).roll[0]
    assert roll == pytest.approx(degrees, abs=1.5)


boxes = st.tuples(coordinate, coordinate, st.floats(1, 200), st.floats(1, 200)).map(
    lambda b: np.array([[b[0], b[1], b[0] + b[2], b[1] + b[3]]], np.float32)
)


@settings(deadline=None)
@given(boxes, boxes)
def test_iou_is_symmetric_and_bounded(first: np.ndarray, second: np.ndarray) -> None:
    value = g.iou(first, second)[0, 0]
    assert value == g.iou(second, first)[0, 0]
    assert 0 <= value <= 1 + 1e-5
    assert g.iou(first, first)[0, 0] == pytest.approx(1, abs=1e-4)
    assert g.overlap_of_smaller(first, second)[0, 0] >= value - 1e-5


def test_nms_keeps_the_best_of_each_face() -> None:
    xyxy = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)
    assert g.nms(xyxy, np.array([0.6, 0.9, 0.7], np.float32), max_iou=0.3).tolist() == [1, 2]


def test_no_faces_are_no_trouble() -> None:
    none = np.zeros((0, 468, 3), np.float32)
    assert len(g.rois_from_landmarks(none)) == 0
    assert g.box_from_points(none).shape == (0, 4)
    assert g.head_pose(none).yaw.shape == (0,)
    assert g.similarity(np.zeros((0, 5, 2)), np.zeros((5, 2))).shape == (0, 2, 3)
    assert g.iou(np.zeros((0, 4), np.float32), np.zeros((2, 4), np.float32)).shape == (0, 2)
