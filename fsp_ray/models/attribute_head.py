"""From what the nets say of a face to its age and gender: our own small, fitted head.

An ensemble of networks with one hidden layer, each fitted without another quarter of the faces.
Each gives probabilities of ages, whose mean a last, monotone curve stretches: what a regression
reads is drawn to the middle ages, and the old would look too young in every table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import MAX_AGE_YEARS
from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32, Attributes

# The ages that the outputs stand for; 100 stands for all beyond, too.
AGE_BINS: Final[F32] = np.arange(0, 102.5, 2.5, dtype=np.float32)
# No feature counts as farther off the mean than this, in standard deviations.
FEATURE_LIMIT: Final = 5.0
_FILE: Final = "attributes.npz"
_HALVED: Final = ("hidden", "output")


@dataclass(frozen=True, slots=True, eq=False)
class AttributeHead:
    """The coefficients: D features, E networks, H hidden units each, B ages.

    Attributes:
        mean, scale: f32[D], of the features.
        hidden: f32[E, D, H]; hidden_bias: f32[E, H].
        output: f32[E, H, B + 1], logits of `AGE_BINS`, then the log-odds of female;
            output_bias: f32[E, B + 1].
        curve_read, curve_true: f32[C], knots of the last curve, years, both rising.
        gender_gain, gender_shift: f32[1], what makes a probability of the mean log-odds.
    """

    mean: F32
    scale: F32
    hidden: F32
    hidden_bias: F32
    output: F32
    output_bias: F32
    curve_read: F32
    curve_true: F32
    gender_gain: F32
    gender_shift: F32

    def __post_init__(self) -> None:
        nets, features, units = self.hidden.shape
        check_array("mean", self.mean, np.float32, (features,))
        check_array("scale", self.scale, np.float32, (features,))
        check_array("hidden", self.hidden, np.float32, (nets, features, units))
        check_array("hidden_bias", self.hidden_bias, np.float32, (nets, units))
        outputs = len(AGE_BINS) + 1
        check_array("output", self.output, np.float32, (nets, units, outputs))
        check_array("output_bias", self.output_bias, np.float32, (nets, outputs))
        check_array("curve_read", self.curve_read, np.float32, (None,))
        check_array("curve_true", self.curve_true, np.float32, self.curve_read.shape)
        if (np.diff(self.curve_read) <= 0).any() or (np.diff(self.curve_true) < 0).any():
            raise ValueError("the curve of ages must rise")

    @classmethod
    def load(cls, path: Path) -> AttributeHead:
        """Read a head that `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(**{f.name: stored[f.name].astype(np.float32) for f in fields(cls)})

    @classmethod
    def default(cls) -> AttributeHead:
        """Return the head that comes with this version."""
        return _default()

    def save(self, path: Path) -> None:
        """Write the coefficients, the matrices in half precision."""
        arrays: dict[str, npt.NDArray[np.floating]] = {
            field.name: getattr(self, field.name) for field in fields(self)
        }
        halved = {name: arrays[name].astype(np.float16) for name in _HALVED}
        np.savez_compressed(path, allow_pickle=False, **(arrays | halved))

    def read(self, features: F32) -> Attributes:
        """Return ages and genders from features, f32[M, D]."""
        ages, log_odds = self.outputs(features)
        means, odds = ages.mean(axis=0), log_odds.mean(axis=0)
        years = np.interp(means, self.curve_read, self.curve_true)
        female = 1 / (1 + np.exp(-(self.gender_gain * odds + self.gender_shift)))
        return Attributes(
            age_years=np.clip(years, 0, MAX_AGE_YEARS).astype(np.float32),
            female_probability=female.astype(np.float32),
        )

    def outputs(self, features: F32) -> tuple[F32, F32]:
        """Return what each network says, f32[E, M] years before the curve, f32[E, M] log-odds."""
        check_array("features", features, np.float32, (None, len(self.mean)))
        x = standardised(features, self.mean, self.scale)
        units = np.maximum(x @ self.hidden + self.hidden_bias[:, None], 0)
        logits = units @ self.output + self.output_bias[:, None]
        return expected_age(logits[:, :, :-1]), logits[:, :, -1]


def standardised(features: F32, mean: F32, scale: F32) -> F32:
    """Return features in standard deviations, f32, cut at `FEATURE_LIMIT`."""
    return np.clip((features - mean) / scale, -FEATURE_LIMIT, FEATURE_LIMIT).astype(np.float32)


def expected_age(logits: F32) -> F32:
    """Return the mean of the ages that logits, f32[..., B], give probabilities of."""
    share = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (share @ AGE_BINS) / share.sum(axis=-1)


@cache
def _default() -> AttributeHead:
    with resources.as_file(resources.files("fsp_ray.models") / "data" / _FILE) as path:
        return AttributeHead.load(path)
