"""Figures from similarities, embeddings and landmarks. Pure numpy, no models, no pictures."""

from __future__ import annotations

from fsp_ray.audit.metrics.attack import Attack, cross_fitted
from fsp_ray.audit.metrics.attack import fit as fit_attack
from fsp_ray.audit.metrics.pairs import alike_pairs, own_similarities, pair_similarities
from fsp_ray.audit.metrics.ranking import chance_of_rank_1, rank_1_hits
from fsp_ray.audit.metrics.shares import Share, binomial_tail
from fsp_ray.audit.metrics.signals import correlation, jitter, opening
from fsp_ray.audit.metrics.verification import FARS, auc, threshold_at

__all__ = [
    "FARS",
    "Attack",
    "Share",
    "alike_pairs",
    "auc",
    "binomial_tail",
    "chance_of_rank_1",
    "correlation",
    "cross_fitted",
    "fit_attack",
    "jitter",
    "opening",
    "own_similarities",
    "pair_similarities",
    "rank_1_hits",
    "threshold_at",
]
