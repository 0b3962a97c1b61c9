"""How far a sample may miss a promised share before it surely is not kept."""

from __future__ import annotations

from fsp_ray.audit.metrics import binomial_tail

SURELY_WORSE = 0.01


def at_most(share: float, n: int) -> int:
    """Return the most hits of `n` that a true share leaves likely: more come once in a hundred."""
    return next(k for k in range(n + 1) if binomial_tail(k + 1, [share] * n) < SURELY_WORSE)
