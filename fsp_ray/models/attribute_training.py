"""Trains one network of the head: a hidden layer, probabilities of ages, log-odds of gender.

Plain numpy: a few thousand faces and one hidden layer need no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32
from fsp_ray.models.attribute_head import AGE_BINS

_BETAS: Final = (0.9, 0.999)  # Adam's (Kingma and Ba, ICLR 2015)
_EPSILON: Final = 1e-8
_FIRST_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Training:
    """How a network is trained.

    Attributes:
        units: of the hidden layer.
        epochs, batch: how often a face is seen, and how many at once.
        rate, decay: Adam's step, falling by a cosine, and the weights' decay a step of rate 1.
        feature_dropout, unit_dropout: shares that are left out.
        label_std_years: how far around its label a face's age is taken to be.
        mean_weight: weight of the mean age's error (years, up to `longest_error_years`) beside
            that of the probabilities.
        child_weight: weight of the gender of those under 15, whose faces hardly tell it.
    """

    units: int = 64
    epochs: int = 25
    batch: int = 64
    rate: float = 1e-3
    decay: float = 1e-2
    feature_dropout: float = 0.2
    unit_dropout: float = 0.6
    label_std_years: float = 3.0
    mean_weight: float = 0.02
    longest_error_years: float = 8.0
    child_weight: float = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What N faces are: f32[N] years, up to the last bin; f32[N] 1 for female, 0 for male."""

    age_years: F32
    female: F32


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Weights and biases: f32[D, H], f32[H], f32[H, B + 1], f32[B + 1]."""

    hidden: F32
    hidden_bias: F32
    output: F32
    output_bias: F32

    @property
    def parts(self) -> tuple[F32, F32, F32, F32]:
        """All of them, to be changed in place."""
        return self.hidden, self.hidden_bias, self.output, self.output_bias


def train(
    looks: Sequence[F32], targets: Targets, settings: Training, rng: np.random.Generator
) -> Network:
    """Return a network fitted to faces of which there are several looks.

    Args:
        looks: standardised features, f32[N, D] each, of the same N faces; each time a face is
            seen it is in one look, by chance.
        targets: of the N faces.
        settings: how.
        rng: what all chance is drawn from.
    """
    faces, width = looks[0].shape
    network = _start(width, settings.units, rng)
    adam = _Adam(network, settings)
    steps = settings.epochs * max(1, faces // settings.batch)
    stacked = np.stack(looks)
    for step in range(steps):
        chosen = rng.integers(0, faces, settings.batch)
        x = stacked[rng.integers(0, len(looks), settings.batch), chosen]
        part = Targets(targets.age_years[chosen], targets.female[chosen])
        rate = 0.5 * settings.rate * (1 + np.cos(np.pi * step / steps))
        adam.step(_gradients(network, x, part, settings, rng), rate * min(1, step / _FIRST_STEPS))
    return network


def _start(width: int, units: int, rng: np.random.Generator) -> Network:
    """He's initial weights (ICCV 2015), small in the last layer."""
    outputs = len(AGE_BINS) + 1
    return Network(
        rng.normal(0, np.sqrt(2 / width), (width, units)).astype(np.float32),
        np.zeros(units, np.float32),
        rng.normal(0, 0.3 * np.sqrt(2 / units), (units, outputs)).astype(np.float32),
        np.zeros(outputs, np.float32),
    )


def _gradients(
    network: Network, x: F32, targets: Targets, settings: Training, rng: np.random.Generator
) -> tuple[F32, F32, F32, F32]:
    x = x * _kept(x.shape, settings.feature_dropout, rng)
    before = x @ network.hidden + network.hidden_bias
    kept = _kept(before.shape, settings.unit_dropout, rng)
    passed = kept * (before > 0).astype(np.float32)
    units = (before * passed).astype(np.float32)
    outputs = (units @ network.output + network.output_bias).astype(np.float32)
    slope = _slope(outputs, targets, settings)
    below = ((slope @ network.output.T) * passed).astype(np.float32)
    return x.T @ below, below.sum(axis=0), units.T @ slope, slope.sum(axis=0)


def _slope(outputs: F32, targets: Targets, settings: Training) -> F32:
    """Return the loss's derivative by the outputs: cross entropies, and the mean age's error."""
    share = _softmax(outputs[:, :-1])
    distance = (targets.age_years[:, None] - AGE_BINS) / np.float32(settings.label_std_years)
    by_age = share - _softmax(-0.5 * distance**2)
    mean = share @ AGE_BINS
    longest = settings.longest_error_years
    error = settings.mean_weight * np.clip(mean - targets.age_years, -longest, longest)
    by_age += error[:, None] * share * (AGE_BINS - mean[:, None])
    female = 1 / (1 + np.exp(-outputs[:, -1]))
    weight = np.where(targets.age_years < 15, settings.child_weight, 1)
    by_gender = weight * (female - targets.female)
    slope = np.concatenate([by_age, by_gender[:, None]], axis=1)
    return (slope / len(slope)).astype(np.float32)


def _softmax(logits: F32) -> F32:
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    return share / share.sum(axis=1, keepdims=True)


def _kept(shape: tuple[int, ...], dropout: float, rng: np.random.Generator) -> F32:
    """Return 0 for what is left out, and for the rest what makes up for it."""
    kept = rng.random(shape, dtype=np.float32) >= dropout
    return kept.astype(np.float32) / np.float32(1 - dropout)


class _Adam:
    """Adam with decoupled decay of the weights (Loshchilov and Hutter, ICLR 2019)."""

    def __init__(self, network: Network, settings: Training) -> None:
        self._parts = network.parts
        self._decay = settings.decay
        self._means = [np.zeros_like(part) for part in self._parts]
        self._squares = [np.zeros_like(part) for part in self._parts]
        self._steps = 0

    def step(self, gradients: Sequence[F32], rate: float) -> None:
        self._steps += 1
        first, second = _BETAS
        held = zip(self._parts, gradients, self._means, self._squares, strict=True)
        for part, gradient, mean, square in held:
            mean[...] += (1 - first) * (gradient - mean)
            square[...] += (1 - second) * (gradient**2 - square)
            size = np.sqrt(square / (1 - second**self._steps)) + _EPSILON
            decay = self._decay if part.ndim > 1 else 0.0
            part[...] -= rate * (mean / (1 - first**self._steps) / size + decay * part)
