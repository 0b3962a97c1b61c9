from __future__ import annotations

import cv2
import numpy as np

from fsp_ray.core.face_types import FaceRois
from fsp_ray.faces.alignment import arcface_kps
from fsp_ray.faces.geometry import rois_from_detections, rois_from_landmarks


def rois(center, size, angle=0.0) -> FaceRois:
    return FaceRois(
        np.array([center], np.float32), np.array([size], np.float32), np.array([angle], np.float32)
    )


def eye_distance(points):
    return np.linalg.norm(points[:, 33, :2] - points[:, 263, :2], axis=1)


def test_no_roi_gives_no_mesh(models, group):
    nothing = rois_from_landmarks(np.empty((0, 468, 3), np.float32))
    assert len(models.landmarker.landmarks(group, nothing)) == 0


def test_meshes_agree_with_the_detector_s_points(meshes, faces):
    assert (meshes.presence > 0.9).all()
    apart = np.linalg.norm(arcface_kps(meshes.points) - faces.kps, axis=2).mean(axis=1)
    assert (apart < 0.2 * eye_distance(meshes.points)).all()


def test_nose_is_nearer_than_the_cheeks_in_the_same_unit_as_x(meshes):
    nose, cheeks = meshes.points[:, 1, 2], meshes.points[:, [234, 454], 2].mean(axis=1)
    depth = (cheeks - nose) / eye_distance(meshes.points)
    assert ((depth > 0.3) & (depth < 2)).all()


def test_more_rois_than_a_batch_are_fitted_one_by_one_the_same(models, group, faces):
    one = rois_from_detections(faces.xyxy, faces.kps)
    many = FaceRois(np.tile(one.center, (6, 1)), np.tile(one.size_px, 6), np.tile(one.angle_rad, 6))
    expected = models.landmarker.landmarks(group, one).points
    got = models.landmarker.landmarks(group, many).points
    np.testing.assert_allclose(got, np.tile(expected, (6, 1, 1)), atol=0.05)


def test_mesh_turns_with_the_picture(models, group, meshes):
    face = rois_from_landmarks(meshes.points[:1])
    height = group.shape[0]
    turned = np.ascontiguousarray(np.rot90(group, -1))  # clockwise: x' = H - y, y' = x
    center = np.array([[height - face.center[0, 1], face.center[0, 0]]], np.float32)
    there = FaceRois(center, face.size_px, face.angle_rad + np.float32(np.pi / 2))
    here = models.landmarker.landmarks(group, face).points[0]
    got = models.landmarker.landmarks(turned, there).points[0]
    expected = np.stack([height - here[:, 1], here[:, 0]], axis=1)
    assert np.abs(got[:, :2] - expected).max() < 0.02 * face.size_px[0]
    np.testing.assert_allclose(got[:, 2], here[:, 2], atol=0.02 * face.size_px[0])


def test_mesh_scales_with_the_picture(models, group, meshes):
    face = rois_from_landmarks(meshes.points[:1])
    half = cv2.resize(group, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    scaled = FaceRois(face.center / 2, face.size_px / 2, face.angle_rad)
    here = models.landmarker.landmarks(group, face).points
    got = models.landmarker.landmarks(half, scaled).points * 2
    assert np.abs(got - here).mean() < 0.02 * eye_distance(here)[0]


def test_where_there_is_no_face_presence_is_low(models):
    grey = np.full((240, 320, 3), 128, np.uint8)
    assert models.landmarker.landmarks(grey, rois((160, 120), 150)).presence[0] < 0.5


def test_rois_outside_of_the_frame_and_tiny_ones_give_finite_meshes(models, group):
    for center, size in (
        ((-900, -900), 200),
        ((5000, 20), 90),
        ((640, 400), 1),
        ((640, 400), 9000),
    ):
        found = models.landmarker.landmarks(group, rois(center, size, 0.7))
        assert found.points.shape == (1, 468, 3)
        assert np.isfinite(found.points).all()
        assert 0 <= found.presence[0] <= 1


def test_the_frame_is_left_as_it_was(models, group, faces):
    before = group.copy()
    models.landmarker.landmarks(group, rois_from_detections(faces.xyxy, faces.kps))
    np.testing.assert_array_equal(group, before)
