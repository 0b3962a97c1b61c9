"""Fits the coefficients that `choosing_forecast` loads, to faces that were put on many heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import GENDERS
from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, I64
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.choosing_forecast import (
    AGE_UNIT_YEARS,
    DECADE_YEARS,
    Forecast,
    head_features,
)
from fsp_ray.swap.layout import DISTANCES

MIN_SAMPLES: Final = 1000
_NUM_COMPONENTS: Final = 160
_RIDGE: Final = 0.3
# Unit vectors have small numbers: scaled to about 1, so that one ridge suits all.
_EMBEDDING_SCALE: Final = 11.0
_NUM_DISCRIMINANTS: Final = 3
_WITHIN_RIDGE: Final = 0.002
_LEAST_PROBABILITY: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class WornFaces:
    """N synthetic faces, each put on a head.

    Attributes:
        sketch: f32[N, 512], see `BankGenerator.sketch`.
        change: f32[N, 15], of the layout, see `choosing_cues.ShapeCues`.
        worn, bare: f32[N, D], what the matcher reads with the face on, and from the real face.
        female_probability, older_years: f32[N], as read with the face on; older than the person,
            less what comes of making the face older (`choosing_ages.usual_slope`).
        age_years: f32[N]; female: bool[N], as read from the real face.
        origin: i64[N], which of some groups the person was labelled as; -1 for none of them.
    """

    sketch: F32
    change: F32
    worn: F32
    bare: F32
    female_probability: F32
    older_years: F32
    age_years: F32
    female: npt.NDArray[np.bool_]
    origin: I64

    def __post_init__(self) -> None:
        n, dimensions = self.worn.shape
        check_array("sketch", self.sketch, np.float32, (n, None))
        check_array("change", self.change, np.float32, (n, len(DISTANCES)))
        check_array("worn", self.worn, np.float32, (n, dimensions))
        check_array("bare", self.bare, np.float32, (n, dimensions))
        check_array("female_probability", self.female_probability, np.float32, (n,))
        check_array("older_years", self.older_years, np.float32, (n,))
        check_array("age_years", self.age_years, np.float32, (n,))
        check_array("female", self.female, np.bool_, (n,))
        check_array("origin", self.origin, np.int64, (n,))


def fit_forecast(faces: WornFaces) -> Forecast:
    """Fit a forecast by ridge regression on the principal components of the sketches.

    Raises:
        ValueError: there are fewer than 1000 faces.
    """
    if len(faces.worn) < MIN_SAMPLES:
        raise ValueError(f"{len(faces.worn)} faces are too few; {MIN_SAMPLES} needed")
    mean, basis = _components(faces.sketch.astype(np.float64))
    heads = np.stack(
        [
            head_features(GENDERS[int(not female)], float(age))
            for female, age in zip(faces.female, faces.age_years, strict=True)
        ]
    )
    usual_change = faces.change.mean(axis=0)
    parts = [
        (faces.sketch - mean) @ basis,
        faces.change - usual_change,
        heads,
        _EMBEDDING_SCALE * faces.bare,
    ]
    probability = np.clip(faces.female_probability, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    log_odds = np.log(probability / (1 - probability))
    targets = np.column_stack([faces.worn, log_odds, faces.older_years / DECADE_YEARS]).astype(
        np.float64
    )
    weights, bias = _ridge(np.concatenate(parts, axis=1).astype(np.float64), targets)
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    of_sketch, of_change, of_head, of_bare = np.split(weights, ends)
    from_sketch = basis @ of_sketch
    return Forecast(
        from_sketch=from_sketch.astype(np.float32),
        from_change=of_change.astype(np.float32),
        usual_change=usual_change,
        from_head=np.concatenate([of_head, _EMBEDDING_SCALE * of_bare]).astype(np.float32),
        bias=(bias - mean @ from_sketch).astype(np.float32),
        typical=_typical(faces),
        origin=_origin(faces.bare.astype(np.float64), faces.origin),
    )


def _components(sketches: F64) -> tuple[F64, F64]:
    """Return the mean and what makes components of spread 1, f64[512, 160]."""
    mean = sketches.mean(axis=0)
    _, singular, rows = np.linalg.svd(sketches - mean, full_matrices=False)
    spread = singular[:_NUM_COMPONENTS] / np.sqrt(len(sketches))
    return mean, rows[:_NUM_COMPONENTS].T / np.maximum(spread, 1e-6)


def _ridge(inputs: F64, targets: F64) -> tuple[F64, F64]:
    middle, usual = inputs.mean(axis=0), targets.mean(axis=0)
    centred = inputs - middle
    gram = centred.T @ centred + _RIDGE * len(inputs) * np.eye(inputs.shape[1])
    weights: F64 = np.linalg.solve(gram, centred.T @ (targets - usual))
    return weights, usual - middle @ weights


def _typical(faces: WornFaces) -> F32:
    ages = faces.age_years.astype(np.float64) / AGE_UNIT_YEARS
    powers = ages[:, None] ** np.arange(3)
    fits = [
        np.linalg.lstsq(powers[mine], faces.worn[mine].astype(np.float64), rcond=None)[0]
        for mine in (faces.female == (gender == "female") for gender in GENDERS)
    ]
    return np.stack(fits).astype(np.float32)


def _origin(embeddings: F64, group: I64) -> F32:
    """Return the first discriminants of groups (Fisher, 1936), f32[D, 3], spread 1 within them."""
    names = [name for name in np.unique(group) if name >= 0]
    means = np.stack([embeddings[group == name].mean(axis=0) for name in names])
    within = np.zeros((embeddings.shape[1],) * 2)
    for name, mean in zip(names, means, strict=True):
        rest = embeddings[group == name] - mean
        within += rest.T @ rest / (group >= 0).sum()
    within += _WITHIN_RIDGE * np.eye(len(within))
    apart = means - means.mean(axis=0)
    # In coordinates in which people of one group are spread alike.
    whiten = np.linalg.inv(np.linalg.cholesky(within))
    _, _, rows = np.linalg.svd(apart @ whiten.T, full_matrices=False)
    return (whiten.T @ rows[:_NUM_DISCRIMINANTS].T).astype(np.float32)
