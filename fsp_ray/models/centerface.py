"""CenterFace, a detector that looks for the middle of faces."""

from __future__ import annotations

from typing import Final

import numpy as np

from fsp_ray.core.face_types import U8
from fsp_ray.models.chips import to_nchw
from fsp_ray.models.detection import Candidates
from fsp_ray.models.session import Session

MIN_SCORE: Final = 0.4
_STRIDE: Final = 4
_MAX_LOG_SIZE: Final = 8.0


class CenterFace:
    """Xu et al., "CenterFace: Joint face detection and alignment using face as point", 2019.

    A `Finder`.
    """

    def __init__(self, session: Session, *, min_score: float = MIN_SCORE) -> None:
        self._session = session
        self._min_score = min_score

    def find(self, rgb: U8) -> Candidates:
        """Return candidates in one frame whose sides are multiples of 32.

        Every head lies on a grid of stride 4 and gives (y, x) pairs: size = exp(scale)·4,
        centre = (cell + offset + .5)·4, point = top left corner + share·size.
        """
        outputs = self._session.run(to_nchw(rgb[None]))
        heat = outputs["heat"][0, 0]
        row, column = np.nonzero(heat >= self._min_score)
        scale, offset, shares = (
            outputs[name][0, :, row, column] for name in ("scale", "offset", "points")
        )
        size = np.exp(np.minimum(scale[:, ::-1], _MAX_LOG_SIZE)) * _STRIDE
        cell = np.stack([column, row], axis=1).astype(np.float32)
        center = (cell + offset[:, ::-1] + np.float32(0.5)) * _STRIDE
        corner = center - size / 2
        xyxy = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
        kps = corner[:, None] + shares.reshape(-1, 5, 2)[:, :, ::-1] * size[:, None]
        return Candidates(xyxy, kps.astype(np.float32), heat[row, column])
