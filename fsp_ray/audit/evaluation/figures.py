"""From stacked readings to figures: recognised, distinct, kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.readings import People, Read, Readings, rows_by_group
from fsp_ray.audit.evaluation.reference import Reference, histogram
from fsp_ray.audit.evaluation.results import (
    Comparison,
    Counts,
    Distinct,
    Kept,
    Matches,
    Reidentified,
)
from fsp_ray.audit.metrics import (
    Share,
    own_similarities,
    pair_similarities,
    rank_1_hits,
)
from fsp_ray.core.ages import age_group
from fsp_ray.core.face_types import F32

Bools = npt.NDArray[np.bool_]
Pairs = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]

AGE_EDGES: Final = tuple(range(0, 91, 5))


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Originals to choose from.

    Attributes:
        vectors: f32[N, D].
        own: i64[M], each probe's row.
    """

    vectors: F32
    own: Rows


def reidentified(
    recogniser: str,
    comparison: Comparison,
    after: F32,
    before: F32,
    *,
    gallery: Gallery,
    grown: Bools,
    axes: Mapping[str, npt.NDArray[np.str_]],
    reference: Reference,
) -> Reidentified:
    """Return how well one recogniser recognises faces.

    Args:
        recogniser: its name.
        comparison: what `before` is to `after`.
        after, before: f32[M, D], row by row of one person.
        gallery: originals to choose from in ranking.
        grown: bool[M], whose thresholds apply.
        axes: the group of every row, by axis.
        reference: sets the thresholds.
    """
    similarities = own_similarities(before, after)
    ranked = rank_1_hits(after, gallery.vectors, gallery.own)

    def matches(rows: Rows) -> Matches:
        return Matches(
            mean_similarity=_mean(similarities[rows]),
            matched=reference.matched(recogniser, similarities[rows], grown[rows]),
            rank_1=Share.of(ranked[rows]),
        )

    return Reidentified(
        recogniser=recogniser,
        comparison=comparison,
        gallery=len(gallery.vectors),
        all=matches(np.arange(len(after), dtype=np.int64)),
        groups={
            axis: {name: matches(rows) for name, rows in rows_by_group(groups).items()}
            for axis, groups in axes.items()
        },
        histogram=histogram(similarities[grown]),
        roc=reference.roc(recogniser, similarities, grown),
    )


def distinct(
    recogniser: str, before: F32, after: F32, *, pairs: Pairs, grown: Bools, reference: Reference
) -> Distinct:
    """Return whether pairs of different people [P, 2], alike in age, stay as different."""
    were, are = pair_similarities(before, pairs), pair_similarities(after, pairs)
    cohort = grown[pairs[:, 0]]
    return Distinct(
        recogniser=recogniser,
        pairs=len(pairs),
        mean_before=_mean(were),
        mean_after=_mean(are),
        matched_before=reference.matched(recogniser, were, cohort),
        matched_after=reference.matched(recogniser, are, cohort),
    )


def kept(people: People, before: Read | Readings, after: Read | Readings, rows: Rows) -> Kept:
    """Return what reads the same of some of the faces."""
    moved = (after.age_years - before.age_years)[rows].astype(np.float64)
    label, female = people.age_years[rows], np.array(people.gender)[rows] == "female"
    return Kept(
        n=len(rows),
        gender=Share.of(before.female[rows] == after.female[rows]),
        age_group=Share.of(_groups(before.age_years[rows]) == _groups(after.age_years[rows])),
        age_moved_mean_abs=_mean(np.abs(moved)),
        age_moved_mean=_mean(moved),
        age_error_before=_mean(np.abs(before.age_years[rows] - label)),
        age_error_after=_mean(np.abs(after.age_years[rows] - label)),
        gender_right_before=Share.of(before.female[rows] == female),
        gender_right_after=Share.of(after.female[rows] == female),
    )


def ages(before: Readings, after: Readings, rows: Rows) -> tuple[Counts, ...]:
    """Return how many faces read so old before (row) and after (column), by AGE_EDGES."""
    low, high = AGE_EDGES[0], AGE_EDGES[-1] - 1
    counts, _, _ = np.histogram2d(
        np.clip(before.age_years[rows], low, high),
        np.clip(after.age_years[rows], low, high),
        bins=[list(AGE_EDGES), list(AGE_EDGES)],
    )
    return tuple(tuple(int(v) for v in row) for row in counts)


def _groups(age_years: F32) -> npt.NDArray[np.str_]:
    return np.array([age_group(float(np.clip(years, 0, 120))) for years in age_years])


def _mean(values: npt.NDArray[np.floating]) -> float | None:
    return float(values.mean()) if values.size else None
