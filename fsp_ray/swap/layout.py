"""Where eyes, nose, mouth and chin lie inside of the head: measured, bounded, moved.

Distances are in face widths of a normalised shape. Every one is linear in the points, so that the
smoothest change of a face with given distances has a closed form.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, NUM_POINTS, SyntheticFace
from fsp_ray.faces.geometry import F64
from fsp_ray.synthesis.topology import load_topology

_ACROSS, _DOWN = 0, 1
# Neighbours within about this many face widths move together.
_REACH: Final = 0.16
_RIDGE: Final = 1e-6
# About the spread of synthetic shapes along a random direction, face widths: shares of two faces
# are as good as drawn, and ten years change one by a fifth.
_SHARE_PERIOD: Final = 0.006
# Beyond this many spreads a face is one in hundreds: odd, though it may exist.
NATURAL_RANGE: Final = 2.2

_EYES: Final = (33, 133, 263, 362)
_BROWS: Final = (52, 105, 282, 334)


@dataclass(frozen=True, slots=True)
class Distance:
    """One distance of the layout: mean place of some points less that of others.

    Attributes:
        name: what it measures.
        axis: 0 across the face, 1 down it.
        plus, minus: indices of points.
        usual: its middle over grown people, face widths.
        spread: one standard deviation.
        range: from where to where it looks natural, in spreads.
    """

    name: str
    axis: int
    plus: tuple[int, ...]
    minus: tuple[int, ...]
    usual: float
    spread: float
    range: tuple[float, float] = (-NATURAL_RANGE, NATURAL_RANGE)


# Read off the mesh over grown people of public portraits, as statistics. The net that fits the
# mesh pulls faces to its mean: it shows half to two thirds of the spread that calipers find
# (Farkas, "Anthropometry of the Head and Face", 1994), so the spreads are 1.6 times as read.
# Some are read as a mood, not as a trait, before they are rare: lifted or slanting brows, a long
# upper lip and a wide mouth (a sulk); their ranges are narrower.
DISTANCES: Final = (
    Distance("eyes apart", _ACROSS, (362,), (133,), 0.256, 0.0125),
    Distance("eye width", _ACROSS, (133, 263), (33, 362), 0.205, 0.0062, (-1.4, 1.8)),
    Distance("brow height", _DOWN, _EYES, _BROWS, 0.170, 0.0165, (-1.7, 1.2)),
    Distance("nose length", _DOWN, (2,), _EYES, 0.309, 0.0185, (-1.2, 1.9)),
    Distance("nose width", _ACROSS, (294,), (64,), 0.294, 0.0165, (-1.8, 1.5)),
    Distance("mouth width", _ACROSS, (291,), (61,), 0.406, 0.0215, (-1.6, 1.4)),
    Distance("upper lip", _DOWN, (0,), (2,), 0.101, 0.0065, (-1.4, 1.2)),
    Distance("chin", _DOWN, (152,), (17,), 0.241, 0.028, (-1.5, 1.8)),
    Distance("jaw width", _ACROSS, (397,), (172,), 0.803, 0.043, (-1.8, 1.3)),
    Distance("forehead", _DOWN, _EYES, (10,), 0.397, 0.032),
    Distance("temples", _ACROSS, (332,), (103,), 0.733, 0.024),
    Distance("brows apart", _ACROSS, (285,), (55,), 0.189, 0.014),
    Distance("brow tilt", _DOWN, (53, 283), (55, 285), -0.0125, 0.005, (-1.4, 1.2)),
    Distance("eye tilt", _DOWN, (33, 263), (133, 362), -0.0067, 0.005, (-1.5, 1.5)),
    Distance("corners up", _DOWN, (0, 17), (61, 291), 0.02, 0.012),
)
# No trait but an expression: one photograph's smile, were it moved, would be lost for good.
KEPT: Final = np.array([distance.name == "corners up" for distance in DISTANCES])


def layout(shape: F32) -> F64:
    """Return the distances of a normalised shape [468, 3] in spreads from the usual, f64[K]."""
    return (_rows() @ shape.astype(np.float64).ravel() - _usual()) / _spreads()


def change_layout(spreads: F64) -> F64:
    """Return the smoothest shift, f64[468, 3] face widths, that changes the layout by so much.

    Gaussian process regression (kriging) of the shift, given its distances; unit of `spreads`
    f64[K] as in `layout`.
    """
    return (_fields() @ (spreads * _spreads())).reshape(NUM_POINTS, 3)


def beyond_natural(before: F64, after: F64) -> F64:
    """Return how far each distance has left its natural range, f64[K], in spreads, signed.

    Someone whose own face lies outside of it may stay as far out, but not go farther. What is
    expression may not change at all.
    """
    low, high = _ranges()
    limit_high, limit_low = np.maximum(high, before), np.minimum(low, before)
    beyond = np.maximum(after - limit_high, 0) + np.minimum(after - limit_low, 0)
    return np.where(KEPT, after - before, beyond)


def own_number(face: SyntheticFace) -> np.random.Generator:
    """Return a generator that depends on the synthetic face alone: the same face, the same draw."""
    digest = np.frombuffer(np.ascontiguousarray(face.shape).tobytes(), np.uint32)
    return np.random.default_rng(digest[:: max(1, len(digest) // 64)].tolist())


def own_shares(face: SyntheticFace, count: int) -> F64:
    """Return numbers that depend on the synthetic face's shape alone, f64[count] in 0..1.

    Continuous in the shape, other than `own_number`: a face a few years older keeps its own, or
    every correction of its age would make another face of it.
    """
    along = (face.shape - load_topology().mean_shape).ravel() @ _own_directions()[:, :count]
    return np.abs((along / _SHARE_PERIOD) % 2 - 1)


@functools.cache
def _own_directions() -> F64:
    """Return fixed directions of length 1 in the space of shapes, f64[1404, 2 K]."""
    rng = np.random.default_rng(len(DISTANCES))
    drawn = rng.standard_normal((NUM_POINTS * 3, 2 * len(DISTANCES)))
    return drawn / np.linalg.norm(drawn, axis=0)


@functools.cache
def _rows() -> F64:
    """Return the distances as a matrix over the flat shape, f64[K, 1404]."""
    rows = np.zeros((len(DISTANCES), NUM_POINTS, 3))
    for row, distance in zip(rows, DISTANCES, strict=True):
        row[list(distance.plus), distance.axis] += 1 / len(distance.plus)
        row[list(distance.minus), distance.axis] -= 1 / len(distance.minus)
    return rows.reshape(len(DISTANCES), -1)


@functools.cache
def _fields() -> F64:
    """Return f64[1404, K]: the shift for one face width more of each distance alone."""
    shape = load_topology().mean_shape.astype(np.float64)
    squared = ((shape[:, None] - shape) ** 2).sum(axis=2)
    kernel = np.exp(-squared / (2 * _REACH**2))
    rows = _rows().reshape(len(DISTANCES), NUM_POINTS, 3)
    # The kernel is the same for x, y and z, and mixes none of them.
    spread = np.einsum("ij,kjc->kic", kernel, rows).reshape(len(DISTANCES), -1)
    gram = spread @ _rows().T
    gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    return spread.T @ np.linalg.inv(gram)


@functools.cache
def _usual() -> F64:
    return np.array([distance.usual for distance in DISTANCES])


@functools.cache
def _spreads() -> F64:
    return np.array([distance.spread for distance in DISTANCES])


@functools.cache
def _ranges() -> tuple[F64, F64]:
    low, high = np.array([distance.range for distance in DISTANCES]).T
    return low, high
