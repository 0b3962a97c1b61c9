"""What tells, before anything is drawn, how much of a person a synthetic face would leave."""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

import numpy as np

from fsp_ray.core.face_types import F32, SourceFace, SyntheticFace
from fsp_ray.swap.layout import layout
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.swap.shape import displacement, strain
from fsp_ray.synthesis.texture import areas, blur, decode_ratio, log_ratio
from fsp_ray.synthesis.topology import (
    LEFT_BROW,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    OUTER_LIP_LOWER,
    OUTER_LIP_UPPER,
    RIGHT_BROW,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    load_topology,
)

_FEATURES: Final = sorted(
    {
        *(*LEFT_BROW, *RIGHT_BROW, *OUTER_LIP_LOWER, *OUTER_LIP_UPPER),
        *(*LEFT_EYE_LOWER, *LEFT_EYE_UPPER, *RIGHT_EYE_LOWER, *RIGHT_EYE_UPPER),
        *(1, 2, 4, 5, 6, 19, 45, 48, 64, 94, 97, 98, 115, 168, 195, 197, 275, 278, 294, 326, 344),
    }
)
# Finer marks than this differ by chance; light is coarser than what log ratios keep.
_SIGMA_PX: Final = 2.0


class ShapeCues(NamedTuple):
    """How putting a face on changes the shape.

    Attributes:
        gap: how far brows, eyes, nose and mouth move: root mean square, in face widths.
        strain: see `shape.strain`.
        change: f32[15], of the layout, in spreads (see `layout`).
    """

    gap: float
    strain: float
    change: F32


def shape_cues(face: SyntheticFace, source: SourceFace, settings: SwapSettings) -> ShapeCues:
    """Return what a face's shape alone tells, without its texture."""
    shift = displacement(source, face, settings)
    mean, features = load_topology().mean_shape, shift[_FEATURES]
    return ShapeCues(
        gap=float(np.sqrt((features * features).sum(axis=1).mean())),
        strain=strain(face, source, settings),
        change=(layout(mean + shift) - layout(mean)).astype(np.float32),
    )


class TextureLikeness:
    """Correlates the marks of synthetic faces with those of one source, -1..1."""

    def __init__(self, source: SourceFace) -> None:
        self._weight = _core() * (source.weight[::2, ::2] > 0)
        self._source = self._marks(log_ratio(source.texture, source.weight))

    def of(self, face: SyntheticFace) -> float:
        """Return the correlation for one face."""
        marks = self._marks(decode_ratio(face.texture))
        return float((self._weight * self._source * marks).sum())

    def _marks(self, ratio: F32) -> F32:
        """Return f32[128, 128], mean 0 and norm 1 in the middle of the face."""
        grey = blur(ratio[::2, ::2].mean(axis=2), _SIGMA_PX / 2)
        weight = self._weight
        grey = grey - (weight * grey).sum() / max(float(weight.sum()), 1e-6)
        norm = float(np.sqrt((weight * grey * grey).sum()))
        return np.asarray(grey / max(norm, 1e-6), np.float32)


@functools.cache
def _core() -> F32:
    return np.ascontiguousarray(areas().core[::2, ::2])
