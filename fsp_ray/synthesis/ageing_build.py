"""Computes the statistics that `ageing` loads. Sums only: every value is a mean over many faces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import GENDERS
from fsp_ray.core.face_types import F32, NUM_POINTS
from fsp_ray.synthesis.ageing import AGE_UNIT_YEARS, BAND_SIGMAS_PX, DEGREE, ENERGY_PX
from fsp_ray.synthesis.bank_filter import clean_edges
from fsp_ray.synthesis.texture import blur

KNOTS_YEARS: Final = (1, 3, 6, 9, 12, 15, 19, 24, 30, 37, 44, 51, 58, 65, 72, 80, 88)
MIN_FACES: Final = 50.0
# A group of origins that is rare at one age may count this much more there, so that ages differ
# by age and not by who was photographed.
_MAX_BALANCE: Final = 4.0
_ENERGY_SIGMA: Final = 1.5
_CAP: Final = 1.0

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AgedFace:
    """One face, seen and forgotten.

    Attributes:
        ratio: f32[256, 256, 3], log-ratio texture; weight: f32[256, 256], where it is seen.
        shape: f32[468, 3], normalised.
    """

    ratio: F32
    weight: F32
    shape: F32


def build_age_model(
    faces: Iterable[tuple[int, AgedFace]],
    ages_years: npt.NDArray[np.floating],
    female: npt.NDArray[np.bool_],
    origin: npt.NDArray[np.integer],
    out: Path,
) -> F64:
    """Write the statistics; return how many faces each rests on, f64[2, K] (effective number).

    Args:
        faces: (number, face); the number is an index into the arrays. A face may be left out.
        ages_years, female, origin: [N], of all faces; origin is any grouping to balance by.

    Raises:
        ValueError: some mean would rest on fewer than 50 faces.
    """
    weights = _kernel_weights(ages_years.astype(np.float64), female, origin)
    energy = np.zeros((*weights.shape[:2], len(BAND_SIGMAS_PX), ENERGY_PX, ENERGY_PX))
    energy_seen = np.full((*weights.shape[:2], 1, ENERGY_PX, ENERGY_PX), 1e-6)
    used = np.zeros(len(female), np.bool_)
    shapes = np.zeros((len(female), NUM_POINTS, 3), np.float32)
    for number, face in faces:
        used[number], shapes[number] = True, face.shape
        ratio = np.clip(clean_edges(face.ratio), -_CAP, _CAP)
        bands, band_share = _band_energy(ratio, face.weight)
        for gender, knot in zip(*np.nonzero(weights[:, :, number]), strict=True):
            w = weights[gender, knot, number]
            energy[gender, knot] += w * band_share * bands
            energy_seen[gender, knot] += w * band_share
    effective = _effective(weights[:, :, used])
    _check_many(effective)
    _save(out, energy / energy_seen, _cubics(shapes, ages_years, female, used))
    return effective


def _kernel_weights(
    ages: F64, female: npt.NDArray[np.bool_], origin: npt.NDArray[np.integer]
) -> F64:
    """Return the weight of every face in every mean, f64[2, K, N]."""
    weights = np.zeros((2, len(KNOTS_YEARS), len(ages)))
    for row, gender in enumerate(GENDERS):
        mine = female == (gender == "female")
        overall = {int(o): float((origin[mine] == o).mean()) for o in np.unique(origin)}
        for column, knot in enumerate(KNOTS_YEARS):
            width = 0.6 + 0.11 * knot
            kernel = mine * np.exp(-0.5 * ((ages - knot) / width) ** 2)
            kernel[kernel < 0.05] = 0
            for group, share in overall.items():
                here = kernel[origin == group].sum() / max(float(kernel.sum()), 1e-9)
                if here > 0:
                    balance = np.clip(share / here, 1 / _MAX_BALANCE, _MAX_BALANCE)
                    weights[row, column, origin == group] = kernel[origin == group] * balance
    return weights


def _effective(weights: F64) -> F64:
    return weights.sum(axis=2) ** 2 / np.maximum((weights**2).sum(axis=2), 1e-9)


def _check_many(effective: F64) -> None:
    if effective.min() < MIN_FACES:
        raise ValueError(
            f"a mean would rest on {effective.min():.0f} faces; {MIN_FACES:.0f} needed"
        )


def _band_energy(ratio: F32, weight: F32) -> tuple[F32, F32]:
    """Return weighted means of n squared in the bands, f32[3, 32, 32], and the weight there."""
    share = cv2.resize(weight, (ENERGY_PX, ENERGY_PX), interpolation=cv2.INTER_AREA)
    rest, out = ratio, np.empty((len(BAND_SIGMAS_PX), ENERGY_PX, ENERGY_PX), np.float32)
    for band, sigma in enumerate(BAND_SIGMAS_PX):
        coarser = blur(ratio, sigma)
        square = ((rest - coarser) ** 2).mean(axis=2) * weight
        small = cv2.resize(square, (ENERGY_PX, ENERGY_PX), interpolation=cv2.INTER_AREA)
        out[band] = small / np.maximum(share, 1e-3)
        rest = coarser
    return out, np.asarray(share, np.float32)


def _cubics(
    shapes: F32,
    ages: npt.NDArray[np.floating],
    female: npt.NDArray[np.bool_],
    used: npt.NDArray[np.bool_],
) -> F64:
    """Fit shape over age, by gender, every decade counting alike; f64[2, 4, 468, 3]."""
    out: list[F64] = []
    for gender in GENDERS:
        mine = used & (female == (gender == "female"))
        decade = (ages[mine] // 10).astype(int)
        share = 1 / np.sqrt(np.bincount(decade)[decade])
        powers = (ages[mine, None] / AGE_UNIT_YEARS) ** np.arange(DEGREE + 1)
        target = shapes[mine].reshape(int(mine.sum()), -1) * share[:, None]
        fit = np.linalg.lstsq(powers * share[:, None], target, rcond=None)[0]
        out.append(np.asarray(fit, np.float64).reshape(DEGREE + 1, -1, 3))
    return np.stack(out)


def _save(out: Path, energy: F64, cubic: F64) -> None:
    """Write the statistics, symmetric and smooth over the face and over age."""
    energy = (energy + energy[:, :, :, :, ::-1]) / 2
    for tile in energy.reshape(-1, ENERGY_PX, ENERGY_PX):
        tile[:] = cv2.GaussianBlur(tile, (0, 0), _ENERGY_SIGMA)
    np.savez_compressed(
        out,
        knots=np.array(KNOTS_YEARS, np.float32),
        log_energy=np.log(energy + 1e-6).astype(np.float16),
        cubic=cubic.astype(np.float32),
    )
