"""How long a request is made again while its server fails."""

from __future__ import annotations

import os
from typing import Final

from fsp_ray.core.errors import LakeError

PATIENCE_VARIABLE: Final = "FSP_BUCKET_PATIENCE_S"
"""Seconds. Default: a server restarts in it."""

_PATIENCE_S: Final = 60.0
_LONGEST_PATIENCE_S: Final = 3600.0


def patience_s() -> float:
    """Return how long a request is made again while its server fails.

    Raises:
        LakeError: the environment says something else than a number of seconds.
    """
    text = os.environ.get(PATIENCE_VARIABLE) or str(_PATIENCE_S)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_PATIENCE_S:
        raise LakeError(
            f"{PATIENCE_VARIABLE} is {text!r}.",
            advice=f"Set it to seconds, up to {_LONGEST_PATIENCE_S:.0f}.",
        )
    return seconds
