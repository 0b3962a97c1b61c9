"""How far each point of a face moves to become the synthetic one, the expression left out."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, NUM_POINTS, SourceFace, SyntheticFace
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.layout import KEPT, beyond_natural, change_layout, layout, own_shares
from fsp_ray.swap.maturity import grown_up
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.synthesis.topology import (
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_BROW,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_BROW,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    Region,
    load_topology,
)

_SMOOTHING_PASSES: Final = 3
# An eye goes where its corners go, whole: rims that moved by themselves would open it or shut it,
# or leave the iris behind. The folds about it move with it.
_LEFT_FOLDS: Final = (25, 110, 24, 23, 22, 26, 112, 247, 30, 29, 27, 28, 56, 190)
_RIGHT_FOLDS: Final = (255, 339, 254, 253, 252, 256, 341, 467, 260, 259, 257, 258, 286, 414)
_EYES: Final = (
    (*LEFT_EYE_UPPER, *LEFT_EYE_LOWER, *_LEFT_FOLDS),
    (*RIGHT_EYE_UPPER, *RIGHT_EYE_LOWER, *_RIGHT_FOLDS),
)
_MOUTH_CORNERS: Final = (61, 291)
_UPPER_LIP: Final = (*OUTER_LIP_UPPER[1:-1], *INNER_LIP_UPPER[1:-1])
_LOWER_LIP: Final = (*OUTER_LIP_LOWER[1:-1], *INNER_LIP_LOWER[1:-1])


def displacement(source: SourceFace, face: SyntheticFace, settings: SwapSettings) -> F32:
    """Return how each point moves, f32[468, 3], in face widths of the mean shape's frame.

    D = α (I − E Eᵀ)(S_synthetic − S_source): the expression components E are taken out, so that
    a smile of the source is not mistaken for a trait to be undone. Features are led away from
    where the source has them, within what is natural, and never to where a child has them; each
    shift is bounded, equal on both rims of eyes and inner lips, and smoothed over the mesh.
    """
    shift = _wanted(source, face, settings)
    before = layout(source.shape)
    shift += change_layout(_led_away(before, before + _change(shift), face, settings))
    shift = _bounded(shift, settings)
    averaging = _neighbour_average()
    shift = _pair_rims(shift)
    for _ in range(_SMOOTHING_PASSES):
        shift = averaging @ shift
    shift = grown_up(shift, face, expression_basis())
    # Bounding and smoothing point by point put the layout out a little.
    shift -= change_layout(beyond_natural(before, before + _change(shift)))
    return _pair_rims(_bounded(shift, settings)).astype(np.float32)


def strain(face: SyntheticFace, source: SourceFace, settings: SwapSettings | None = None) -> float:
    """Return how far beyond the natural putting this face on would bend the source.

    0 where every distance of the layout stays in its natural range by itself; else the root sum
    of squares of what must be held back, in standard deviations. From about 2 on it shows: faces
    that look squeezed, since what is held back in one place is missing in another.
    """
    chosen = settings or SwapSettings()
    before = layout(source.shape)
    after = before + _change(_wanted(source, face, chosen))
    return float(np.linalg.norm(beyond_natural(before, after)[~KEPT]))


def _wanted(source: SourceFace, face: SyntheticFace, settings: SwapSettings) -> F64:
    """Return the shift towards the synthetic shape and beyond it, before it is bounded."""
    wanted = _even((face.shape - source.shape).astype(np.float64)).ravel()
    basis = expression_basis()
    neutral = (wanted - basis @ (basis.T @ wanted)).reshape(NUM_POINTS, 3)
    return settings.shape_gain * neutral


def _even(shift: F64) -> F64:
    """Return what both halves of the face have in common.

    The net that fits the mesh guesses a turned face's far half: most of what it sees differ
    between both is its mistake. Beyond the synthetic shape, that would slant the mouth.
    """
    mirrored = shift[load_topology().mirror] * np.array([-1, 1, 1])
    return (shift + mirrored) / 2


def _led_away(before: F64, after: F64, face: SyntheticFace, settings: SwapSettings) -> F64:
    """Return by how much each distance is to change yet, f64[K], in spreads.

    Those beyond the natural come back to it. Those near where the source has them go on in
    their direction, or back across it where there is no room.
    """
    bounded = after - beyond_natural(before, after)
    shares = own_shares(face, 2 * len(before))
    wanted = settings.layout_gain * (0.5 + shares[: len(before)]) * ~KEPT
    coin = 2 * shares[len(before) :] - 1
    toward = np.sign(bounded - before + 0.3 * coin * settings.layout_gain)
    far = np.maximum(np.abs(bounded - before), wanted)
    ahead, behind = before + toward * far, before - toward * wanted
    out = np.abs(beyond_natural(before, ahead)) > np.abs(beyond_natural(before, behind))
    target = np.where(out, behind, ahead)
    target = np.where(wanted > 0, target, bounded)
    return target - beyond_natural(before, target) - after


def _change(shift: F64) -> F64:
    """Return how a shift changes the layout, f64[K], in spreads."""
    mean = load_topology().mean_shape
    return layout((mean + shift).astype(np.float32)) - layout(mean)


def _bounded(shift: F64, settings: SwapSettings) -> F64:
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    return shift * np.minimum(1, settings.max_shift / np.maximum(length, 1e-9))


@functools.cache
def expression_basis() -> F64:
    """Return E, f64[1404, 8]: orthonormal directions in which expressions move the mesh.

    Smooth fields over the mean shape, after the action units of Ekman and Friesen's Facial
    Action Coding System (1978): jaw drop, lip corners out, up and one-sided, lips apart, brows
    up and together, lids. No one's measured expressions go into them.
    """
    shape = load_topology().mean_shape.astype(np.float64)
    left, right = _MOUTH_CORNERS
    fields = [
        _jaw_drop(shape),
        _bump(shape, left, 0.13, (-1, -0.2, 0.4)) + _bump(shape, right, 0.13, (1, -0.2, 0.4)),
        _bump(shape, left, 0.16, (0, -1, 0.2)) + _bump(shape, right, 0.16, (0, -1, 0.2)),
        _bump(shape, left, 0.16, (0, -1, 0.2)) - _bump(shape, right, 0.16, (0, -1, 0.2)),
        _near(shape, _UPPER_LIP, 0.03, (0, -1, 0)) + _near(shape, _LOWER_LIP, 0.03, (0, 1, 0)),
        _near(shape, (*LEFT_BROW, *RIGHT_BROW), 0.08, (0, -1, 0)),
        _bump(shape, 55, 0.09, (1, 0.5, 0)) + _bump(shape, 285, 0.09, (-1, 0.5, 0)),
        _near(shape, (*LEFT_EYE_UPPER[2:-2], *RIGHT_EYE_UPPER[2:-2]), 0.03, (0, 1, 0)),
    ]
    orthonormal, _ = np.linalg.qr(np.stack([field.ravel() for field in fields], axis=1))
    return orthonormal


def _bump(shape: F64, at: int, width: float, toward: tuple[float, float, float]) -> F64:
    """Return a Gaussian field of a width about one point."""
    squared = ((shape - shape[at]) ** 2).sum(axis=1, keepdims=True)
    return np.exp(-squared / (2 * width**2)) * np.array(toward)


def _near(
    shape: F64, loop: tuple[int, ...], width: float, toward: tuple[float, float, float]
) -> F64:
    """Return a field that falls off with the distance from a loop of points."""
    squared = ((shape[:, None] - shape[list(loop)]) ** 2).sum(axis=2).min(axis=1)
    return np.exp(-squared / (2 * width**2))[:, None] * np.array(toward)


def _jaw_drop(shape: F64) -> F64:
    """Return the field of a jaw that opens: full at the chin and lower lip, none at the ears."""
    parting = shape[[INNER_LIP_UPPER[5], INNER_LIP_LOWER[5]], 1].mean()
    below = np.clip((shape[:, 1] - parting) / 0.04 + 0.5, 0, 1)
    central = np.clip((0.5 - np.abs(shape[:, 0])) / 0.3, 0, 1)
    return (below * central)[:, None] * np.array([0, 1, 0.3])


def _pair_rims(shift: F64) -> F64:
    """Return a shift that moves each eye whole, and both inner lips by as much as each other."""
    paired = shift.copy()
    for eye in _EYES:
        across = _across(eye)
        paired[list(eye)] = (1 - across) * shift[eye[0]] + across * shift[eye[8]]
    upper, lower = list(INNER_LIP_UPPER), list(INNER_LIP_LOWER)
    paired[upper] = paired[lower] = (shift[upper] + shift[lower]) / 2
    return paired


@functools.cache
def _across(eye: tuple[int, ...]) -> F64:
    """Return how far from its first corner to its second each point of an eye lies, f64[N, 1].

    Points of both rims that face each other lie as far.
    """
    x = load_topology().mean_shape[list(eye), 0].astype(np.float64)
    x[:9] = x[9:18] = (x[:9] + x[9:18]) / 2
    return np.clip((x - x[0]) / (x[8] - x[0]), 0, 1)[:, None]


@functools.cache
def _neighbour_average() -> F64:
    """Return f64[468, 468]: half the point itself, half the mean of its neighbours."""
    triangles = load_topology().of(Region.SKIN, Region.EYE, Region.MOUTH)
    adjacent = np.zeros((NUM_POINTS, NUM_POINTS))
    for first, second in ((0, 1), (1, 2), (2, 0)):
        adjacent[triangles[:, first], triangles[:, second]] = 1
        adjacent[triangles[:, second], triangles[:, first]] = 1
    degree = adjacent.sum(axis=1, keepdims=True)
    # Points that no triangle uses stay as they are.
    mean = np.where(degree > 0, adjacent / np.maximum(degree, 1), np.eye(NUM_POINTS))
    return (np.eye(NUM_POINTS) + mean) / 2
