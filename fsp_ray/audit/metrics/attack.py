"""An attack: learn to see the original face in the synthetic one.

If anything of the original's identity survives a swap in a way that is the same for everybody,
a linear map from the embedding after to the embedding before finds it. Ridge regression (Hoerl
and Kennard, 1970), its strength chosen by cross-validation within the people it is fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
F64 = npt.NDArray[np.float64]

_STRENGTHS: Final = tuple(float(v) for v in np.geomspace(1e-3, 1e4, 15))
_FOLDS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Attack:
    """A fitted map. Biometric: it lives in memory only.

    Attributes:
        mean_in, scale_in: f64[D], what is taken from an embedding after, and divided by.
        mean_out, scale_out: f64[D], what an embedding before is multiplied by and gets added.
        weights: f64[D, D].
    """

    mean_in: F64
    scale_in: F64
    mean_out: F64
    scale_out: F64
    weights: F64

    def apply(self, after: Floats) -> F64:
        """Return the guesses at the embeddings before, unit vectors [M, D], mean taken off.

        Compare them with `centred` originals: the mean of all faces tells nobody apart.
        """
        guess = ((after - self.mean_in) / self.scale_in) @ self.weights
        return _unit(guess)

    def centred(self, before: Floats) -> F64:
        """Return originals in the space of the guesses."""
        return _unit((before - self.mean_out) / self.scale_out)


def fit(after: Floats, before: Floats, *, whitened: bool = False) -> Attack:
    """Fit the map on pairs of embeddings [M, D], one row a person.

    Args:
        after, before: of the same people, row by row.
        whitened: give every dimension the same spread first.

    Raises:
        ValueError: fewer than ten people.
    """
    if len(after) < 2 * _FOLDS:
        raise ValueError("an attack is fitted on at least ten people")
    x, y = after.astype(np.float64), before.astype(np.float64)
    mean_in, mean_out = x.mean(axis=0), y.mean(axis=0)
    ones = np.ones(x.shape[1])
    scale_in = np.maximum(x.std(axis=0), 1e-9) if whitened else ones
    scale_out = np.maximum(y.std(axis=0), 1e-9) if whitened else np.ones(y.shape[1])
    x, y = (x - mean_in) / scale_in, (y - mean_out) / scale_out
    strength = _best_strength(x, y)
    return Attack(mean_in, scale_in, mean_out, scale_out, _ridge(x, y, strength))


def cross_fitted(count: int) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Return both ways to fit on one half of so many people and judge the other half."""
    rows = np.arange(count, dtype=np.int64)
    odd, even = rows[1::2], rows[::2]
    return [(odd, even), (even, odd)]


def _best_strength(x: F64, y: F64) -> float:
    """Return the strength whose guesses, fold by fold, point most nearly at the originals."""
    fold = np.arange(len(x)) % _FOLDS
    scores = np.zeros(len(_STRENGTHS))
    for number in range(_FOLDS):
        rest, held = fold != number, fold == number
        for i, strength in enumerate(_STRENGTHS):
            guess = _unit(x[held] @ _ridge(x[rest], y[rest], strength))
            scores[i] += float((guess * _unit(y[held])).sum())
    return _STRENGTHS[int(scores.argmax())]


def _ridge(x: F64, y: F64, strength: float) -> F64:
    """Return the weights [D, D]; the strength is in units of the inputs' mean energy."""
    energy = max(float((x**2).sum()) / x.shape[1], 1e-12)
    gram = x.T @ x + strength * energy * np.eye(x.shape[1])
    return np.linalg.solve(gram, x.T @ y)


def _unit(vectors: F64) -> F64:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
