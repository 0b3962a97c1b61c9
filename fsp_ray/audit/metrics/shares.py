"""Shares with their uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_Z_95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many.

    Attributes:
        hits: how many; a tie in a ranking counts as a part of one.
        n: of how many; 0 where there was nothing to count.
    """

    hits: float
    n: int

    def __post_init__(self) -> None:
        if self.n < 0 or not -1e-9 <= self.hits <= self.n + 1e-9:
            raise ValueError(f"{self.hits} of {self.n} is no share")

    @classmethod
    def of(cls, hits: npt.ArrayLike) -> Share:
        """Return the share of what is true, or the mean of parts of hits, in an array [N]."""
        parts = np.asarray(hits, np.float64)
        return cls(float(parts.sum()), int(parts.size))

    @property
    def share(self) -> float | None:
        """The share, 0..1; None of nothing."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of Wilson (JASA 22, 1927); None of nothing."""
        if not self.n:
            return None
        p, z2 = self.hits / self.n, _Z_95**2
        middle = (p + z2 / (2 * self.n)) / (1 + z2 / self.n)
        half = math.sqrt(p * (1 - p) / self.n + z2 / (4 * self.n**2)) * _Z_95 / (1 + z2 / self.n)
        # Rounding must not put the share itself outside.
        return max(0.0, min(middle - half, p)), min(1.0, max(middle + half, p))

    def as_dict(self) -> dict[str, float | int | None]:
        """Return share, interval and counts, JSON-able."""
        low, high = self.interval or (None, None)
        return {"share": self.share, "low": low, "high": high, "hits": self.hits, "n": self.n}


def binomial_tail(hits: float, chances: npt.ArrayLike) -> float:
    """Return how likely pure chance makes at least so many hits.

    Args:
        hits: as counted; rounded down.
        chances: f64[N], the chance of each trial by itself, 0..1 (Poisson's binomial).
    """
    at_most = np.ones(1)
    for chance in np.asarray(chances, np.float64):
        longer = np.zeros(len(at_most) + 1)
        longer[:-1] += at_most * (1 - chance)
        longer[1:] += at_most * chance
        at_most = longer
    return float(min(1.0, at_most[math.floor(hits + 1e-9) :].sum()))
