"""One to many: who in a gallery is it?"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
F64 = npt.NDArray[np.float64]

_TIE = 1e-6


def rank_1_hits(
    probes: Floats,
    gallery: Floats,
    own: Sequence[int] | npt.NDArray[np.integer],
    *,
    probe_groups: Sequence[Hashable] | None = None,
    gallery_groups: Sequence[Hashable] | None = None,
) -> F64:
    """Return f64[M]: 1 where a probe's nearest in the gallery is its own; 1/k of a k-fold tie.

    Args:
        probes: [M, D] unit vectors.
        gallery: [N, D] unit vectors.
        own: for each probe, the gallery's row of the same person.
        probe_groups, gallery_groups: where given, a probe is only compared with its own group:
            what somebody finds out who knows the group already.
    """
    scores = np.asarray(probes @ gallery.T, np.float64)
    if probe_groups is not None and gallery_groups is not None:
        scores[~_same(probe_groups, gallery_groups)] = -np.inf
    own_scores = scores[np.arange(len(scores)), np.asarray(own, np.int64)]
    best = scores.max(axis=1, initial=-np.inf)
    tied = (scores >= best[:, None] - _TIE).sum(axis=1)
    return np.where(own_scores >= best - _TIE, 1 / np.maximum(tied, 1), 0.0)


def chance_of_rank_1(probe_groups: Sequence[Hashable], gallery_groups: Sequence[Hashable]) -> F64:
    """Return f64[M]: for each probe, the chance of one guess among its group in the gallery."""
    return 1 / np.maximum(_same(probe_groups, gallery_groups).sum(axis=1), 1).astype(np.float64)


def _same(a: Sequence[Hashable], b: Sequence[Hashable]) -> npt.NDArray[np.bool_]:
    numbers: dict[Hashable, int] = {}
    rows = np.array([numbers.setdefault(group, len(numbers)) for group in a], np.int64)
    columns = np.array([numbers.setdefault(group, len(numbers)) for group in b], np.int64)
    return rows[:, None] == columns[None]
