"""Finding cuts: where a frame goes on from nothing that came before it."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, U8

_GRID: Final = 32
_SAMPLES_PER_CELL: Final = 3
_RECENT_FRAMES: Final = 12
# Mean change in grey levels under which nothing is a cut.
_QUIET: Final = 6.0
# Agreement of the edges under which there is a cut, and, where the picture also changed this
# much and this many times more than it used to, under which there is one as well: a cut with one
# blended frame between the shots, or between two letterboxed pictures. Seen on film: cuts -.05 to
# .4, blended cuts .5 to .62, flashes over .62, fast pans over .5 with a change under 20.
_OTHER_EDGES: Final = 0.45
_DOUBTFUL_EDGES: Final = 0.68
_LOUD: Final = 30.0
_SURGE: Final = 3.0
# Edges in log grey levels: weaker ones are noise, stronger ones (letterbox bars, titles) count as
# much as this.
_WEAK_EDGE: Final = 0.03
_STRONG_EDGE: Final = 0.25


class CutFinder:
    """Tells for each frame, in order, whether a cut lies before it.

    Frames are shrunk to 32 x 32 grey means, and the directions of their edges compared: light
    that goes on, off or sideways (flashes, fades) changes grey levels, but not which way edges
    run. Missing a cut would follow one person into another's face, so doubt counts as a cut: all
    that it costs is a detection and tracks that start anew.
    """

    def __init__(self) -> None:
        self._previous: F32 | None = None
        self._changes: deque[float] = deque(maxlen=_RECENT_FRAMES)

    def push(self, rgb: U8) -> bool:
        """Take the next frame, u8[H, W, 3]; return whether it starts a new shot.

        The first frame of all does not count as a cut.
        """
        check_array("rgb", rgb, np.uint8, (None, None, 3))
        small = shrink(rgb)
        previous, self._previous = self._previous, small
        if previous is None:
            return False
        change = float(np.abs(small - previous).mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        cut = change > _QUIET and _is_cut(change, usual, _edge_agreement(previous, small))
        if cut:
            self._changes.clear()
        else:
            self._changes.append(change)
        return cut


def is_cut_between(before: F32, after: F32) -> bool:
    """Tell whether a cut lies between two shrunk frames, by themselves: in doubt, it does."""
    change = float(np.abs(after - before).mean())
    return change > _QUIET and _edge_agreement(before, after) < _DOUBTFUL_EDGES


def _is_cut(change: float, usual: float, agreement: float) -> bool:
    surge = change > max(_LOUD, _SURGE * usual)
    return agreement < (_DOUBTFUL_EDGES if surge else _OTHER_EDGES)


def shrink(rgb: U8) -> F32:
    """Return f32[32, 32], means of a frame's green channel over an even sample of its pixels."""
    green = rgb[:, :, 1][np.ix_(_sample(rgb.shape[0]), _sample(rgb.shape[1]))]
    cells = green.reshape(_GRID, _SAMPLES_PER_CELL, _GRID, _SAMPLES_PER_CELL)
    return cells.mean(axis=(1, 3), dtype=np.float32)


def _sample(length: int) -> npt.NDArray[np.int64]:
    count = _GRID * _SAMPLES_PER_CELL
    return ((np.arange(count) + 0.5) * length / count).astype(np.int64)


def _edge_agreement(first: F32, second: F32) -> float:
    """Return the weighted mean cosine between two pictures' edges: 1 alike, 0 unrelated."""
    a, b = _edges(first), _edges(second)
    strength = np.hypot(*a), np.hypot(*b)
    shared = np.minimum(*strength)
    weight = np.clip(shared - _WEAK_EDGE, 0, _STRONG_EDGE)
    if weight.sum() < 1e-3:  # at least one of them is flat
        return 1.0 if np.maximum(*strength).max() < 2 * _WEAK_EDGE else 0.0
    cosine = (a * b).sum(axis=0) / np.maximum(strength[0] * strength[1], 1e-9)
    return float((cosine * weight).sum() / weight.sum())


def _edges(small: F32) -> F32:
    log = np.log(small + 8)
    corner = log[:-1, :-1]
    return np.stack([log[:-1, 1:] - corner, log[1:, :-1] - corner])
