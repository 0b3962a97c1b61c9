"""Sketches: how the faces that some dice would give differ, small, without making them.

A texture takes milliseconds; its sketch takes a fiftieth of that. What recognisers will read can
be foretold from it well enough to make only the few faces out of many that are worth it.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from fsp_ray.core.ages import GENDERS, Gender
from fsp_ray.core.face_types import F32
from fsp_ray.synthesis.bank import FaceBank
from fsp_ray.synthesis.texture import grey
from fsp_ray.synthesis.variation import NUM_MODES, VariationModel

SKETCH_ROWS, SKETCH_COLUMNS = 32, 16
SKETCH_SIZE: Final = SKETCH_ROWS * SKETCH_COLUMNS


class Sketches:
    """The small pictures that sketches are put together from. Each is made when first needed."""

    def __init__(self, bank: FaceBank, variation: VariationModel) -> None:
        self._bank = bank
        self._marks: dict[int, F32] = {}
        small = np.stack([_small(mode) for row in variation.modes for mode in row])
        self._modes = small.reshape(len(GENDERS), NUM_MODES, SKETCH_SIZE)

    def face(self, index: int) -> F32:
        """Return a face of the bank, grey and symmetric: its left half, f32[512]."""
        if index not in self._marks:
            whole = grey(self._bank.ratio(index))
            even: F32 = (whole + whole[:, ::-1]) * np.float32(0.5)
            self._marks[index] = _small(even[:, : even.shape[1] // 2])
        return self._marks[index]

    def varied(self, gender: Gender, weights: F32) -> F32:
        """Return what a weight of each mode makes, f32[N, 64] to f32[N, 512]."""
        return weights @ self._modes[GENDERS.index(gender)]


def _small(half: F32) -> F32:
    """Return the left half of a texture, f32[512], rows first."""
    size = (SKETCH_COLUMNS, SKETCH_ROWS)
    return np.asarray(cv2.resize(half, size, interpolation=cv2.INTER_AREA), np.float32).ravel()
