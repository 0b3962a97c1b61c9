"""Finding cuts: where a frame goes on from nothing that came before it."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, U8

_GRID: Final = 16
_SAMPLES_PER_CELL: Final = 6
# Grey levels of mean change under which nothing is a cut, and over which (with another picture
# structure) everything is.
_QUIET: Final = 6.0
_LOUD: Final = 22.0
# How many times the usual change of the last frames a cut must make.
_SURGE: Final = 4.0
_RECENT_FRAMES: Final = 12
# Correlation of the pictures, brightness and contrast taken out: a flash or a fade keeps it.
_SAME_STRUCTURE: Final = 0.85
_OTHER_STRUCTURE: Final = 0.5


class CutFinder:
    """Tells for each frame, in order, whether a cut lies before it.

    Frames are shrunk to 16 x 16 grey means. A cut changes them far more than the frames before
    it did and leaves another structure; a flash keeps the structure, a pan the usual change.
    Missing a cut would follow one person into another's face, so a doubtful one counts as a cut:
    all it costs is a detection and a track that starts anew.
    """

    def __init__(self) -> None:
        self._previous: F32 | None = None
        self._changes: deque[float] = deque(maxlen=_RECENT_FRAMES)

    def push(self, rgb: U8) -> bool:
        """Take the next frame, u8[H, W, 3]; return whether it starts a new shot.

        The first frame of all does not count as a cut.
        """
        check_array("rgb", rgb, np.uint8, (None, None, 3))
        small = _shrink(rgb)
        previous, self._previous = self._previous, small
        if previous is None:
            return False
        change = float(np.abs(small - previous).mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        cut = _is_cut(change, usual, _correlation(previous, small))
        if cut:
            self._changes.clear()
        else:
            self._changes.append(change)
        return cut


def _is_cut(change: float, usual: float, correlation: float) -> bool:
    if change < _QUIET or correlation > _SAME_STRUCTURE:
        return False
    if correlation < _OTHER_STRUCTURE and change > _LOUD:
        return True
    return change > max(_QUIET, _SURGE * usual)


def _shrink(rgb: U8) -> F32:
    """Return f32[16, 16] means of the green channel, from an even sample of its pixels."""
    rows = _sample(rgb.shape[0])
    columns = _sample(rgb.shape[1])
    green = rgb[:, :, 1][np.ix_(rows, columns)].astype(np.float32)
    cells = green.reshape(_GRID, _SAMPLES_PER_CELL, _GRID, _SAMPLES_PER_CELL)
    return cells.mean(axis=(1, 3), dtype=np.float32)


def _sample(length: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    count = _GRID * _SAMPLES_PER_CELL
    return ((np.arange(count) + 0.5) * length / count).astype(np.int64)


def _correlation(first: F32, second: F32) -> float:
    """Return the correlation of two pictures, 1 where both are flat."""
    a, b = first - first.mean(), second - second.mean()
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / power if power > 1e-3 else 1.0
