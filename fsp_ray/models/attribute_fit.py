"""Fits the head of age and gender on half of a UTKFace-style folder, and reports on the other.

Run: python -m fsp_ray.models.attribute_fit FACES OUT.npz     (about ten minutes on one core)

Only coefficients are written: no picture, no feature of anybody.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, Attributes
from fsp_ray.models.attribute_head import AGE_BINS, AttributeHead, standardised
from fsp_ray.models.attribute_samples import (
    AS_IS,
    LOOKS,
    FaceReader,
    Samples,
    labelled_faces,
    read_samples,
)
from fsp_ray.models.attribute_training import Network, Targets, Training, train
from fsp_ray.models.manifest import show_pack
from fsp_ray.models.pack_models import OpenModels

_log = logging.getLogger(__name__)

NETWORKS: Final = 4
SEED: Final = 0
OLDEST_DECADE: Final = 80
ADULT_YEARS: Final = 15

# Knots of the last curve, years as the networks read them.
_KNOTS: Final = (0, 4, 8, 13, 18, 24, 30, 37, 44, 51, 58, 65, 72, 79, 86, 95)
# Within each of these the mean of what is read shall come this near to the mean of what is true.
# Nearer costs more in the single face than it brings: .3 years for the last year of bias.
_BANDS: Final = (0, 3, 6, *range(10, 90, 5))
_TOLERATED_BIAS_YEARS: Final = 1.25
_BEND_COST: Final = 30.0  # squared bends, years a year, against squared years of bias
_GENDER_STEPS: Final = 50

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DecadeError:
    """How ages are read in one decade: mean absolute error and bias, years, and of how many."""

    first_year: int
    faces: int
    error_years: float
    bias_years: float


def fit_head(looks: Sequence[Samples], settings: Training | None = None) -> AttributeHead:
    """Return a head fitted to several looks at the same faces.

    Each network leaves another share of the faces out, and the curve of ages and the gain of the
    genders are fitted on what the networks say of faces they never saw.

    Raises:
        ValueError: no face is in all of the looks.
    """
    looks = _common(looks)
    targets = Targets(
        np.minimum(looks[0].age_years, AGE_BINS[-1]), looks[0].is_female.astype(np.float32)
    )
    features = [look.features for look in looks]
    every = np.concatenate(features)
    mean = every.mean(axis=0)
    # A channel that hardly ever speaks must not shout where it does.
    scale = every.std(axis=0) + 1e-3 * np.abs(mean) + 1e-6
    x = [standardised(part, mean, scale) for part in features]
    rng = np.random.default_rng(SEED)
    fold = rng.integers(0, NETWORKS, len(targets.age_years))
    networks = [
        train(
            [part[fold != left_out] for part in x],
            Targets(targets.age_years[fold != left_out], targets.female[fold != left_out]),
            settings or Training(),
            np.random.default_rng([SEED, left_out]),
        )
        for left_out in range(NETWORKS)
    ]
    head = _head(mean, scale, networks)
    read = [head.outputs(part) for part in features]
    unseen = fold, np.arange(len(fold))
    ages = np.concatenate([years[unseen] for years, _ in read]).astype(np.float64)
    odds = np.concatenate([log_odds[unseen] for _, log_odds in read]).astype(np.float64)
    years = np.tile(looks[0].age_years, len(looks))
    gain, shift = _fit_gender(odds, np.tile(looks[0].is_female, len(looks)), years)
    return replace(
        head,
        curve_true=_fit_curve(ages, years),
        gender_gain=np.array([gain], np.float32),
        gender_shift=np.array([shift], np.float32),
    )


def by_decade(read: Attributes, samples: Samples) -> tuple[DecadeError, ...]:
    """Return how well ages are read, by labelled decade; the last one has all from 80 up."""
    decade = np.minimum(samples.age_years // 10 * 10, OLDEST_DECADE)
    error = read.age_years - samples.age_years
    return tuple(
        DecadeError(
            int(first),
            int((decade == first).sum()),
            float(np.abs(error[decade == first]).mean()),
            float(error[decade == first].mean()),
        )
        for first in np.unique(decade)
    )


def gender_right(read: Attributes, samples: Samples) -> tuple[float, float]:
    """Return the shares of genders read right, of those under 15 and of those from 15 up."""
    right = (read.female_probability > 0.5) == samples.is_female
    adult = samples.age_years >= ADULT_YEARS
    return float(right[~adult].mean()), float(right[adult].mean())


def _common(looks: Sequence[Samples]) -> list[Samples]:
    """Return the looks of the faces that are in all of them, in one order."""
    names = sorted(set.intersection(*(set(look.names) for look in looks)))
    if not names:
        raise ValueError("no face was found in all of the looks")
    common: list[Samples] = []
    for look in looks:
        place = {name: number for number, name in enumerate(look.names)}
        rows = np.array([place[name] for name in names])
        common.append(
            Samples(look.features[rows], look.age_years[rows], look.is_female[rows], tuple(names))
        )
    return common


def _head(mean: F32, scale: F32, networks: Sequence[Network]) -> AttributeHead:
    """Return the head of these networks, in the precision it is kept in, still without a curve."""
    stacked = [np.stack(parts) for parts in zip(*(n.parts for n in networks), strict=True)]
    hidden, hidden_bias, output, output_bias = stacked
    knots = np.array(_KNOTS, np.float32)
    one, none = np.ones(1, np.float32), np.zeros(1, np.float32)
    return AttributeHead(
        mean,
        scale,
        hidden.astype(np.float16).astype(np.float32),
        hidden_bias,
        output.astype(np.float16).astype(np.float32),
        output_bias,
        knots,
        knots,
        one,
        none,
    )


def _fit_curve(read: F64, true: F32) -> F32:
    """Return the curve's values at the knots: the bands' means nearly agree, with few bends."""
    knots = np.array(_KNOTS, np.float64)
    corners = np.eye(len(knots))
    shares = np.stack([np.interp(read, knots, corner) for corner in corners], axis=1)
    band = np.digitize(true, _BANDS)
    of_each = [band == b for b in np.unique(band)]
    means = np.stack([shares[faces].mean(axis=0) for faces in of_each])
    wanted = np.array([true[faces].mean() for faces in of_each])
    bias = np.array([read[faces].mean() for faces in of_each]) - wanted
    wanted += np.clip(bias, -_TOLERATED_BIAS_YEARS, _TOLERATED_BIAS_YEARS)
    slopes = np.diff(corners, axis=0) / np.diff(knots)[:, None]
    bends = np.diff(slopes, axis=0)
    system = means.T @ means + _BEND_COST * bends.T @ bends + 1e-6 * corners
    curve = np.linalg.solve(system, means.T @ wanted)
    return np.maximum.accumulate(np.maximum(curve, 0)).astype(np.float32)


def _fit_gender(odds: F64, female: npt.NDArray[np.bool_], years: F32) -> tuple[float, float]:
    """Return gain and shift of the log-odds that explain adults' genders best (Platt, 1999)."""
    adult = years >= ADULT_YEARS
    x = np.stack([odds[adult], np.ones(adult.sum())], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(_GENDER_STEPS):  # Newton's method on the cross entropy
        share = 1 / (1 + np.exp(-x @ weights))
        curvature = x.T @ (x * (share * (1 - share))[:, None]) + 1e-6 * np.eye(2)
        weights -= np.linalg.solve(curvature, x.T @ (share - female[adult]))
    return float(weights[0]), float(weights[1])


def main(arguments: Sequence[str]) -> None:
    """Fit, write and report."""
    folder, out = (Path(argument) for argument in arguments)
    models = OpenModels(show_pack("open"), threads=1)
    reader = FaceReader(models.detector, models.landmarker)
    faces = labelled_faces(folder)
    fitted = [face for face in faces if face.is_fitted_on]
    features = models.attribute_features
    head = fit_head([read_samples(fitted, look, reader, features) for look in LOOKS])
    head.save(out)
    others = [face for face in faces if not face.is_fitted_on]
    for look in (AS_IS, LOOKS[-1]):
        samples = read_samples(others, look, reader, features)
        read = AttributeHead.load(out).read(samples.features)
        decades = by_decade(read, samples)
        for decade in decades:
            _log.info("%s", decade)
        _log.info("look %d: %.2f years", look, np.mean([d.error_years for d in decades]))
        _log.info("gender right, under 15 and from 15 up: %.3f %.3f", *gender_right(read, samples))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1:])
