"""How faces change with age: mean textures, strengths of detail, and shapes, as statistics."""

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
from fsp_ray.synthesis.texture import areas, blur

MEAN_PX: Final = 64
ENERGY_PX: Final = 32
# Detail is scaled in three bands, each up to one of these Gaussians.
BAND_SIGMAS_PX: Final = (1.2, 2.4, 4.8)
_ROOM_SIGMA_PX: Final = 3.0
_BRIGHTEST: Final = 0.03
_BEARD_ROOM: Final = 0.02
_COLOUR_SHARE: Final = 0.25
# Small and blurred portraits show less of the difference in detail than there is.
_GAIN_POWER: Final = 1.8
_MIN_GAIN, _MAX_GAIN = 0.5, 2.5
# Means over faces that differ blur what ages them: measured with an age estimator, 1.6 times the
# difference is still less than the years asked for.
_MEAN_GAIN: Final = np.float32(1.6)
DEGREE: Final = 3
AGE_UNIT_YEARS: Final = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class AgeModel:
    """Statistics over many faces of each age and gender (see MODEL_CARD.md). No face is in it.

    Attributes:
        knots: f32[K], ages in years, ascending; between them is interpolated.
        mean: f32[2, K, 64, 64, 3], mean log-ratio texture, by gender as in `GENDERS`.
        energy: f32[2, K, 3, 32, 32], mean square of n in the three bands, smoothed.
        cubic: f32[2, 4, 468, 3], shape as a polynomial of age / 50 years, constant first.
    """

    knots: F32
    mean: F32
    energy: F32
    cubic: F32

    def __post_init__(self) -> None:
        k = len(self.knots)
        check_array("knots", self.knots, np.float32, (k,))
        check_array("mean", self.mean, np.float32, (2, k, MEAN_PX, MEAN_PX, 3))
        check_array("energy", self.energy, np.float32, (2, k, 3, ENERGY_PX, ENERGY_PX))
        check_array("cubic", self.cubic, np.float32, (2, DEGREE + 1, NUM_POINTS, 3))
        for name in ("mean", "energy", "cubic"):
            check_finite(name, getattr(self, name))

    def shift_texture(self, ratio: F32, gender: Gender, from_years: float, to_years: float) -> F32:
        """Return a log-ratio texture f32[256, 256, 3] made older or younger."""
        row = GENDERS.index(gender)
        change = self._at(self.mean[row], to_years) - self._at(self.mean[row], from_years)
        change = _MEAN_GAIN * change
        energy_from = self._at(self.energy[row], from_years)
        energy_to = self._at(self.energy[row], to_years)
        gain = ((energy_to + 1e-6) / (energy_from + 1e-6)) ** (_GAIN_POWER / 2)
        gain = gain.clip(_MIN_GAIN, _MAX_GAIN)
        size = (TEXTURE_PX, TEXTURE_PX)
        wide = np.asarray(cv2.resize(change, size, interpolation=cv2.INTER_CUBIC), np.float32)
        grey = ratio.mean(axis=2)
        # The mean man has some beard: a shaven one must not get a bright mouth by losing it. Nor
        # may brows and lids turn brighter than skin, or (hair colours differ more than ages do)
        # orange.
        lighter = wide.mean(axis=2)
        wide = lighter[:, :, None] + _COLOUR_SHARE * (wide - lighter[:, :, None])
        room = np.maximum(_BRIGHTEST - np.maximum(blur(grey, _ROOM_SIGMA_PX), grey), 0)
        if gender == "male":
            room = np.minimum(room, 1 - (1 - _BEARD_ROOM) * blur(areas().chin, 4.0))
        excess = np.maximum(lighter - room, 0)
        # Detail is scaled on skin alone (lashes and irises don't age) and without colour (most of
        # that is noise).
        skin = blur(areas().skin, 2.0)
        rest, detail = grey, np.zeros_like(grey)
        for band, sigma in enumerate(BAND_SIGMAS_PX):
            coarser = blur(grey, sigma)
            scale = cv2.resize(gain[band], size, interpolation=cv2.INTER_LINEAR)
            detail += (scale - 1) * (rest - coarser)
            rest = coarser
        added = (skin * detail - excess)[:, :, None]
        return np.asarray(ratio + wide + added, np.float32)

    def shift_shape(self, shape: F32, gender: Gender, from_years: float, to_years: float) -> F32:
        """Return a normalised shape f32[468, 3] made older or younger."""
        low, high = float(self.knots[0]), float(self.knots[-1])
        ages = np.clip([from_years, to_years], low, high) / AGE_UNIT_YEARS
        powers = ages[:, None] ** np.arange(DEGREE + 1)
        change = np.tensordot(powers[1] - powers[0], self.cubic[GENDERS.index(gender)], axes=1)
        return (shape + change).astype(np.float32)

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
