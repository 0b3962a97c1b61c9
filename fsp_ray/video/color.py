"""From a decoder's samples to RGB and back, by the stream's own matrix and range.

swscale's default conversion to RGB darkens luma by .8 of 256 steps each time. With full chroma
interpolation and accurate rounding it is exact to .01, for 4.5 ms instead of 1.2 a 720p frame.
Averaging (AREA) gives the chroma that this interpolation came from back, to .02 of a step.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.video_types import UNSPECIFIED, ColorTags, VideoInfo

_TO_RGB: Final = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_TO_YUV: Final = Interpolation.AREA
RGB_MATRIX: Final = 0
BT709_MATRIX: Final = 1
# Matrix coefficients of ITU-T H.273 that swscale knows, as it calls them.
_MATRICES: Final = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}


def color_tags(frame: VideoFrame) -> ColorTags:
    """Return the tags that the decoder put on a frame."""
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return ColorTags(full, frame.colorspace, frame.color_primaries, frame.color_trc)


def check_matrix(tags: ColorTags, name: str) -> None:
    """Refuse matrices that would come out in wrong colours.

    Raises:
        VideoError: UNSUPPORTED.
    """
    if tags.matrix not in {*_MATRICES, RGB_MATRIX, UNSPECIFIED}:
        raise VideoError(
            FailureReason.UNSUPPORTED,
            f"{name} has colours of a kind that is not read (matrix {tags.matrix} of H.273).",
            advice="Convert it to BT.709 first.",
        )


def matrix_of(info: VideoInfo) -> Colorspace:
    """Return the matrix to convert with; where none is given, the one that players assume.

    Untagged video is BT.709 from 1280 columns or 577 rows on, else BT.601, as mpv takes it. RGB
    video has no matrix, and is published in BT.709.
    """
    if info.color.matrix == RGB_MATRIX:
        return Colorspace.ITU709
    if info.color.matrix in _MATRICES:
        return _MATRICES[info.color.matrix]
    high = max(info.width, info.height) >= 1280 or min(info.width, info.height) > 576
    return Colorspace.ITU709 if high else Colorspace.ITU601


def _range(full: bool) -> ColorRange:
    return ColorRange.JPEG if full else ColorRange.MPEG


# Weights of red and blue in luma (H.273, table 4), for chroma in full range.
_WEIGHTS: Final = {
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.FCC: (0.30, 0.11),
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.BT2020: (0.2627, 0.0593),
}


class ToRgb:
    """Converts decoded frames of one video; holds one swscale context."""

    def __init__(self, info: VideoInfo) -> None:
        self._reformatter = VideoReformatter()
        self._matrix = matrix_of(info)
        self._full = info.color.full_range

    def __call__(self, frame: VideoFrame) -> npt.NDArray[np.uint8]:
        """Return u8[H, W, 3] as stored (not yet upright). The array is the frame's own memory."""
        is_rgb = frame.format.is_rgb
        rgb = self._reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=None if is_rgb else self._matrix,
            src_color_range=None if is_rgb else _range(self._full),
            dst_color_range=ColorRange.JPEG,
            interpolation=_TO_RGB,
            threads=1,
        )
        array = rgb.to_ndarray()
        assert array.dtype == np.uint8
        return array.astype(np.uint8, copy=False)


class ToYuv:
    """Converts RGB back to 8-bit 4:2:0 with the tags of the source; holds one swscale context."""

    def __init__(self, info: VideoInfo) -> None:
        self._reformatter = VideoReformatter()
        self._matrix = matrix_of(info)
        self._full = info.color.full_range

    def __call__(self, rgb: npt.NDArray[np.uint8]) -> VideoFrame:
        """Return a yuv420p frame of u8[H, W, 3], H and W even."""
        frame = self._reformatter.reformat(
            VideoFrame.from_numpy_buffer(rgb, "rgb24"),
            format="yuv420p",
            dst_colorspace=self._matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=_range(self._full),
            interpolation=_TO_YUV,
            threads=1,
        )
        if self._full:
            for plane, chroma in zip(frame.planes[1:], self._chroma(rgb), strict=True):
                memory: Any = plane  # a writable buffer, which the stub leaves out
                rows = np.frombuffer(memory, np.uint8).reshape(plane.height, plane.line_size)
                rows[:, : plane.width] = chroma
        return frame

    def _chroma(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return u8[2, H/2, W/2], Cb and Cr in full range.

        swscale cuts them off instead of rounding, which turns every full-range picture green by
        half a step each time.
        """
        kr, kb = _WEIGHTS[self._matrix]
        kg = 1 - kr - kb
        cb = np.array([-kr, -kg, 1 - kb]) / (2 * (1 - kb))
        cr = np.array([1 - kr, -kg, -kb]) / (2 * (1 - kr))
        # Sums of 2x2 pixels: their mean comes with the weights. In this order numpy takes 3 ms a
        # 720p frame, with sums over axes 26.
        rows = rgb[0::2].astype(np.uint16)
        rows += rgb[1::2]
        sums = rows[:, 0::2] + rows[:, 1::2]
        weights = (np.stack([cb, cr], axis=1) / 4).astype(np.float32)
        chroma = sums.reshape(-1, 3).astype(np.float32) @ weights
        chroma += np.float32(128.5)
        np.clip(chroma, 0, 255, out=chroma)
        return chroma.astype(np.uint8).T.reshape(2, *sums.shape[:2])
