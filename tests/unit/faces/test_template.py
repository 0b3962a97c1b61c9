from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsp_ray.core.face_types import U8
from fsp_ray.faces.template import SAME_CORRELATION, cut_template

BOX = np.array([100, 80, 160, 160], np.float32)


@cache
def _blobs(seed: int) -> U8:
    """Return smooth blobs, u8[480, 640]."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (24, 32)).astype(np.float32)
    grey = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(grey, 0, 255), np.uint8)


def scene(dx: int = 0, dy: int = 0, seed: int = 3) -> U8:
    """Return blobs moved by whole pixels, u8[240, 320, 3]."""
    grey = _blobs(seed)[120 - dy : 360 - dy, 160 - dx : 480 - dx]
    return np.repeat(grey[:, :, None], 3, axis=2)


@settings(max_examples=30, deadline=None)
@given(st.integers(-25, 25), st.integers(-30, 30))
def test_a_moved_piece_is_found_again(dx: int, dy: int) -> None:
    template = cut_template(scene(), BOX)
    assert template is not None
    found, likeness = template.find(scene(dx, dy), BOX)
    np.testing.assert_allclose(found, BOX + np.array([dx, dy, dx, dy]), atol=3)
    assert likeness > 0.95


def test_light_that_changes_does_not_matter() -> None:
    template = cut_template(scene(), BOX)
    assert template is not None
    dark = (scene(10, -8) * 0.4 + 12).astype(np.uint8)
    found, likeness = template.find(dark, BOX)
    np.testing.assert_allclose(found, BOX + np.array([10, -8, 10, -8]), atol=3)
    assert likeness > 0.9


def test_what_went_is_not_found() -> None:
    template = cut_template(scene(), BOX)
    assert template is not None
    for other in (scene(seed=8), np.full((240, 320, 3), 90, np.uint8), scene(150, 0)):
        assert template.find(other, BOX)[1] < SAME_CORRELATION


def test_nothing_to_be_seen_is_no_template() -> None:
    assert cut_template(np.full((240, 320, 3), 90, np.uint8), BOX) is None


@pytest.mark.parametrize(
    "box", [(-40, -50, 30, 40), (300, 200, 380, 300), (10, 10, 10.5, 10.5), (-900, 5, -800, 90)]
)
def test_boxes_at_the_edge_of_the_frame_or_out_of_it_are_no_harm(
    box: tuple[float, float, float, float],
) -> None:
    xyxy = np.array(box, np.float32)
    template = cut_template(scene(), xyxy)
    if template is not None:
        found, _ = template.find(scene(4, 4), xyxy)
        assert np.isfinite(found).all()
