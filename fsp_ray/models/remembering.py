"""A session that is asked the same thing twice and answers it once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsp_ray.core.face_types import F32
from fsp_ray.models.session import CPU, Session


class RememberingSession(Session):
    """Keeps the last batch and what came out, for those who read other outputs of it.

    It compares pixels, not names of arrays: frames are drawn on in place.
    """

    def __init__(self, model: bytes, *, threads: int = 1, providers: Sequence[str] = CPU) -> None:
        super().__init__(model, threads=threads, providers=providers)
        self._last: tuple[F32, dict[str, F32]] | None = None

    def run(self, batch: F32) -> dict[str, F32]:
        """Return all outputs by name for one NCHW batch; they are shared: not to be written to."""
        if self._last is None or not np.array_equal(self._last[0], batch):
            self._last = (batch.copy(), super().run(batch))
        return self._last[1]
