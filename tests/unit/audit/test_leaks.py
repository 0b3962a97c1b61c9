"""The leak check tells a face that is left alone from one that is replaced, whatever the encoder
and the light did to it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fsp_ray.audit import likeness
from fsp_ray.audit.leaks import SAME_CORRELATION, SAME_EDGES
from fsp_ray.core.face_types import F32, U8
from fsp_ray.swap import cover
from tests.fakes.samples import group_photo

# Six people in insightface's group photo.
FACES = np.array(
    [
        [745, 344, 847, 477],
        [463, 270, 576, 418],
        [1132, 275, 1224, 397],
        [268, 151, 367, 268],
        [60, 270, 168, 397],
        [905, 65, 1006, 203],
    ],
    np.float32,
)


@pytest.fixture(scope="module")
def photo() -> U8:
    bgr = cv2.imread(str(group_photo()))
    assert bgr is not None
    return np.ascontiguousarray(bgr[:, :, ::-1])


def _jpeg(rgb: U8, quality: int) -> U8:
    ok, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1])


def _leaks(before: U8, after: U8, boxes: F32 = FACES) -> list[bool]:
    return likeness(before, after, boxes).shows_original.tolist()


@pytest.mark.parametrize("quality", [95, 60, 30])
def test_an_encoded_face_is_still_the_face(photo: U8, quality: int) -> None:
    assert all(_leaks(photo, _jpeg(photo, quality)))


@pytest.mark.parametrize("gain", [0.6, 0.85, 1.15])
def test_light_does_not_hide_a_face(photo: U8, gain: float) -> None:
    lit = np.clip(photo.astype(np.float32) * gain + 5, 0, 255).astype(np.uint8)
    assert all(_leaks(photo, _jpeg(lit, 80)))


def test_a_slight_blur_does_not_hide_a_face(photo: U8) -> None:
    blurred = np.asarray(cv2.GaussianBlur(photo, (0, 0), 2), np.uint8)
    assert all(_leaks(photo, blurred))


@pytest.mark.parametrize("style", ["mosaic", "solid"])
def test_a_covered_face_does_not_show(photo: U8, style: str) -> None:
    covered = photo.copy()
    for box in FACES:
        cover(covered, box, style=style)  # type: ignore[arg-type]
    assert not any(_leaks(photo, _jpeg(covered, 80)))


def test_another_face_in_its_place_does_not_show(photo: U8) -> None:
    after = photo.copy()
    for box, other in zip(FACES.astype(int), np.roll(FACES, 1, axis=0).astype(int), strict=True):
        x1, y1, x2, y2 = box
        a1, b1, a2, b2 = other
        after[y1:y2, x1:x2] = cv2.resize(photo[b1:b2, a1:a2], (x2 - x1, y2 - y1))
    assert not any(_leaks(photo, after))


def test_one_face_that_was_forgotten_is_named(photo: U8) -> None:
    covered = photo.copy()
    for box in np.delete(FACES, 2, axis=0):
        cover(covered, box)
    assert _leaks(photo, covered) == [False, False, True, False, False, False]


def test_a_line_through_a_mosaic_does_not_speak_for_the_face(photo: U8) -> None:
    """A letterbox bar in the box is as before, whatever was done to the face below it."""
    before = photo.copy()
    middle = int(FACES[1, [1, 3]].mean())
    before[:middle] = 0
    after = before.copy()
    cover(after, FACES[1])
    after[:middle] = 0
    alike = likeness(before, after, FACES[1:2])
    assert alike.correlation[0] > 0.9
    assert alike.edges[0] > 0.7
    assert alike.detail[0] < 0.3
    assert _leaks(before, after, FACES[1:2]) == [False]


def test_a_face_beside_a_letterbox_bar_is_still_seen_to_leak(photo: U8) -> None:
    before = photo.copy()
    before[:, int(FACES[1, [0, 2]].mean()) :] = 0
    assert _leaks(before, _jpeg(before, 80), FACES[1:2]) == [True]


def test_a_flat_region_shows_nobody() -> None:
    wall = np.full((80, 80, 3), 120, np.uint8)
    assert _leaks(wall, wall, np.array([[20, 20, 60, 60]], np.float32)) == [False]


def test_boxes_outside_of_the_frame_show_nothing_and_halves_count(photo: U8) -> None:
    width = photo.shape[1]
    boxes = np.array(
        [[-90, -90, -10, -10], [width + 5, 10, width + 90, 90], [-1e9, -1e9, 1e9, 1e9]], np.float32
    )
    assert _leaks(photo, photo, boxes) == [False, False, True]
    middle = int(FACES[0, [0, 2]].mean())
    cut = photo[:, middle:].copy()
    half = FACES[:1] - np.array([middle, 0] * 2, np.float32)
    assert _leaks(cut, _jpeg(cut, 70), half) == [True]


def test_no_boxes_no_leaks(photo: U8) -> None:
    assert _leaks(photo, photo, np.zeros((0, 4), np.float32)) == []


def test_frames_of_different_sizes_are_refused(photo: U8) -> None:
    with pytest.raises(ValueError, match="after"):
        likeness(photo, photo[1:], FACES)


def test_the_limits_lie_between_what_was_measured() -> None:
    assert 0.90 < SAME_CORRELATION < 0.939
    assert 0.763 < SAME_EDGES < 0.777
