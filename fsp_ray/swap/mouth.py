"""How far the drawn mouth opens: shut mouths less than the mesh reads them, open ones farther.

The net that fits the mesh puts the lips' inner rims between where they are and where they meet.
Lips drawn there would hide what the source shows of its teeth, and speech would look mumbled.
Of shut lips it reads a gap, too: up to a tenth of the mouth's width for thin lips and bent heads.
Drawn as wide, and wider, they would stand open over a dark slit.
"""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.face_types import F32, U8, SourceFace
from fsp_ray.synthesis.topology import (
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    load_topology,
)

# Of the gap that shut lips are read with, so much is drawn: the line between them is in it.
_SHUT_SHARE: Final = 0.5
# From there on by this share of the gap more, up to so many face widths: wide mouths are read well.
_WIDER: Final = 1.2
_MOST: Final = 0.018
# Shut lips are read no farther apart than this, face widths. A smaller gap is soon believed; a
# larger one slowly: it may as well be speech.
_MOST_SHUT: Final = 0.03
_FALL, _RISE = 0.3, 0.002
# How far from the lips the skin follows them, face widths.
_REACH: Final = 0.045
_LEAST: Final = 1e-5
# The texture covers all but the inner mouth and what fades towards it, grey levels.
_COVERED: Final = 250
_MARGIN_PX: Final = 2
# The pairs of the rims in the middle of the mouth, where it opens widest.
_MIDDLE: Final = slice(3, 8)


class Lips:
    """Follows how far apart the mesh reads the shut lips of one track."""

    def __init__(self, source: SourceFace) -> None:
        self._shut = min(_gap(source.shape), _MOST_SHUT)

    def follow(self, points: F32) -> float:
        """Return the gap at which lips are shut, face widths, by one more mesh f32[468, 3]."""
        gap = _gap(points)
        rate = _FALL if gap < self._shut else _RISE
        self._shut = min(self._shut + rate * (gap - self._shut), _MOST_SHUT)
        return self._shut


def parted(points: F32, shut: float) -> F32:
    """Return how the points about the mouth move to part the lips as far as they are, f32[468, 3].

    Args:
        points: f32[468, 3], the source's mesh, pixels.
        shut: the gap that the mesh has where lips are shut, face widths.
    """
    gap = _gap(points)
    more = min(_WIDER * max(gap - shut, 0) - (1 - _SHUT_SHARE) * min(gap, shut), _MOST)
    apart = points[list(INNER_LIP_LOWER)] - points[list(INNER_LIP_UPPER)]
    share = np.float32(more / max(gap, _LEAST) / 2)
    return np.asarray(_following() @ (share * apart), np.float32)


def smooth_seam(skin: U8, opacity: U8, drawn: F32, origin: tuple[int, int]) -> None:
    """Smooth what is laid over the rims of the mouth, in place.

    Between lips that nearly meet, the texture's opening is narrower than a pixel. Read pixel by
    pixel, it would be a row of dots.

    Args:
        skin: u8[H, W, 3], a part of the frame as the texture has it.
        opacity: u8[H, W], how much of it is put on.
        drawn: f32[>=468, 2 or more], where the mesh goes in the frame.
        origin: of that part in the frame, x and y.
    """
    rims = drawn[[*INNER_LIP_UPPER, *INNER_LIP_LOWER], :2] - origin
    left, top = np.maximum(np.floor(rims.min(axis=0)).astype(int) - _MARGIN_PX, 0)
    right, bottom = np.maximum(np.ceil(rims.max(axis=0)).astype(int) + _MARGIN_PX, 0)
    part = np.s_[top:bottom, left:right]
    if opacity[part].size == 0:
        return
    fading = (opacity[part] < _COVERED)[:, :, None]
    np.copyto(skin[part], cv2.blur(skin[part], (3, 3)), where=fading)
    opacity[part] = cv2.blur(opacity[part], (3, 3))


def _gap(points: F32) -> float:
    """Return how far apart the middle of the lips is, face widths."""
    lower, upper = (list(rim[_MIDDLE]) for rim in (INNER_LIP_LOWER, INNER_LIP_UPPER))
    apart = np.hypot(*(points[lower, :2] - points[upper, :2]).T)
    return float(apart.mean()) / max(float(np.ptp(points[:, 0])), _LEAST)


@functools.cache
def _following() -> F32:
    """Return f32[468, 11], how much each point goes with each pair of the rims, signed.

    Both lips go whole; the skin about them follows less the farther it is.
    """
    shape = load_topology().mean_shape.astype(np.float64)
    upper, lower = (shape[list(rim)] for rim in (INNER_LIP_UPPER, INNER_LIP_LOWER))
    parting = (upper + lower) / 2
    gap = np.linalg.norm(shape[:, None] - parting, axis=2)
    nearest = np.exp(-((gap - gap.min(axis=1, keepdims=True)) / 0.02))
    nearest /= nearest.sum(axis=1, keepdims=True)
    side = np.sign(shape[:, 1] - (nearest @ parting)[:, 1])
    lips = {-1.0: (INNER_LIP_UPPER, OUTER_LIP_UPPER), 1.0: (INNER_LIP_LOWER, OUTER_LIP_LOWER)}
    for sign, rims in lips.items():
        # The corners belong to both lips and stay.
        side[[*rims[0][1:-1], *rims[1][1:-1]]] = sign
    red = [point for rims in lips.values() for rim in rims for point in rim]
    away = np.linalg.norm(shape[:, None] - shape[red], axis=2).min(axis=1)
    share = side * np.exp(-(away**2) / (2 * _REACH**2))
    for rim in (INNER_LIP_UPPER, INNER_LIP_LOWER, OUTER_LIP_UPPER, OUTER_LIP_LOWER):
        share[[rim[0], rim[-1]]] = 0
    following = nearest * share[:, None]
    for sign, rims in lips.items():
        for rim in rims:
            for pair, point in enumerate(rim[1:-1], start=1):
                following[point] = 0
                following[point, pair] = sign
    return np.asarray(following, np.float32)
