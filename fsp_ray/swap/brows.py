"""Brows that rise and fall with the source's, within what a face can do, and do not scowl."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, TEXTURE_PX, SyntheticFace
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.layout import DISTANCES, change_layout, layout
from fsp_ray.synthesis.texture import blur, decode_ratio, grey
from fsp_ray.synthesis.topology import load_topology

_NAMES: Final = [distance.name for distance in DISTANCES]
_ROW, _TILT_ROW = _NAMES.index("brow height"), _NAMES.index("brow tilt")
_HEIGHT: Final = DISTANCES[_ROW]
# How high over the eyes brows go in surprise, and how low in anger: in spreads of their height at
# rest. Seen in film, of those who go farthest.
_LOWEST, _HIGHEST = -2.2, 2.2

# Where brows are looked for in a texture: columns of the arch and of the inner end, on the
# image-left half, and rows.
_ARCH_U, _INNER_U, _COLUMN_PX = (0.30, 0.34), (0.40, 0.43), 3
_ROWS: Final = slice(int(0.20 * TEXTURE_PX), int(0.315 * TEXTURE_PX))
# Darker than the skin above by this, in n, is a brow; and how much of it shows where it lies.
_HAIR, _LEAST_HAIR = 0.12, 0.3
# So far below the arch inner ends may lie, against the mesh: as people's do. Face widths.
_USUAL_SLANT, _MOST_LIFT = 0.0, 0.026


class Brows:
    """Takes back from a synthetic face's brows what the source's expression has used up."""

    def __init__(self, shape: F32, displacement: F32) -> None:
        """Take the source's shape and the shift to the synthetic one, f32[468, 3] each."""
        moved = layout((shape + displacement).astype(np.float32)) - layout(shape)
        self._change = float(moved[_ROW])
        self._raised = change_layout(np.eye(len(DISTANCES))[_ROW]).astype(np.float32)

    def eased(self, points: F32, pose: F64) -> F32:
        """Return what to add to the shift in this frame, f32[468, 3], face widths.

        A face whose brows lie high by themselves raises them less far: they never leave the range
        of people's by more than the source's own do.

        Args:
            points: f32[468, 3], the source's mesh, pixels.
            pose: f64[3, 3], s·R, as `pose.fit_pose` returns it.
        """
        height = brow_height(points, pose)
        low, high = min(_LOWEST, height), max(_HIGHEST, height)
        kept = float(np.clip(height + self._change, low, high)) - height
        return np.asarray(np.float32(kept - self._change) * self._raised, np.float32)


def brow_height(points: F32, pose: F64) -> float:
    """Return how high over the eyes brows are in a frame, in spreads from the usual."""
    up = (points[list(_HEIGHT.plus)].mean(axis=0) - points[list(_HEIGHT.minus)].mean(axis=0)) @ pose
    scale = float((pose[:, 0] ** 2).sum())
    return (float(up[1]) / scale - _HEIGHT.usual) / _HEIGHT.spread


def levelled(face: SyntheticFace) -> F32:
    """Return what to add to the shift of a face whose painted brows scowl, f32[468, 3].

    The net that fits the mesh sets its brows higher than they are, above all at their inner ends:
    in textures these hang down, the one more, the other less, and what hangs far looks angry on
    whoever did not frown.
    """
    hanging = slant(face)
    lift = 0.0 if hanging is None else float(np.clip(hanging - _USUAL_SLANT, 0, _MOST_LIFT))
    change = np.zeros(len(DISTANCES))
    change[_TILT_ROW] = lift / DISTANCES[_TILT_ROW].spread
    return change_layout(change).astype(np.float32)


def slant(face: SyntheticFace) -> float | None:
    """Return how far inner ends of painted brows lie below their arches, face widths.

    Against the mesh, mean of both; None where too little of them shows.
    """
    level = blur(grey(decode_ratio(face.texture)), 1.5)
    skin = float(np.median(level[30:60, 90:166]))
    mean, uv = load_topology().mean_shape, load_topology().uv
    down = float(np.ptp(mean[:, 1]) / np.ptp(uv[:, 1])) / TEXTURE_PX
    found = list[float]()
    for half in (level, level[:, ::-1]):
        arch, inner = (_rows_of_hair(half, skin, places) for places in (_ARCH_U, _INNER_U))
        if arch and inner:
            found.append(float(np.mean(inner) - np.mean(arch)) * down)
    return float(np.mean(found)) if found else None


def _rows_of_hair(level: F32, skin: float, places: tuple[float, float]) -> list[float]:
    """Return the middle rows of the brow in some columns; none where it does not show."""
    rows = np.arange(TEXTURE_PX)[_ROWS]
    found = list[float]()
    for place in places:
        column = int(place * TEXTURE_PX)
        near = level[_ROWS, column - _COLUMN_PX : column + _COLUMN_PX + 1].mean(axis=1)
        hair = np.clip(skin - _HAIR - near, 0, None)
        if float(hair.sum()) > _LEAST_HAIR:
            found.append(float(hair @ rows / hair.sum()))
    return found
