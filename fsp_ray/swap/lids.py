"""Lids that fall: skin like that above the eye, drawn over its opening."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.face_types import U8
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.gaze import EyeFrame
from fsp_ray.swap.raster import Window

# In eye widths: where above the rim the lid's skin is read, how far over the rim it is drawn, how
# soft its edge is, and how wide the line of lashes.
_SKIN_BAND: Final = (0.15, 0.09)
_OVER: Final = 0.055
_SOFT: Final = 0.07
_LASHES: Final = 0.03
_LASH_SHADE: Final = 0.35
_RIM: Final = 0.03
_MIDDLE: Final = 0.35
# Share of the flat tone: the source's own lid shows the line where an open eye had its rim.
_FLAT: Final = 0.7
# Of the skin under the eye: make-up and brows above it are no lid.
_DARKEST: Final = 0.82
_GAIN: Final = (0.6, 1.7)
_REACH: Final = 0.2


def draw_lid(picture: U8, window: Window, eye: EyeFrame, fallen: EyeFrame, amount: float) -> None:
    """Draw a lid from the rim of the open eye down to where it has fallen, in place.

    Args:
        picture: u8[h, w, 3], the window of the frame that the face is drawn into.
        window: of the frame.
        eye: the drawn eye as the mesh has it.
        fallen: the same eye with its upper lid where it is now.
        amount: how much of it is drawn, 0..1.
    """
    grid = _grid(eye, window, picture.shape)
    if grid is None:
        return
    part, a, b = grid
    view = picture[part]
    upper, edge, lower = (
        np.interp(a, rim[:, 0], rim[:, 1]) for rim in (eye.upper, fallen.upper, eye.lower)
    )
    middle = np.abs(a) < _MIDDLE
    skin = middle & (b > upper - _SKIN_BAND[0]) & (b < upper - _SKIN_BAND[1])
    cheek = middle & (b > lower + _SKIN_BAND[1]) & (b < lower + _SKIN_BAND[0])
    inside = middle & (b > upper + _RIM) & (b < np.minimum(edge, lower - _RIM))
    if min(skin.sum(), cheek.sum(), inside.sum()) < 4:
        return
    pixels = view.astype(np.float64)
    tone = np.maximum(np.median(pixels[skin], axis=0), _DARKEST * np.median(pixels[cheek], axis=0))
    gain = np.clip(tone / np.maximum(np.median(pixels[inside], axis=0), 1), *_GAIN)
    lid = _FLAT * tone + (1 - _FLAT) * gain * pixels
    lash = _LASH_SHADE * np.exp(-(((b - edge) / _LASHES) ** 2))
    lid *= (1 - lash)[:, :, None]
    alpha = _step((b - upper + _OVER) / _SOFT) * _step((edge + _LASHES - b) / _SOFT)
    alpha *= _step((0.5 - np.abs(a)) / 0.1) * amount
    view[:] = np.round(pixels + alpha[:, :, None] * (np.clip(lid, 0, 255) - pixels))


def _step(value: F64) -> F64:
    return np.clip(value + 0.5, 0, 1)


def _grid(
    eye: EyeFrame, window: Window, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], F64, F64] | None:
    """Return the part of the window about an eye, and the eye's coordinates a, b there."""
    rims = np.concatenate([eye.upper - np.array([0, _REACH]), eye.lower + np.array([0, _REACH])])
    rims = rims @ eye.axes.T + eye.middle - (window.left, window.top)
    left, top = np.clip(np.floor(rims.min(axis=0)).astype(int), 0, (shape[1], shape[0]))
    right, bottom = np.clip(np.ceil(rims.max(axis=0)).astype(int), 0, (shape[1], shape[0]))
    if left >= right or top >= bottom:
        return None
    x = np.arange(left, right) + 0.5 + window.left - eye.middle[0]
    y = np.arange(top, bottom)[:, None] + 0.5 + window.top - eye.middle[1]
    inverse = np.linalg.inv(eye.axes)
    a, b = (row[0] * x + row[1] * y for row in inverse)
    return (slice(int(top), int(bottom)), slice(int(left), int(right))), a, b
