"""Colours against the formulas of H.273, computed here in floating point."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
import pytest

from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.video_types import ColorTags, VideoInfo
from fsp_ray.video.color import ToRgb, ToYuv, check_matrix
from tests.fakes.media import texture

WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
WIDTH, HEIGHT = 192, 128


def info(matrix: int, full_range: bool, width: int = WIDTH, height: int = HEIGHT) -> VideoInfo:
    tags = ColorTags(full_range, matrix)
    return VideoInfo(
        "v", "v.mp4", width, height, Fraction(1, 30), Fraction(30), 1, 0, 1, "h264", color=tags
    )


def planes(frame: av.VideoFrame) -> list[npt.NDArray[np.float64]]:
    return [
        np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width].astype(float)
        for p in frame.planes
    ]


def formula(frame: av.VideoFrame, matrix: int, full_range: bool) -> npt.NDArray[np.float64]:
    """RGB 0..255 of a 4:2:0 frame, chroma repeated."""
    kr, kb = WEIGHTS[matrix]
    y, cb, cr = planes(frame)
    cb, cr = (np.repeat(np.repeat(c, 2, 0), 2, 1) - 128 for c in (cb, cr))
    if not full_range:
        y, cb, cr = (y - 16) * 255 / 219, cb * 255 / 224, cr * 255 / 224
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.stack([red, green, blue], -1), 0, 255)


def smooth(seed: int) -> npt.NDArray[np.uint8]:
    """Colours inside of the gamut that change little from pixel to pixel."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    phases = np.random.default_rng(seed).uniform(0, 6, 3)
    waves = [128 + 90 * np.sin(x / 30 + y / 40 + phase) for phase in phases]
    return np.stack(waves, -1).astype(np.uint8)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_both_ways_follow_the_matrix_and_range(matrix: int, full_range: bool) -> None:
    about = info(matrix, full_range)
    rgb = smooth(matrix)
    yuv = ToYuv(about)(rgb)
    want = formula(yuv, matrix, full_range)
    there = rgb.astype(float)
    # RGB to YUV: what the formula makes of the planes is what went in.
    assert np.abs((want - there).mean(axis=(0, 1))).max() < 0.15
    assert np.abs(want - there).mean() < 1.2
    # YUV to RGB: the same as the formula.
    got = ToRgb(about)(yuv).astype(float)
    assert np.abs((got - want).mean(axis=(0, 1))).max() < 0.15
    assert np.abs(got - want).mean() < 1.3


@pytest.mark.parametrize("full_range", [False, True])
def test_ten_generations_do_not_drift(full_range: bool) -> None:
    to_rgb, to_yuv = ToRgb(info(1, full_range)), ToYuv(info(1, full_range))
    first = rgb = to_rgb(to_yuv(texture(0, WIDTH, HEIGHT))).copy()
    for _ in range(10):
        rgb = to_rgb(to_yuv(rgb)).copy()
    assert np.abs((rgb.astype(float) - first).mean(axis=(0, 1))).max() < 0.8


def test_untagged_video_is_taken_as_players_do() -> None:
    rgb = texture(0, WIDTH, HEIGHT)
    small = planes(ToYuv(info(2, False))(rgb))
    assert np.array_equal(small[0], planes(ToYuv(info(6, False))(rgb))[0])
    large = planes(ToYuv(info(2, False, 1280, 720))(rgb))
    assert np.array_equal(large[0], planes(ToYuv(info(1, False))(rgb))[0])
    assert not np.array_equal(small[0], large[0])


def test_matrices_that_would_come_out_wrong_are_refused() -> None:
    for matrix in (0, 1, 2, 5, 6, 9):
        check_matrix(ColorTags(matrix=matrix), "v.mp4")
    with pytest.raises(VideoError) as caught:
        check_matrix(ColorTags(matrix=14), "v.mp4")
    assert caught.value.reason is FailureReason.UNSUPPORTED
