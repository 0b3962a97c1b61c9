"""Thresholds from impostor pairs of people who are not judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.results import Counts, Thresholds
from fsp_ray.audit.metrics import FARS, Share, pair_similarities, threshold_at
from fsp_ray.core.face_types import F32
from fsp_ray.core.protocols import FaceEmbedder

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Pairs = npt.NDArray[np.int64]

SIMILARITY_EDGES: Final = tuple(round(-0.5 + 0.01 * i, 2) for i in range(151))
ROC_FARS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
COHORTS: Final = ("child", "grown")
GROWN_YEARS: Final = 15.0
"""Recognisers hardly tell small children apart. In one pot with them, nine tenths of the nearest
pairs of a folder like UTKFace are babies, and the thresholds so lenient that grown people, whom
the recognisers tell apart well, would hardly ever count as matched. So each has thresholds of
their own, from pairs of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Impostor pairs, by recogniser and cohort. Nothing of a single face can be told from them.

    Attributes:
        faces: whose pairs they are.
        impostors: f64[P], similarities, by recogniser and by cohort's word.
        left_out: pairs that all recognisers take for one person.
    """

    faces: int
    impostors: Mapping[str, Mapping[str, F64]]
    left_out: int

    @classmethod
    def of(
        cls, embeddings: Mapping[str, F32], grown: Bools, recognisers: Mapping[str, FaceEmbedder]
    ) -> Reference:
        """Return the pairs with one another of all faces [M, D], the grown ones of bool[M]."""
        pairs = np.stack(np.triu_indices(len(grown), 1), axis=1).astype(np.int64)
        twice = one_person(embeddings, pairs, grown, recognisers)
        pairs, left_out = pairs[~twice], int(twice.sum())
        both = {word: (grown[pairs] == (word == "grown")).all(axis=1) for word in COHORTS}
        impostors = {
            recogniser: {word: pair_similarities(vectors, pairs[both[word]]) for word in COHORTS}
            for recogniser, vectors in embeddings.items()
        }
        return cls(len(grown), impostors, left_out)

    def matched(self, recogniser: str, similarities: F64, grown: Bools) -> dict[str, Share]:
        """Return the share of pairs [P] that match, each against its cohort's threshold.

        By false accept rate; pairs of a cohort without a threshold are not counted.
        """
        return {f"{far:g}": self.share(recogniser, similarities, grown, far) for far in FARS}

    def share(self, recogniser: str, similarities: F64, grown: Bools, far: float) -> Share:
        """Return the share of pairs that match at one false accept rate."""
        hits, count = 0, 0
        for word in COHORTS:
            threshold = threshold_at(self.impostors[recogniser][word], far)
            mine = similarities[grown == (word == "grown")]
            if threshold is not None:
                hits += int((mine > threshold).sum())
                count += len(mine)
        return Share(hits, count)

    def roc(self, recogniser: str, similarities: F64, grown: Bools) -> tuple[float | None, ...]:
        """Return the matched share at each of ROC_FARS."""
        return tuple(self.share(recogniser, similarities, grown, far).share for far in ROC_FARS)

    def thresholds(self) -> dict[str, dict[str, Thresholds]]:
        """Return what there is to say of every recogniser and cohort."""
        return {
            recogniser: {word: _thresholds(values) for word, values in by_cohort.items()}
            for recogniser, by_cohort in self.impostors.items()
        }


def one_person(
    embeddings: Mapping[str, F32],
    pairs: Pairs,
    grown: Bools,
    recognisers: Mapping[str, FaceEmbedder],
) -> Bools:
    """Return bool[P]: pairs of pictures of grown people that every recogniser takes for one person.

    Folders of faces hold some people twice. Left in, they would raise the thresholds, and fewer
    faces would count as matched. Recognisers err nearly independently of one another, so that what
    all agree on is hardly ever two people; of children it often is.
    """
    same: Bools = grown[pairs[:, 0]] & grown[pairs[:, 1]]
    for recogniser, vectors in embeddings.items():
        same &= pair_similarities(vectors, pairs) > 1 - recognisers[recogniser].same_person_distance
    return same


def histogram(similarities: F64) -> Counts:
    """Return counts over SIMILARITY_EDGES; what lies outside counts in the outermost bins."""
    inside = np.clip(similarities, SIMILARITY_EDGES[0], SIMILARITY_EDGES[-1])
    return tuple(int(v) for v in np.histogram(inside, list(SIMILARITY_EDGES))[0])


def is_grown(age_years: Sequence[float] | F32) -> Bools:
    """Return bool[M]: who is judged by grown people's thresholds."""
    return np.array([years >= GROWN_YEARS for years in age_years], np.bool_)


def _thresholds(values: F64) -> Thresholds:
    return Thresholds(
        pairs=len(values),
        mean_similarity=float(values.mean()) if len(values) else None,
        at={f"{far:g}": threshold_at(values, far) for far in FARS},
        histogram=histogram(values),
    )
