"""Finding a piece of a frame again in its neighbours: what follows a head that has no mesh.

Normalised cross-correlation (Lewis, "Fast normalized cross-correlation", 1995) of a coarse grid
of grey means, which is as good for a blurred head as for a sharp one, and costs the same for any
size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from fsp_ray.core.face_types import F32, U8

SAME_CORRELATION: Final = 0.7
"""From here on it is the same piece: heads in neighbouring frames of film correlate by .8 to 1."""

# Cells along a side of the box; how many of them around the expected place are searched, half the
# head's size; and how many pixels are looked at along a cell.
_CELLS: Final = 14
_REACH: Final = 7
_SAMPLES: Final = 3
# Standard deviation in grey levels under which a piece looks like any other.
_FLAT_LEVELS: Final = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """How the place of a head looked.

    Attributes:
        xyxy: f32[4], the box it was cut at.
        grey: f32[14, 14], of unit length, without its mean.
    """

    xyxy: F32
    grey: F32

    def find(self, rgb: U8, near: F32) -> tuple[F32, float]:
        """Return the box f32[4], of its old size, that fits best near a box; how well, -1..1."""
        step = _step(self.xyxy)
        center = (near[:2] + near[2:]) / 2
        window = _cells(rgb, center, step, _CELLS + 2 * _REACH)
        pieces = sliding_window_view(window, (_CELLS, _CELLS))
        mean = pieces.mean(axis=(2, 3))
        spread = np.einsum("ijkl,ijkl->ij", pieces, pieces) - mean**2 * _CELLS**2
        floor = (_FLAT_LEVELS * _CELLS) ** 2
        fit = np.einsum("ijkl,kl->ij", pieces, self.grey) / np.sqrt(np.maximum(spread, floor))
        row, column = divmod(int(fit.argmax()), fit.shape[1])
        shift = np.array([_peak(fit[row], column), _peak(fit[:, column], row)]) - _REACH
        half = (self.xyxy[2:] - self.xyxy[:2]) / 2
        found = center + shift * step
        return np.concatenate([found - half, found + half]).astype(np.float32), float(fit.max())


def cut_template(rgb: U8, xyxy: F32) -> Template | None:
    """Cut a template out of a frame u8[H, W, 3]; None where there is nothing to be seen."""
    grey = _cells(rgb, (xyxy[:2] + xyxy[2:]) / 2, _step(xyxy), _CELLS)
    grey = grey - grey.mean()
    length = float(np.linalg.norm(grey))
    if length < _FLAT_LEVELS * _CELLS:
        return None
    return Template(xyxy, grey / np.float32(length))


def _step(xyxy: F32) -> F32:
    """Return f32[2], a cell's width and height in pixels."""
    return np.maximum((xyxy[2:] - xyxy[:2]) * np.float32(1 / _CELLS), 0.25)


def _cells(rgb: U8, center: npt.NDArray[np.floating], step: F32, count: int) -> F32:
    """Return f32[count, count] grey means about a centre; the frame's edges go on outside."""
    place = (np.arange(count * _SAMPLES) + 0.5) / _SAMPLES - count / 2
    columns = np.clip(center[0] + place * step[0], 0, rgb.shape[1] - 1).astype(np.intp)
    rows = np.clip(center[1] + place * step[1], 0, rgb.shape[0] - 1).astype(np.intp)
    green = rgb[:, :, 1][rows[:, None], columns]
    blocks = green.reshape(count, _SAMPLES, count, _SAMPLES)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def _peak(values: npt.NDArray[np.float32], top: int) -> float:
    """Return where the parabola through the highest value and its neighbours has its top."""
    if not 0 < top < len(values) - 1:
        return float(top)
    before, here, after = (float(v) for v in values[top - 1 : top + 2])
    bend = before - 2 * here + after
    return top + (0.5 * (before - after) / bend if bend < 0 else 0.0)
