from __future__ import annotations

import cv2
import numpy as np
import pytest

from fsp_ray.faces.geometry import iou

# Boxes round the six faces, by eye.
FACES = np.array(
    [
        [60, 270, 168, 397],
        [268, 150, 368, 272],
        [463, 268, 576, 418],
        [748, 345, 847, 475],
        [902, 60, 1006, 200],
        [1132, 275, 1226, 398],
    ],
    np.float32,
)


@pytest.fixture(params=["detector", "recall_detector"])
def detector(request, models):
    return getattr(models, request.param)


def test_finds_the_six_faces_of_a_photo_once_each(detector, group):
    found = detector.detect(group[None])
    assert len(found) == 6
    assert (iou(FACES, found.xyxy).max(axis=1) > 0.6).all()
    assert (np.diff(found.det_score) <= 0).all()


def test_points_are_named_by_their_side_in_the_image(detector, group):
    left_eye, right_eye, nose, left_mouth, right_mouth = detector.detect(group[None]).kps.transpose(
        1, 0, 2
    )
    assert (left_eye[:, 0] < right_eye[:, 0]).all()
    assert (left_mouth[:, 0] < right_mouth[:, 0]).all()
    assert (nose[:, 1] > left_eye[:, 1]).all()
    assert (left_mouth[:, 1] > nose[:, 1]).all()
    assert (right_mouth[:, 1] > nose[:, 1]).all()


def test_frames_of_a_batch_are_told_apart(detector, group):
    empty = np.full_like(group, 128)
    found = detector.detect(np.stack([empty, group, empty, group]))
    assert found.frame_index.tolist() == [1] * 6 + [3] * 6
    np.testing.assert_array_equal(found.xyxy[:6], found.xyxy[6:])


@pytest.mark.parametrize("shape", [(0, 90, 160, 3), (1, 1, 1, 3), (1, 16, 16, 3), (1, 4, 900, 3)])
def test_frames_of_any_size_without_a_face_give_an_empty_batch(detector, shape):
    found = detector.detect(np.full(shape, 128, np.uint8))
    assert len(found) == 0
    assert found.kps.shape == (0, 5, 2)


def test_noise_gives_a_valid_batch(detector):
    noise = np.random.default_rng(5).integers(0, 256, (1, 200, 300, 3), dtype=np.uint8)
    found = detector.detect(noise)
    assert ((found.det_score > 0) & (found.det_score <= 1)).all()


def test_a_grey_photo_still_shows_its_faces(detector, group):
    grey = np.repeat(cv2.cvtColor(group, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    assert (iou(FACES, detector.detect(grey[None]).xyxy).max(axis=1) > 0.5).all()


def test_boxes_do_not_move_when_the_frame_is_padded_or_odd(detector, group):
    odd = group[:871, :1267]
    whole = detector.detect(group[None]).xyxy
    assert (iou(whole, detector.detect(odd[None]).xyxy).max(axis=1) > 0.75).all()


def test_a_face_cut_by_the_border_is_found(detector, group):
    cut = np.ascontiguousarray(group[:, 505:])  # through the third face, right of its nose's middle
    found = detector.detect(cut[None])
    assert len(found) >= 3


def test_a_face_that_fills_the_frame_is_found(detector, group):
    face = cv2.resize(np.ascontiguousarray(group[265:425, 455:585]), (1040, 1280))
    found = detector.detect(face[None])
    want = np.array([[64, 24, 968, 1216]], np.float32)
    assert iou(want, found.xyxy).max() > 0.6


def test_wrong_dtype_is_refused(detector):
    with pytest.raises(ValueError, match="rgb must be uint8"):
        detector.detect(np.zeros((1, 64, 64, 3), np.float32))


def test_small_faces_are_found_by_the_detector(models, group):
    small = cv2.resize(group, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    frame = np.full((720, 1280, 3), 90, np.uint8)
    frame[300 : 300 + small.shape[0], 600 : 600 + small.shape[1]] = small
    found = models.detector.detect(frame[None])
    want = FACES * 0.2 + np.array([600, 300, 600, 300], np.float32)
    assert (iou(want, found.xyxy).max(axis=1) > 0.4).sum() >= 5
