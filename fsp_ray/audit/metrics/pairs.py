"""Which pairs to compare."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
F64 = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.int64]


def own_similarities(before: Floats, after: Floats) -> F64:
    """Return f64[M], row by row the cosine of two arrays of unit vectors [M, D]."""
    return np.einsum("md,md->m", before.astype(np.float64), after.astype(np.float64))


def pair_similarities(vectors: Floats, pairs: Pairs) -> F64:
    """Return f64[P], the cosines of pairs [P, 2] of rows of unit vectors [M, D]."""
    return own_similarities(vectors[pairs[:, 0]], vectors[pairs[:, 1]])


def alike_pairs(groups: Sequence[Hashable]) -> Pairs:
    """Return i64[P, 2], every pair i < j of rows that belong to one group."""
    by_group: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        by_group.setdefault(group, []).append(row)
    found = [
        np.array(rows, np.int64)[np.stack(np.triu_indices(len(rows), 1), axis=1)]
        for rows in by_group.values()
    ]
    return np.concatenate([np.empty((0, 2), np.int64), *found])
