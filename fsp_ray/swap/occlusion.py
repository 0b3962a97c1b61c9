"""What is in front of the face: hands, hair, microphones. It stays in front of the new one, too.

In doubt nothing is: skin of the source that is taken for a hand would be published.
"""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, TEXTURE_PX, U8, SourceFace
from fsp_ray.swap.masks import halve
from fsp_ray.synthesis.texture import areas

_SIDE_PX: Final = TEXTURE_PX // 2
_FLOOR: Final = 4.0
# A step of each looks about as foreign as one of the others: log luminance, log R/G, log B/G.
# Light plays on luminance, seldom on colour.
_STEPS: Final = np.array([0.28, 0.07, 0.10], np.float32)
# So many steps from the person's own skin a texel may be foreign; where lips move, twice as many.
# Eyes and brows are never shown, whatever lies before them.
_FOREIGN: Final = 1.6
# Of the mean texture's views: from fewer, what is in front could be part of the mean.
_MIN_VIEWS: Final = 4
# Hair before forehead and temples is that much darker (log) than the skin: so far not, from there
# on all hair. It comes from outside of the face.
_HAIR_DARK: Final = (-0.5, -0.95)
_HAIR_AREA: Final = 0.008
# Shares of the face: smaller patches are moles and glints, larger ones a change of light.
_MIN_AREA: Final = 0.02
_MAX_AREA: Final = 0.4
# What is in front has an edge; shades fade. Steps across the border of a patch.
_EDGE: Final = 1.3
_RATE_IN, _RATE_OUT = 0.5, 0.3
_FAINT: Final = 0.05
_STRIDE: Final = 4  # a plane needs few texels
_FADE_TEXELS: Final = 28.0
_SEEN: Final = 0.5
_MIN_KNOWN: Final = 0.8
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)


class Occlusion:
    """Follows, over the frames of one track, what lies before the face."""

    def __init__(self, source: SourceFace) -> None:
        self._has_mean = source.num_views >= _MIN_VIEWS
        self._mean = _measures(halve(source.texture))
        self._mean_seen = halve(source.weight) > _SEEN
        self._share: F32 | None = None

    def follow(self, texture: U8, seen: F32) -> F32 | None:
        """Return how much of each texel is hidden, f32[128, 128] in 0..1; None for nothing.

        Args:
            texture: u8[128, 128, 3], the frame's.
            seen: f32[128, 128], how well each texel is seen.
        """
        measures = _measures(texture.astype(np.float32))
        known = (seen > _SEEN) & (_face() > 0)
        if known.sum() < _MIN_KNOWN * _face().sum():  # turned away: its edges are no occluders
            known = np.zeros_like(known)
        now = _hair(measures, known)
        if self._has_mean:
            foreign = self._foreign(measures, known & self._mean_seen)
            now = np.maximum(now, np.asarray(cv2.blur(foreign, (3, 3)), np.float32))
        before = now if self._share is None else self._share
        rate = np.where(now > before, np.float32(_RATE_IN), np.float32(_RATE_OUT))
        self._share = np.asarray(before + rate * (now - before), np.float32)
        return self._share if float(self._share.max()) > _FAINT else None

    def _foreign(self, measures: F32, known: npt.NDArray[np.bool_]) -> F32:
        """Return 1 on what neither the person's skin nor its light explains, f32[128, 128]."""
        change = measures - self._mean
        change -= _slope(change, known)
        steps = np.asarray(np.sqrt(((change / _STEPS) ** 2).sum(axis=2)), np.float32)
        return _sizeable((steps > _FOREIGN * _tolerance()) & known, steps)


def _hair(measures: F32, known: npt.NDArray[np.bool_]) -> F32:
    """Return how much of each texel is dark hair that hangs into the face, f32[128, 128]."""
    skin = known & (_bare() > 0)
    if skin.sum() < 200:
        return np.zeros(known.shape, np.float32)
    darker = measures[:, :, 0] - np.median(measures[:, :, 0][skin])
    bare, full = _HAIR_DARK
    matte = np.clip((darker - bare) / (full - bare), 0, 1) * _hairy() * known
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (matte > 0.3).astype(np.uint8), connectivity=4
    )
    rooted = np.bincount(labels.ravel(), _edge_of_face().ravel(), count) > 0
    rooted &= stats[:, cv2.CC_STAT_AREA] > _HAIR_AREA * float(_face().sum())
    rooted[0] = False
    at_root = rooted[np.asarray(labels, np.intp)].astype(np.uint8)
    kept = cv2.dilate(at_root, np.ones((5, 5), np.uint8))
    return np.asarray(matte * kept, np.float32)


def _measures(texture: F32) -> F32:
    """Return log luminance, log R/G and log B/G, f32[128, 128, 3]."""
    level = cv2.blur(texture, (3, 3)) + np.float32(_FLOOR)
    logs = np.log(level)
    return np.dstack(
        [np.log(level @ _GREY), logs[:, :, 0] - logs[:, :, 1], logs[:, :, 2] - logs[:, :, 1]]
    ).astype(np.float32)


def _slope(change: F32, known: npt.NDArray[np.bool_]) -> F32:
    """Return the plane through a change, f32[128, 128, 3]: what light from elsewhere does.

    Fitted twice by least squares, the second time without what lies far from the first.
    """
    few = (slice(None, None, _STRIDE), slice(None, None, _STRIDE))
    rows, values = _plane()[few], change[few]
    weight = (known & (_bare() > 0))[few]
    solution = np.zeros((3, 3), np.float32)
    for _ in range(2):
        if weight.sum() < 200 / _STRIDE**2:
            break
        used = rows[weight]
        gram = used.T @ used + 1e-3 * np.eye(3, dtype=np.float32)
        solution = np.linalg.solve(gram, used.T @ values[weight]).astype(np.float32)
        rest = np.sqrt((((values - rows @ solution) / _STEPS) ** 2).sum(axis=2))
        weight = weight & (rest < max(float(np.median(rest[weight])) * 1.5, 0.5))
    return _plane() @ solution


def _sizeable(candidate: npt.NDArray[np.bool_], steps: F32) -> F32:
    """Return the connected patches that are large enough, not too large, and have an edge."""
    kernel = np.ones((3, 3), np.uint8)
    whole = cv2.morphologyEx(candidate.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    whole = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole, connectivity=4)
    out = np.zeros(candidate.shape, np.bool_)
    face = float(_face().sum())
    for number in range(1, count):
        share = float(stats[number, cv2.CC_STAT_AREA]) / face
        patch = labels == number
        if share >= _MIN_AREA and _edge(patch, steps) > _EDGE:
            out |= patch
    if float(out.sum()) > _MAX_AREA * face:
        return np.zeros(out.shape, np.float32)
    return np.asarray(cv2.dilate(out.astype(np.uint8), kernel), np.float32)


def _edge(patch: npt.NDArray[np.bool_], steps: F32) -> float:
    """Return by how many steps a patch stands out from what lies round it on the face."""
    image = patch.astype(np.uint8)
    small, large = np.ones((3, 3), np.uint8), np.ones((9, 9), np.uint8)
    outer = (cv2.dilate(image, large) > cv2.dilate(image, small)) & (_face() > 0)
    inner = (cv2.erode(image, small, borderValue=0) > 0) & (cv2.erode(image, large) == 0)
    if outer.sum() < 10 or inner.sum() < 10:
        return 0.0
    return float(np.median(steps[inner]) - np.median(steps[outer]))


@functools.cache
def _face() -> F32:
    return halve(areas().face)


@functools.cache
def _bare() -> F32:
    """Return plain skin."""
    return halve(areas().skin)


@functools.cache
def _hairy() -> F32:
    """Return where hair may hang into the face: all above the brows, sides down to the eyes."""
    where = areas()
    brow_rows = np.flatnonzero(where.brows.any(axis=1))
    rows = np.arange(TEXTURE_PX)[:, None]
    above = np.clip((float(brow_rows.max()) - rows) / _FADE_TEXELS, 0, 1)
    brows = cv2.dilate(where.brows, np.ones((9, 9), np.uint8))
    allowed = cv2.GaussianBlur(where.face * above * (brows == 0), (0, 0), 2)
    return halve(allowed)


@functools.cache
def _edge_of_face() -> F32:
    """Return 1 near the face oval."""
    return halve((areas().core < 0.5) & (areas().face > 0))


@functools.cache
def _tolerance() -> F32:
    """Return 1 on skin that hardly moves, 2 about the mouth, infinity about eyes and brows."""
    moving = cv2.GaussianBlur((areas().face - areas().skin).clip(0, 1), (0, 0), 4)
    rows = np.arange(TEXTURE_PX)[:, None]
    below_eyes = int(np.flatnonzero(areas().cheeks.any(axis=1)).min())
    tolerance = 1 + np.clip(2 * moving, 0, 1)
    return halve(np.where((moving > 0.1) & (rows < below_eyes), np.inf, tolerance))


@functools.cache
def _plane() -> F32:
    v, u = np.mgrid[0:_SIDE_PX, 0:_SIDE_PX] / _SIDE_PX - 0.5
    return np.stack([np.ones_like(u), u, v], axis=2).astype(np.float32)
