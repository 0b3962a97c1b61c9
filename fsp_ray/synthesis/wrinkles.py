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

_STEPS: Final = 28
_SHIFT_BITS: Final = 4
# A crease is dark, with a lighter bulge beside it. A line has one on both sides: a difference of
# two Gaussians. Over a fold, skin hangs: its bulge lies on one side, a soft shade on the other.
# Of each kind of stroke: how light it is, and widths of Gaussians in texels.
_DARK_SIGMA_PX: Final = 1.1
_STROKES: Final = {
    "line": ((-1.0, _DARK_SIGMA_PX), (0.6, 3.2)),
    "fold": ((-1.0, _DARK_SIGMA_PX),),
    "light": ((0.4, 4.2),),
    "shade": ((-0.5, 4.2),),
}
_FOLD_APART_PX: Final = 5.5
# Drawn with 8 bits: what is deeper than this, in n, is as deep as it.
_DEEPEST: Final = 1.7


class Crease(NamedTuple):
    """A curve on the image-left half, in units of the texture.

    It starts at `start` and ends at `end`, shifts from mesh points `start_at` and `end_at`, and
    bows by `bow` of its length, to the left of its way; `depth` is n at full age, `soft` widens it.
    It comes from `first_years` on. A `fold` hangs over from the left of its way (1) or the right
    (-1); a line (0) from neither.
    """

    start_at: int
    start: tuple[float, float]
    end_at: int
    end: tuple[float, float]
    bow: float
    depth: float
    soft: float
    first_years: float = 34.0
    fold: int = 0


# Mesh points: 151 middle of the forehead, 107 and 105 brow, 33 outer and 133 inner eye corner,
# 130 beside it, 129 wing of the nose, 61 corner of the mouth, 9 between the brows, 0 upper lip.
CREASES: Final = (
    Crease(151, (0.04, 0.024), 151, (-0.22, 0.040), -0.015, 0.76, 1.0),
    Crease(151, (0.04, -0.006), 151, (-0.20, 0.004), -0.01, 0.72, 1.0),
    Crease(151, (0.03, 0.052), 151, (-0.16, 0.056), -0.005, 0.53, 1.0, 44.0),
    Crease(151, (0.03, -0.034), 151, (-0.17, -0.024), -0.012, 0.49, 1.0, 50.0),
    Crease(9, (-0.030, 0.040), 9, (-0.028, -0.020), 0.10, 0.50, 1.0),
    Crease(9, (-0.012, 0.045), 9, (-0.016, 0.002), 0.06, 0.26, 1.0, 50.0),
    Crease(168, (0.02, 0.000), 168, (-0.040, 0.006), -0.06, 0.34, 1.0, 50.0),
    Crease(33, (-0.026, 0.000), 33, (-0.098, 0.010), -0.08, 0.68, 1.0),
    Crease(33, (-0.024, -0.008), 33, (-0.090, -0.030), 0.08, 0.61, 1.0),
    Crease(33, (-0.024, 0.010), 33, (-0.086, 0.044), -0.10, 0.65, 1.0),
    Crease(33, (-0.010, 0.024), 33, (-0.060, 0.068), -0.12, 0.53, 1.0, 46.0),
    Crease(133, (-0.010, 0.022), 33, (0.002, 0.036), -0.22, 0.68, 1.0, 34.0, 1),
    Crease(133, (-0.012, 0.036), 33, (0.030, 0.066), -0.22, 0.76, 1.3, 40.0, 1),
    Crease(133, (-0.026, 0.066), 33, (0.020, 0.094), -0.14, 0.42, 1.0, 58.0),
    Crease(129, (-0.008, -0.030), 61, (-0.040, 0.006), -0.10, 1.14, 1.5, 34.0, -1),
    Crease(129, (-0.050, 0.010), 61, (-0.080, 0.020), -0.14, 0.53, 1.0, 56.0),
    Crease(61, (-0.010, 0.010), 61, (-0.030, 0.095), -0.10, 0.87, 1.3, 42.0, -1),
    Crease(61, (-0.085, -0.060), 61, (-0.095, 0.065), -0.12, 0.49, 1.0, 60.0),
    Crease(17, (0.02, 0.024), 17, (-0.075, 0.040), -0.04, 0.49, 1.2, 46.0),
    Crease(0, (-0.020, -0.036), 0, (-0.018, -0.006), 0.04, 0.38, 0.8, 58.0),
    Crease(0, (-0.045, -0.030), 0, (-0.040, -0.002), 0.04, 0.42, 0.8, 58.0),
    Crease(0, (-0.072, -0.022), 0, (-0.066, 0.006), 0.04, 0.42, 0.8, 58.0),
)
# Creases are full this long after they come.
_FULL_AFTER_YEARS: Final = 46.0

# Older yet than full, they are deeper yet, up to this share.
_MOST_STRENGTH: Final = 1.5


def draw_creases(rng: np.random.Generator, age_years: float) -> F32:
    """Return the change of n that creases make, f32[256, 256]; 0 up to 34 years.

    Draws the same amount of chance for every age.
    """
    inks = _Inks()
    for crease in CREASES:
        strength = (age_years - crease.first_years) / _FULL_AFTER_YEARS
        strength = min(max(strength, 0.0), _MOST_STRENGTH)
        # Both sides of one face are alike, but not the same.
        shared = rng.normal(0, 0.008, (3, 2))
        depth = crease.depth * rng.uniform(0.15, 1.35)
        for mirrored in (False, True):
            jitter = shared + rng.normal(0, 0.004, (3, 2))
            phase = rng.uniform(0, 6.28, 3)
            if strength > 0:
                curve = curve_of(crease, jitter, phase, mirrored=mirrored)
                side = -crease.fold if mirrored else crease.fold
                inks.draw(curve, crease.soft, side, strength * depth, phase[2])
    return inks.dried()


class _Inks:
    """Thin lines to be blurred: those of one kind and width together."""

    def __init__(self) -> None:
        self._layers: dict[tuple[str, float], U8] = {}

    def draw(self, curve: F64, soft: float, side: int, depth: float, phase: float) -> None:
        """Draw a crease along a curve, f64[28, 2] texels: a line, or a fold from one `side`.

        `depth` is n; both ends fade, and between them it varies with the `phase`.
        """
        place = np.linspace(0, 1, _STEPS - 1)
        level = np.sin(np.pi * (0.03 + 0.94 * place)) ** 0.8
        level *= depth / _DEEPEST * (0.8 + 0.2 * np.sin(7 * place + phase))
        if side == 0:
            self._line("line", soft, curve, level)
            return
        along = np.gradient(curve, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
        left = np.stack([along[:, 1], -along[:, 0]], axis=1) * side * _FOLD_APART_PX
        self._line("fold", soft, curve, level)
        self._line("light", soft, curve + left, level)
        self._line("shade", soft, curve - left, level)

    def _line(self, kind: str, soft: float, curve: F64, level: F64) -> None:
        blank = np.zeros((TEXTURE_PX, TEXTURE_PX), np.uint8)
        ink = self._layers.setdefault((kind, soft), blank)
        fixed = np.rint(curve * (1 << _SHIFT_BITS)).astype(int)
        for (x, y), (x2, y2), here in zip(fixed[:-1], fixed[1:], level, strict=True):
            ends = (int(x), int(y)), (int(x2), int(y2))
            cv2.line(ink, *ends, min(255.0, 255 * float(here)), 1, cv2.LINE_AA, _SHIFT_BITS)

    def dried(self) -> F32:
        """Return what all lines make as creases, f32[256, 256]."""
        out = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
        for (kind, soft), ink in self._layers.items():
            line: F32 = ink.astype(np.float32) * np.float32(_DEEPEST / 255)
            for share, sigma in _STROKES[kind]:
                # A thin line's blur peaks at 1 / (sigma sqrt(2 pi)); undo that for the dark of
                # it, so that depth means depth.
                scale = share * _DARK_SIGMA_PX * soft * np.sqrt(2 * np.pi) * 0.7
                out += np.float32(scale) * blur(line, sigma * soft)
        return out


def curve_of(crease: Crease, jitter: F64, phase: F64, *, mirrored: bool) -> F64:
    """Return points along a wavy quadratic Bezier curve, f64[28, 2], texels."""
    uv = load_topology().uv.astype(np.float64)
    start = uv[crease.start_at] + crease.start + jitter[0]
    end = uv[crease.end_at] + crease.end + jitter[1]
    way = end - start
    across = np.array([way[1], -way[0]])
    bend = (start + end) / 2 + 2 * crease.bow * across + jitter[2]
    t = np.linspace(0, 1, _STEPS)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
    wave = np.sin(9 * t + phase[0]) + 0.6 * np.sin(17 * t + phase[1])
    curve += 0.0020 * wave * across / max(float(np.linalg.norm(across)), 1e-6)
    if mirrored:
        curve[:, 0] = 1 - curve[:, 0]
    return curve * TEXTURE_PX - 0.5
