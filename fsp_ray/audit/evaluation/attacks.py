"""The attack and the linking of two runs, on stacked readings."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.reference import Reference
from fsp_ray.audit.evaluation.results import Attacked, Linked
from fsp_ray.audit.metrics import (
    Share,
    alike_pairs,
    auc,
    binomial_tail,
    chance_of_rank_1,
    cross_fitted,
    fit_attack,
    own_similarities,
    rank_1_hits,
)
from fsp_ray.core.face_types import F32

F64 = npt.NDArray[np.float64]

MIN_PEOPLE = 40
"""With fewer, neither half of the people teaches or tells anything."""


def attacked(
    recogniser: str, after: F32, before: F32, alike: Sequence[Hashable], *, whitened: bool
) -> Attacked | None:
    """Fit the attack on half of the people, judge the other half, and the other way round.

    Args:
        recogniser: whose embeddings they are.
        after, before: f32[M, D], row by row of one person.
        alike: each one's gender and age group.
        whitened: give every dimension the same spread first.

    Returns:
        None for fewer than MIN_PEOPLE.
    """
    if len(after) < MIN_PEOPLE:
        return None
    hits, chance, hits_alike, chance_alike = ([] for _ in range(4))
    for fitted, held in cross_fitted(len(after)):
        attack = fit_attack(after[fitted], before[fitted], whitened=whitened)
        guesses, originals = attack.apply(after[held]), attack.centred(before[held])
        own = np.arange(len(held), dtype=np.int64)
        groups = [alike[int(row)] for row in held]
        hits.append(rank_1_hits(guesses, originals, own))
        chance.append(np.full(len(held), 1 / len(held)))
        hits_alike.append(
            rank_1_hits(guesses, originals, own, probe_groups=groups, gallery_groups=groups)
        )
        chance_alike.append(chance_of_rank_1(groups, groups))
    found, among = Share.of(np.concatenate(hits)), Share.of(np.concatenate(hits_alike))
    guessed, guessed_among = np.concatenate(chance), np.concatenate(chance_alike)
    return Attacked(
        recogniser=recogniser,
        method="whitened" if whitened else "ridge",
        people=len(after),
        rank_1=found,
        chance=float(guessed.mean()),
        p_value=binomial_tail(found.hits, guessed),
        rank_1_alike=among,
        chance_alike=float(guessed_among.mean()),
        p_value_alike=binomial_tail(among.hits, guessed_among),
    )


def linked(
    recogniser: str,
    first: F32,
    second: F32,
    *,
    seen: str,
    alike: Sequence[Hashable],
    grown: npt.NDArray[np.bool_],
    reference: Reference,
) -> Linked:
    """Return whether two runs f32[M, D] over the same people can be put together.

    Args:
        recogniser: whose embeddings they are.
        first, second: f32[M, D], row by row of one person.
        seen: what of the picture the recogniser saw.
        alike: each one's gender and age group.
        grown: bool[M], whose thresholds apply.
        reference: sets the thresholds.
    """
    own = own_similarities(first, second)
    pairs = alike_pairs(alike)
    others = np.concatenate(
        [
            own_similarities(first[pairs[:, 0]], second[pairs[:, 1]]),
            own_similarities(first[pairs[:, 1]], second[pairs[:, 0]]),
        ]
    )
    rows = np.arange(len(first), dtype=np.int64)
    hits = rank_1_hits(first, second, rows, probe_groups=alike, gallery_groups=alike)
    chance = chance_of_rank_1(alike, alike)
    return Linked(
        recogniser=recogniser,
        seen=seen,
        mean_own=float(own.mean()) if len(own) else None,
        mean_alike=float(others.mean()) if len(others) else None,
        auc=auc(own, others),
        matched=reference.matched(recogniser, own, grown),
        rank_1_alike=Share.of(hits),
        chance_alike=float(chance.mean()) if len(chance) else None,
    )
