"""One to one: is this pair one person? Similarities in, greater is more alike."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

FARS: Final = (0.01, 0.001)
"""False accept rates at which matches are counted."""

# With fewer accepted impostors than this, a threshold would hang on one pair.
_MIN_ACCEPTED: Final = 3


def threshold_at(impostors: Floats, far: float) -> float | None:
    """Return the threshold over which at most `far` of the impostor pairs lie.

    A pair matches where its similarity is greater than the threshold. None where there are too
    few impostor pairs to say: fewer than 3 / `far`.

    Raises:
        ValueError: `far` is not between 0 and 1.
    """
    if not 0 < far < 1:
        raise ValueError(f"a false accept rate lies between 0 and 1, not {far}")
    accepted = int(far * impostors.size + 1e-9)
    if accepted < _MIN_ACCEPTED:
        return None
    return float(np.partition(impostors.ravel(), -accepted - 1)[-accepted - 1])


def auc(genuine: Floats, impostors: Floats) -> float | None:
    """Return how often a genuine pair is more alike than an impostor pair; a tie counts half.

    The area under the ROC, by ranks (Mann and Whitney, 1947); None where one side is empty.
    """
    if not genuine.size or not impostors.size:
        return None
    ordered = np.sort(impostors, axis=None)
    below = np.searchsorted(ordered, genuine, side="left")
    at_most = np.searchsorted(ordered, genuine, side="right")
    return float((below + at_most).mean() / 2 / impostors.size)
