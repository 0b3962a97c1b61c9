"""How faces change with age: strengths of detail and shapes, as statistics."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from importlib import resources
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.ages import GENDERS, Gender
from fsp_ray.core.checks import check_array, check_finite
from fsp_ray.core.face_types import F32, NUM_POINTS, TEXTURE_PX
from fsp_ray.synthesis.texture import areas, blur, grey

ENERGY_PX: Final = 32
# Detail is scaled in three bands, each up to one of these Gaussians.
BAND_SIGMAS_PX: Final = (1.2, 2.4, 4.8)
# Small and blurred portraits show less of the difference in detail than there is.
_GAIN_POWER: Final = 2.3
# Of a young face, most of the finest detail is the grain of its picture. Stronger than this it
# shows; what old skin has beyond is drawn (see `fine_lines`).
_MIN_GAIN, _MAX_GAIN = 0.4, 1.2
DEGREE: Final = 3
AGE_UNIT_YEARS: Final = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class AgeModel:
    """Statistics over many faces of each age and gender (see MODEL_CARD.md). No face is in it.

    Attributes:
        knots: f32[K], ages in years, ascending; between them is interpolated.
        energy: f32[2, K, 3, 32, 32], mean square of n in the three bands, smoothed; by gender as
            in `GENDERS`.
        cubic: f32[2, 4, 468, 3], shape as a polynomial of age / 50 years, constant first.
    """

    knots: F32
    energy: F32
    cubic: F32

    def __post_init__(self) -> None:
        k = len(self.knots)
        check_array("knots", self.knots, np.float32, (k,))
        check_array("energy", self.energy, np.float32, (2, k, 3, ENERGY_PX, ENERGY_PX))
        check_array("cubic", self.cubic, np.float32, (2, DEGREE + 1, NUM_POINTS, 3))
        for name in ("energy", "cubic"):
            check_finite(name, getattr(self, name))

    def shift_detail(self, ratio: F32, gender: Gender, from_years: float, to_years: float) -> F32:
        """Return a log-ratio texture f32[256, 256, 3] with the detail of another age.

        Detail is scaled on skin alone (lashes and irises don't age) and without colour (most of
        that is noise).
        """
        energy_from, energy_to = (
            self._at(self.energy[GENDERS.index(gender)], years) for years in (from_years, to_years)
        )
        gain = ((energy_to + 1e-6) / (energy_from + 1e-6)) ** (_GAIN_POWER / 2)
        gain = gain.clip(_MIN_GAIN, _MAX_GAIN)
        rest = grey(ratio)
        detail = np.zeros_like(rest)
        for band, sigma in enumerate(BAND_SIGMAS_PX):
            coarser = blur(rest, sigma)
            scale = cv2.resize(gain[band], (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_LINEAR)
            detail += (scale - 1) * (rest - coarser)
            rest = coarser
        return np.asarray(ratio + (_skin() * detail)[:, :, None], np.float32)

    def mean_shape(self, gender: Gender, age_years: float) -> F32:
        """Return the mean normalised shape at an age, f32[468, 3]."""
        age = np.clip(age_years, self.knots[0], self.knots[-1]) / AGE_UNIT_YEARS
        powers = (age ** np.arange(DEGREE + 1)).astype(np.float32)
        return np.tensordot(powers, self.cubic[GENDERS.index(gender)], axes=1)

    def _at(self, values: F32, age_years: float) -> F32:
        """Interpolate between the knots, f32[K, ...] to f32[...]."""
        place = float(np.interp(age_years, self.knots, np.arange(len(self.knots))))
        low = min(int(place), len(self.knots) - 2)
        share = np.float32(place - low)
        return (1 - share) * values[low] + share * values[low + 1]


@functools.cache
def load_age_model() -> AgeModel:
    """Return the statistics that come with the package. Shared: read only."""
    file = resources.files("fsp_ray.synthesis").joinpath("data/ageing.npz")
    with np.load(io.BytesIO(file.read_bytes())) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in stored.files}
    arrays["energy"] = np.exp(arrays.pop("log_energy"))
    for array in arrays.values():
        array.flags.writeable = False
    return AgeModel(**arrays)


@functools.cache
def _skin() -> F32:
    return blur(areas().skin, 2.0)
