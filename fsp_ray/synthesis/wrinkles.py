"""Creases of age, drawn: where they run is anatomy, how they run is chance. No one's are copied.

Means over many faces lose what lies in a different place on each of them; strengthening what
detail a young face has gives rough skin, not creases. So these are added as lines.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, TEXTURE_PX, U8
from fsp_ray.synthesis.texture import blur
from fsp_ray.synthesis.topology import load_topology

F64 = npt.NDArray[np.float64]

_FIRST_YEARS, _FULL_YEARS = 34.0, 82.0
_DEPTH: Final = 2.0
_STEPS: Final = 28
_SHIFT_BITS: Final = 4
# A crease is dark with a lighter bulge on both sides: a difference of two Gaussians.
_DARK_SIGMA_PX, _BULGE_SIGMA_PX, _BULGE = 1.1, 3.2, 0.6


class _Crease(NamedTuple):
    """A curve on the image-left half, in units of the texture.

    It starts at `start` and ends at `end`, shifts from mesh points `start_at` and `end_at`, and
    bows by `bow` of its length, to the left of its way; `depth` is n at full age, `soft` widens it.
    """

    start_at: int
    start: tuple[float, float]
    end_at: int
    end: tuple[float, float]
    bow: float
    depth: float
    soft: float


# Mesh points: 151 middle of the forehead, 107 and 105 brow, 33 outer and 133 inner eye corner,
# 130 beside it, 129 wing of the nose, 61 corner of the mouth, 9 between the brows.
_CREASES: Final = (
    _Crease(151, (0.03, 0.030), 151, (-0.19, 0.034), 0.05, 0.26, 1.0),
    _Crease(151, (0.02, -0.002), 151, (-0.17, 0.002), 0.06, 0.24, 1.0),
    _Crease(151, (0.02, 0.058), 151, (-0.13, 0.052), 0.04, 0.16, 1.0),
    _Crease(9, (-0.035, 0.035), 9, (-0.030, -0.010), 0.08, 0.24, 1.0),
    _Crease(33, (-0.022, -0.002), 33, (-0.080, 0.006), -0.08, 0.26, 1.0),
    _Crease(33, (-0.022, -0.010), 33, (-0.075, -0.028), 0.08, 0.24, 1.0),
    _Crease(33, (-0.020, 0.010), 33, (-0.070, 0.038), -0.10, 0.24, 1.0),
    _Crease(133, (-0.015, 0.026), 33, (0.000, 0.040), -0.20, 0.34, 2.0),
    _Crease(133, (-0.020, 0.050), 33, (0.025, 0.072), -0.16, 0.18, 2.0),
    _Crease(129, (-0.014, -0.020), 61, (-0.035, -0.015), -0.06, 0.46, 2.0),
    _Crease(129, (-0.014, -0.020), 61, (-0.042, 0.015), -0.07, 0.20, 1.0),
    _Crease(61, (-0.012, 0.012), 61, (-0.026, 0.080), -0.06, 0.34, 2.0),
    _Crease(61, (-0.060, -0.045), 61, (-0.080, 0.050), -0.12, 0.14, 2.0),
)
_SOFTNESSES: Final = tuple(sorted({crease.soft for crease in _CREASES}))
_DEEPEST: Final = 1.15 * max(crease.depth for crease in _CREASES)


def draw_creases(rng: np.random.Generator, age_years: float) -> F32:
    """Return the change of n that creases make, f32[256, 256]; 0 up to 34 years.

    Draws the same amount of chance for every age.
    """
    strength = np.clip((age_years - _FIRST_YEARS) / (_FULL_YEARS - _FIRST_YEARS), 0, 1) ** 1.1
    inks = {soft: np.zeros((TEXTURE_PX, TEXTURE_PX), np.uint8) for soft in _SOFTNESSES}
    for crease in _CREASES:
        # Both sides of one face are alike, but not the same.
        shared = rng.normal(0, 0.006, (3, 2))
        depth = crease.depth * rng.uniform(0.35, 1.15)
        for mirrored in (False, True):
            jitter = shared + rng.normal(0, 0.004, (3, 2))
            phase = rng.uniform(0, 6.28, 2)
            if strength > 0:
                curve = _curve(crease, jitter, phase, mirrored=mirrored)
                _draw_line(inks[crease.soft], curve, depth / _DEEPEST)
    out = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
    if strength > 0:
        for soft, ink in inks.items():
            out += _stroke(ink, soft)
    return np.float32(strength * _DEPTH * _DEEPEST) * out


def _curve(crease: _Crease, jitter: F64, phase: F64, *, mirrored: bool) -> F64:
    """Return points along a wavy quadratic Bezier curve, f64[28, 2], texels."""
    uv = load_topology().uv.astype(np.float64)
    start = uv[crease.start_at] + crease.start + jitter[0]
    end = uv[crease.end_at] + crease.end + jitter[1]
    across = np.array([end[1] - start[1], start[0] - end[0]])
    bend = (start + end) / 2 + 2 * crease.bow * across + jitter[2]
    t = np.linspace(0, 1, _STEPS)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
    wave = np.sin(9 * t + phase[0]) + 0.6 * np.sin(17 * t + phase[1])
    curve[:, 1:] += 0.0020 * wave
    if mirrored:
        curve[:, 0] = 1 - curve[:, 0]
    return curve * TEXTURE_PX - 0.5


def _draw_line(ink: U8, curve: F64, depth: float) -> None:
    """Draw a curve as a thin line of a depth, 0..1, fading at both ends, in place."""
    fixed = np.rint(curve * (1 << _SHIFT_BITS)).astype(int)
    fade = np.sin(np.linspace(0.08, np.pi - 0.08, _STEPS - 1)) ** 0.7
    for (x, y), (x2, y2), level in zip(fixed[:-1], fixed[1:], fade, strict=True):
        ends = (int(x), int(y)), (int(x2), int(y2))
        cv2.line(ink, *ends, float(255 * depth * level), 1, cv2.LINE_AA, _SHIFT_BITS)


def _stroke(ink: U8, soft: float) -> F32:
    """Return what thin lines make as creases, f32[256, 256]."""
    line: F32 = ink.astype(np.float32) / np.float32(255)
    dark = blur(line, _DARK_SIGMA_PX * soft)
    bulge = blur(line, _BULGE_SIGMA_PX * soft)
    # A thin line's blur peaks at 1 / (sigma sqrt(2 pi)); undo that, so that depth means depth.
    scale = _DARK_SIGMA_PX * soft * np.sqrt(2 * np.pi) * 0.7
    return np.asarray(scale * (_BULGE * bulge - dark), np.float32)
